"""CometBFT's blocks made in Python, with real keys and real signatures, for tests."""

import dataclasses
from collections.abc import Collection, Sequence
from hashlib import sha256

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import FOR_BLOCK, Commit, CommitSignature
from consensus.cometbft.headers import BLOCK_PROTOCOL, Header
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.merkle import EMPTY_ROOT
from consensus.cometbft.timestamps import NS_PER_SECOND
from consensus.cometbft.validators import ValidatorSet
from primitives.signatures import SigningKey

CHAIN_ID = "democite-" + "5e" * 20
GENESIS_NS = 1_800_000_000 * NS_PER_SECOND


def keys_named(*names: str) -> list[SigningKey]:
    """A signing key for each name, always the same."""
    return [SigningKey(sha256(b"cometbft " + name.encode()).digest()) for name in names]


def set_of(keys: Sequence[SigningKey]) -> ValidatorSet:
    """The set that these keys vote in."""
    return ValidatorSet.of_members([key.public_key for key in keys])


def header_at(
    height: int, validators: ValidatorSet, following: ValidatorSet | None = None, **changes: object
) -> Header:
    """A header whose fields are all filled, five seconds after the one below."""
    header = Header(
        version_block=BLOCK_PROTOCOL,
        version_app=2,
        chain_id=CHAIN_ID,
        height=height,
        time_ns=GENESIS_NS + height * 5 * NS_PER_SECOND,
        last_block_id=BlockId() if height == 1 else BlockId(bytes([7]) * 32, 1, bytes([8]) * 32),
        last_commit_hash=bytes([1]) * 32,
        data_hash=EMPTY_ROOT,
        validators_hash=validators.hash,
        next_validators_hash=(following or validators).hash,
        consensus_hash=bytes([2]) * 32,
        app_hash=bytes([3]) * 32,
        last_results_hash=EMPTY_ROOT,
        evidence_hash=EMPTY_ROOT,
        proposer_address=validators.validators[0].address,
    )
    return dataclasses.replace(header, **changes)  # type: ignore[arg-type]


def signed_by(
    header: Header,
    validators: ValidatorSet,
    keys: Sequence[SigningKey],
    *,
    absent: Collection[bytes] = (),
    round: int = 0,
) -> SignedHeader:
    """The header with a commit: a place for each of `validators`, signed by those whose keys are
    here, but for the public keys in `absent`."""
    block_id = BlockId(header.hash, 1, sha256(header.encode()).digest())
    by_key = {key.public_key: key for key in keys if key.public_key not in absent}
    places = [
        CommitSignature(FOR_BLOCK, one.address, header.time_ns + 10**9 + place, b"-")
        if one.public_key in by_key
        else CommitSignature()
        for place, one in enumerate(validators.validators)
    ]
    commit = Commit(header.height, round, block_id, tuple(places))
    signatures = [
        dataclasses.replace(
            one,
            signature=by_key[validators.validators[place].public_key].sign(
                commit.sign_bytes(header.chain_id, place)
            ),
        )
        if one.flag == FOR_BLOCK
        else one
        for place, one in enumerate(places)
    ]
    return SignedHeader(header, dataclasses.replace(commit, signatures=tuple(signatures)))
