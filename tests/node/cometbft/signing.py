"""Requests to a signer, and what came of them."""

from pathlib import Path
from typing import Any

from node.engines.cometbft.canonical_votes import canonical_proposal, canonical_vote, sign_bytes
from node.engines.cometbft.descriptors import message_class, set_time, time_ns_of
from node.engines.cometbft.signed_last import SignedLastFile, write_in_place
from node.engines.cometbft.signer import Signer, validator_address
from primitives.signatures import SigningKey

CHAIN = "democite-" + "ab" * 20
KEY = SigningKey.from_seed(b"v" * 32)
ADDRESS = validator_address(KEY.public_key)
TIME_NS = 1_700_000_000_123_456_789
PREVOTE, PRECOMMIT, PROPOSAL = 1, 2, 32


def new_signer(path: Path, **options: Any) -> Signer:
    if path.exists():
        file = SignedLastFile.read(path, CHAIN, KEY.public_key)
    else:
        file = SignedLastFile.create(path, CHAIN, KEY.public_key)
    return Signer(KEY, file, **options)


def a_request(
    kind: int,
    height: int = 1,
    round_: int = 0,
    block: bytes = b"b" * 32,
    time_ns: int = TIME_NS,
    **other: Any,
) -> Any:
    request = message_class("privval.Message")()
    if kind == PROPOSAL:
        place = request.sign_proposal_request
        signed = place.proposal
        signed.pol_round = -1
    else:
        place = request.sign_vote_request
        signed = place.vote
        signed.validator_address = other.get("address", ADDRESS)
        signed.extension = other.get("extension", b"")
    place.chain_id = other.get("chain_id", CHAIN)
    signed.type, signed.height, signed.round = kind, height, round_
    if block:
        signed.block_id.hash = block
        signed.block_id.part_set_header.total = 1
        signed.block_id.part_set_header.hash = block
    set_time(signed.timestamp, time_ns)
    return request


def ask(signer: Signer, request: Any) -> Any:
    """The vote or proposal that came back, None if it was withheld."""
    raw = signer.answer(request.SerializeToString())
    answer = message_class("privval.Message").FromString(raw)
    name = answer.WhichOneof("sum")
    found = getattr(answer, name)
    if found.HasField("error"):
        assert not getattr(found, "vote" if "vote" in name else "proposal").signature
        return None
    return found.vote if name == "signed_vote_response" else found.proposal


def signed_bytes(found: Any) -> bytes:
    kind = message_class("types.Vote")
    make = canonical_vote if isinstance(found, kind) else canonical_proposal
    return sign_bytes(make(found, CHAIN), time_ns_of(found.timestamp))


def failing_write(written: bool) -> Any:
    """In the place of what writes, one that fails: before, or after it wrote."""

    def fail(path: Path, offset: int, raw: bytes) -> None:
        if written:
            write_in_place(path, offset, raw)
        raise OSError(5, "Input/output error")

    return fail
