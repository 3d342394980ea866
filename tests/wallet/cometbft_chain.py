"""The same ledger as in `tests.wallet.chain`, ordered by CometBFT: its headers, commits and sets.

Everything is signed in Python; what nodes answer has the forms of docs/protocol.md, section 6.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from consensus.cometbft import chain_id
from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.certified import (
    SET_CHANGES_AT_ONCE,
    CertifiedHeader,
    SetChange,
    write_set_changes,
)
from consensus.cometbft.headers import BLOCK_PROTOCOL, Header
from consensus.cometbft.inclusion import data_hash, prove
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.merkle import EMPTY_ROOT
from ledger.envelope import Transaction
from ledger.genesis import Genesis
from primitives.signatures import SigningKey
from tests.consensus.cometbft_blocks import set_of, signed_by
from tests.wallet.chain import Block, Chain, Json
from tests.wallet.people import genesis, key_of, peopled
from wallet.light.bundles import COMETBFT, HeaderBundle, bundle_from_json

FOUNDERS = ("arden", "brume", "cassis", "dune")


def validator(name: str, salt: str = "") -> SigningKey:
    """The CometBFT key of whoever has this name."""
    return key_of(f"{name} cometbft{salt}")


def bundle_for(signed: SignedHeader) -> HeaderBundle:
    """What a node gives for a signed header."""
    return HeaderBundle(signed.header.encode(), signed.commit.encode(), (), COMETBFT)


class CometBftChain(Chain):
    """`absent`: public keys of validators that do not sign. `signed` are the blocks as CometBFT
    has them; those of `Chain` stand behind them and are shown to nobody."""

    def __init__(self, made: Genesis, voting: Sequence[SigningKey], keys: list[SigningKey]) -> None:
        super().__init__(made, voting)
        self.keys = self.first_keys = keys
        self.absent: tuple[bytes, ...] = (keys[-1].public_key,)
        self.signed: list[SignedHeader] = []
        self.changes: list[SetChange] = []
        self._next_keys = keys

    def change_set(self, *keys: SigningKey) -> SetChange:
        """One more block, after which these keys sign."""
        self._next_keys = list(keys)
        self.seal()
        return self.changes[-1]

    def seal(
        self, transactions: Sequence[Transaction] = (), next_set_hash: bytes | None = None
    ) -> Block:
        """Make one more final block. Raises `Refused` with the first refusal."""
        block = super().seal(transactions)
        signed = self.sign(self.header_of(block))
        self.signed.append(signed)
        if self._next_keys != self.keys:
            following = set_of(self._next_keys)
            self.changes.append(SetChange(signed.header, signed.commit, following))
            self.keys = self._next_keys
        return block

    def header_of(self, block: Block, **changes: Any) -> Header:
        """The header that CometBFT makes of the newest block."""
        last = self.signed[-1].header if self.signed else None
        validators, following = set_of(self.keys), set_of(self._next_keys)
        header = Header(
            version_block=BLOCK_PROTOCOL,
            version_app=self.rule_version,
            chain_id=chain_id(self.network_id),
            height=block.header.height,
            time_ns=block.header.time_ms * 10**6 + 999_999,
            last_block_id=BlockId() if last is None else BlockId(last.hash, 1, last.hash),
            last_commit_hash=EMPTY_ROOT,
            data_hash=data_hash([one.raw for one in block.transactions]),
            validators_hash=validators.hash,
            next_validators_hash=following.hash,
            consensus_hash=EMPTY_ROOT,
            app_hash=block.header.state_root,
            last_results_hash=EMPTY_ROOT,
            evidence_hash=EMPTY_ROOT,
            proposer_address=validators.validators[0].address,
        )
        return dataclasses.replace(header, **changes)

    def sign(self, header: Header, keys: Sequence[SigningKey] | None = None) -> SignedHeader:
        """The header under a commit of these keys, else of those that sign now."""
        signers = self.keys if keys is None else keys
        return signed_by(header, set_of(signers), signers, absent=self.absent)

    # -- answers -------------------------------------------------------------------------------

    def bundle(self, height: int) -> Json:
        """`GET /v1/headers/{height}`."""
        signed = self.signed[height - 1]
        return CertifiedHeader(signed.header, signed.commit).to_json()

    def network_answer(self) -> Json:
        """`GET /v1/network`, as far as wallets read it."""
        return {**super().network_answer(), "engine": COMETBFT, "members": []}

    def sets_answer(self, above: int) -> bytes | None:
        """`GET /v1/sets?above=HEIGHT`."""
        changes = [one for one in self.changes if one.header.height > above]
        return write_set_changes(changes[:SET_CHANGES_AT_ONCE])

    def transaction_answer(self, id: bytes) -> Json:
        """The final part of `GET /v1/transactions/{id}`."""
        height, index = self.places[id]
        block = self.blocks[height - 1]
        proof = prove([one.raw for one in block.transactions], index)
        return {**super().transaction_answer(id), "inclusion": proof.encode().hex()}


def empty_cometbft_chain(salt: str = "", **changes: Any) -> CometBftChain:
    """The network before anything happened."""
    return CometBftChain(
        genesis(salt, **changes),
        [key_of(f"{name} voting{salt}") for name in FOUNDERS],
        [validator(name, salt) for name in FOUNDERS],
    )


def cometbft_chain_with_people(salt: str = "") -> CometBftChain:
    """Three residents, each with 1,000.00, and an empty block at the end."""
    return peopled(empty_cometbft_chain(salt))


def bundle_at(chain: CometBftChain, height: int) -> HeaderBundle:
    """What a node gives for this height."""
    return bundle_from_json(chain.bundle(height))


def keys_of(*names: str) -> list[SigningKey]:
    """The validators' keys of whoever has these names."""
    return [validator(name) for name in names]


def changing_chain() -> CometBftChain:
    """Dune leaves, Evrol joins, Dune comes back for Cassis; two blocks after each."""
    chain = cometbft_chain_with_people()
    chain.absent = ()
    last = ("arden", "brume", "dune", "evrol")
    for names in (FOUNDERS[:3], (*FOUNDERS[:3], "evrol"), last):
        chain.change_set(*keys_of(*names))
        chain.seal()
        chain.seal()
    return chain


def returning_chain() -> CometBftChain:
    """Dune is paused and comes back; then Evrol takes its place."""
    chain = cometbft_chain_with_people()
    chain.absent = ()
    for names in (FOUNDERS[:3], FOUNDERS, (*FOUNDERS[:3], "evrol")):
        chain.change_set(*keys_of(*names))
        chain.seal()
    return chain
