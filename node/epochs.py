"""Epochs: which members, rules and parameters are in force, from when, and where that ends.

Rules of this file:
- An epoch ends with the first block whose time reaches its end, or whose parent's state has other
  terms: another set of voting members, other parameters or another rule version.
- The next epoch's terms are those of the state after the parent of that block, the boundary. What
  the boundary itself changes ends the next epoch at its first block.
- Pure: no disk, no clock, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.header import Header, genesis_digest
from consensus.members import Member, MemberSet
from ledger.genesis import Genesis
from ledger.network_objects import NETWORK_TREE_KEY, NetworkRecord
from ledger.proofs import StateProof
from ledger.rules import RuleSet, is_rule_version
from ledger.terms import NetworkTerms, genesis_terms
from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused

RECORD_BYTES_MAX = 8 << 20


def voting_set(terms: NetworkTerms) -> MemberSet:
    """The members that vote on blocks under these terms."""
    return MemberSet.of(
        Member(each.voting_key, each.recovery_key, each.prefix) for each in terms.active
    )


class ProvedTerms(NamedTuple):
    """The object of the state that holds the terms, and that it stands there."""

    raw: bytes
    proof: bytes

    @property
    def terms(self) -> NetworkTerms:
        """What it says. Raises `Refused` for bytes that are none."""
        return NetworkRecord.decode(self.raw).terms

    def holds_under(self, root: bytes) -> bool:
        """Whether it stands in the state with this root. Raises `Refused` for no proof at all."""
        return StateProof.decode(self.proof).verify(root, NETWORK_TREE_KEY, self.raw)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """How an epoch began, as it stands in the store: the boundary of the epoch before, what makes
    it final (the certificate is for the last of the closing headers, or for the boundary itself if
    there is none), and the terms in force from there on. `proved` shows that these stand under the
    boundary's state root; a store of before has no such proof. Under CometBFT there is neither a
    certificate of this kind nor a closing header: what makes the boundary final is its own."""

    boundary: Header
    closing: tuple[Header, ...]
    certificate: Certificate | None
    terms: NetworkTerms
    proved: ProvedTerms | None = None

    @property
    def epoch(self) -> int:
        """The epoch that begins."""
        return self.boundary.epoch + 1

    @property
    def headers(self) -> tuple[Header, ...]:
        """The boundary and what stands above it; the certificate names the last."""
        return (self.boundary, *self.closing)

    @property
    def finality(self) -> Certificate:
        """The certificate, for what the built-in engine alone asks. Raises InvariantBroken."""
        if self.certificate is None:
            raise InvariantBroken(f"epoch {self.epoch} began under another engine")
        return self.certificate

    def encode(self) -> bytes:
        """The stored form."""
        if self.certificate is None:
            if self.proved is None or self.closing:
                raise InvariantBroken("an epoch without a certificate has proved terms alone")
            return encode(("epoch", 3, self.epoch, self.boundary.encode(), *self.proved))
        closing = tuple([header.encode() for header in self.closing])
        boundary, certificate = self.boundary.encode(), self.certificate.encode()
        terms: tuple[Value, ...] = (self.terms.value(),)
        if self.proved is not None:
            terms = tuple(self.proved)
        version = 1 if self.proved is None else 2
        return encode(("epoch", version, self.epoch, boundary, closing, certificate, *terms))

    @staticmethod
    def decode(raw: bytes) -> EpochRecord:
        """Our own record; raises InvariantBroken if it is not one."""
        proved: ProvedTerms | None = None
        match decode(raw, bytes_max=RECORD_BYTES_MAX):
            case ("epoch", 1, int(), bytes(boundary), tuple(closing), bytes(certificate), value):
                terms = NetworkTerms.decode(value)
            case (
                "epoch",
                2,
                int(),
                bytes(boundary),
                tuple(closing),
                bytes(certificate),
                bytes(network),
                bytes(proof),
            ):
                proved = ProvedTerms(network, proof)
                terms = proved.terms
            case ("epoch", 3, int(), bytes(boundary), bytes(network), bytes(proof)):
                proved = ProvedTerms(network, proof)
                return EpochRecord(Header.decode(boundary), (), None, proved.terms, proved)
            case _:
                raise InvariantBroken("an epoch's record can't be read")
        return EpochRecord(
            Header.decode(boundary),
            tuple([Header.decode(one) for one in closing if isinstance(one, bytes)]),
            Certificate.decode(certificate),
            terms,
            proved,
        )


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch. `digest`, `height` and `time_ms` are those of the block it begins above: the
    boundary, or the genesis block for a network's first epoch, which has no `record`. That is epoch
    0; a successor counts on from its predecessor."""

    number: int
    terms: NetworkTerms
    digest: bytes
    height: int
    time_ms: int
    record: EpochRecord | None = None
    members: MemberSet = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", voting_set(self.terms))

    @staticmethod
    def first(genesis: Genesis) -> Epoch:
        """The one that begins with the genesis."""
        digest = genesis_digest(genesis.network_id)
        return Epoch(
            genesis.first_epoch, genesis_terms(genesis), digest, genesis.height, genesis.time_ms
        )

    @staticmethod
    def of(record: EpochRecord) -> Epoch:
        """The epoch that this record begins."""
        header = record.boundary
        return Epoch(
            record.epoch, record.terms, header.digest, header.height, header.time_ms, record
        )

    @property
    def is_known(self) -> bool:
        """Whether this program knows the rules in force."""
        return is_rule_version(self.terms.rule_version)

    @property
    def rules(self) -> RuleSet:
        """The rules in force. Raises `Refused("rule_version_unknown")`."""
        if not self.is_known:
            raise rule_version_unknown(self.terms.rule_version)
        return RuleSet(self.terms.rule_version, self.terms.parameters)

    @property
    def ends_ms(self) -> int:
        """When its end is due, if nothing ends it sooner; Unix time."""
        return self.time_ms + self.terms.parameters.epoch_ms

    def next_set_hash(self, voted: NetworkTerms, time_ms: int) -> bytes | None:
        """What the header of a block at `time_ms` must say whose parent's state has these terms:
        the hash of the next set if the block is the boundary, else nil."""
        if time_ms < self.ends_ms and not self.differs(voted):
            return None
        return voting_set(voted).hash()

    def differs(self, voted: NetworkTerms) -> bool:
        """Whether these terms end the epoch. Where a member is reached does not."""
        terms = self.terms
        if voted == terms:
            return False
        return (
            voted.rule_version != terms.rule_version
            or voted.parameters != terms.parameters
            or voting_set(voted) != self.members
        )

    def floor(self) -> Final:
        """Where the consensus of this epoch begins."""
        if self.record is None:
            return Final(self.digest, 0, self.height, self.time_ms)
        return Final.boundary(self.record.boundary)


def rule_version_unknown(version: int) -> Refused:
    """The network voted for rules that this program does not know."""
    return Refused("rule_version_unknown", f"rule version {version}")
