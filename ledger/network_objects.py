"""The objects of the state that say who the network is, and what it may become.

There is one `network`, with the terms voted last, and one `ballot`, with the open proposals. Each
`proposal` stands for itself, and so does each key that a member was ever registered with: a key
that left never comes back. Immutable values with the rules of `ledger.objects`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.changes import Change, change_of
from ledger.rules import Parameters
from ledger.shapes import (
    HASH_BYTES,
    KEY_BYTES,
    PROPOSAL_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_fields,
    expect_flag,
    expect_object,
    expect_text,
    wrong_shape,
)
from ledger.tree_keys import OBJECT_VERSION, tree_key
from primitives.encoding import Value, decode, encode

NETWORK: Final = "network"
BALLOT: Final = "ballot"
PROPOSAL: Final = "proposal"
MEMBER_KEY: Final = "member_key"

NETWORK_TREE_KEY: Final = tree_key(NETWORK, "")
BALLOT_TREE_KEY: Final = tree_key(BALLOT, "")

OPEN: Final = 0
ENACTED: Final = 1
FELL: Final = 2

VOTING: Final = 1
RECOVERY: Final = 2
COMETBFT: Final = 3
"""What a member's key is for: keys are unique in each use."""


class NetworkMember(NamedTuple):
    """A territory of the network: its keys and where its node is reached."""

    prefix: str
    voting_key: bytes
    recovery_key: bytes
    authority_der: bytes
    peer: str
    http: str
    cometbft_key: bytes | None
    paused: bool
    """It votes on proposals, and not on blocks."""

    @classmethod
    def decode(cls, value: Value) -> NetworkMember:
        """Read the stored form, the fields as an array; raises `Refused`."""
        prefix, voting, recovery, authority, peer, http, other, paused = expect_fields(
            value, 8, "member"
        )
        if type(authority) is not bytes:
            raise wrong_shape("authority")
        return cls(
            expect_text(prefix, "prefix"),
            expect_bytes(voting, KEY_BYTES, "voting_key"),
            expect_bytes(recovery, KEY_BYTES, "recovery_key"),
            authority,
            expect_text(peer, "peer"),
            expect_text(http, "http"),
            None if other is None else expect_bytes(other, KEY_BYTES, "cometbft_key"),
            expect_flag(paused, "paused"),
        )


class NetworkTerms(NamedTuple):
    """Who is a member, under which parameters and rules."""

    members: tuple[NetworkMember, ...]
    """Sorted by short name, paused ones too."""
    parameters: Parameters
    rule_version: int
    """Voted: this program may not know it."""

    @property
    def active(self) -> tuple[NetworkMember, ...]:
        """The members that vote on blocks."""
        return tuple([member for member in self.members if not member.paused])

    def member(self, prefix: str) -> NetworkMember | None:
        """The member with this short name."""
        for member in self.members:
            if member.prefix == prefix:
                return member
        return None

    def value(self) -> tuple[Value, ...]:
        """The encoded form: members, parameters, rule version."""
        members = tuple([tuple(member) for member in self.members])
        return (members, self.parameters.value(), self.rule_version)

    @classmethod
    def decode(cls, value: Value) -> NetworkTerms:
        """Read what `value` gives; raises `Refused`."""
        members, parameters, rule_version = expect_fields(value, 3, "terms")
        return cls(
            tuple([NetworkMember.decode(member) for member in expect_array(members, "members")]),
            Parameters.decode(parameters),
            expect_count(rule_version, "rule_version"),
        )


class NetworkRecord(NamedTuple):
    """The terms voted last. The epoch in force may still have the ones before."""

    tree_key: bytes
    terms: NetworkTerms
    changes: int
    """How many changes were enacted."""

    def encode(self) -> bytes:
        """The stored form."""
        return encode((NETWORK, OBJECT_VERSION, *self.terms.value(), self.changes))

    @classmethod
    def decode(cls, raw: bytes) -> NetworkRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), NETWORK, OBJECT_VERSION, 6)
        terms = NetworkTerms.decode(value[2:5])
        return cls(NETWORK_TREE_KEY, terms, expect_count(value[5], "changes"))


class ProposalRecord(NamedTuple):
    """A change that a member proposed, and who said what. It stays for ever."""

    tree_key: bytes
    id: bytes
    proposer: str
    """The proposing territory's short name."""
    change: Change
    basis: bytes
    """Hash of what the change is about, as it stood when it was proposed."""
    until_ms: int
    yes: tuple[str, ...]
    """Short names, sorted; some may have left the network."""
    no: tuple[str, ...]
    decided: int
    """0 open, 1 enacted, 2 fell. Open ones are read as ended after `until_ms`."""

    def encode(self) -> bytes:
        """The stored form."""
        return encode(
            (
                PROPOSAL,
                OBJECT_VERSION,
                self.id,
                self.proposer,
                self.change.value(),
                self.basis,
                self.until_ms,
                self.yes,
                self.no,
                self.decided,
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> ProposalRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), PROPOSAL, OBJECT_VERSION, 10)
        identity = expect_bytes(value[2], PROPOSAL_BYTES, "proposal_id")
        return cls(
            tree_key(PROPOSAL, identity),
            identity,
            expect_text(value[3], "proposer"),
            change_of(value[4]),
            expect_bytes(value[5], HASH_BYTES, "basis"),
            expect_count(value[6], "until_ms"),
            tuple([expect_text(prefix, "yes") for prefix in expect_array(value[7], "yes")]),
            tuple([expect_text(prefix, "no") for prefix in expect_array(value[8], "no")]),
            expect_count(value[9], "decided"),
        )


class OpenProposal(NamedTuple):
    """A line of the ballot."""

    id: bytes
    proposer: str
    until_ms: int


class BallotRecord(NamedTuple):
    """Which proposals are open, and which were decided last."""

    tree_key: bytes
    open: tuple[OpenProposal, ...]
    """In the order in which they were proposed. Some may have ended since."""
    decided: tuple[bytes, ...]
    """Ids of the proposals decided last, the newest at the end."""

    def encode(self) -> bytes:
        """The stored form."""
        lines: Value = tuple([(line.id, line.proposer, line.until_ms) for line in self.open])
        return encode((BALLOT, OBJECT_VERSION, lines, self.decided))

    @classmethod
    def decode(cls, raw: bytes) -> BallotRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), BALLOT, OBJECT_VERSION, 4)
        lines: list[OpenProposal] = []
        for line in expect_array(value[2], "open"):
            identity, proposer, until_ms = expect_fields(line, 3, "open")
            lines.append(
                OpenProposal(
                    expect_bytes(identity, PROPOSAL_BYTES, "proposal_id"),
                    expect_text(proposer, "proposer"),
                    expect_count(until_ms, "until_ms"),
                )
            )
        decided = expect_array(value[3], "decided")
        return cls(
            BALLOT_TREE_KEY,
            tuple(lines),
            tuple([expect_bytes(identity, PROPOSAL_BYTES, "decided") for identity in decided]),
        )


class MemberKeyRecord(NamedTuple):
    """That a key was registered for a member once, and so never is again."""

    tree_key: bytes
    use: int
    key: bytes
    prefix: str

    def encode(self) -> bytes:
        """The stored form."""
        return encode((MEMBER_KEY, OBJECT_VERSION, self.use, self.key, self.prefix))

    @classmethod
    def decode(cls, raw: bytes) -> MemberKeyRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), MEMBER_KEY, OBJECT_VERSION, 5)
        use = expect_count(value[2], "use")
        key = expect_bytes(value[3], KEY_BYTES, "key")
        if not VOTING <= use <= COMETBFT:
            raise wrong_shape("use")
        return cls(member_key_tree_key(use, key), use, key, expect_text(value[4], "prefix"))


def member_key_tree_key(use: int, key: bytes) -> bytes:
    """Where the record of a member's key stands."""
    return tree_key(MEMBER_KEY, bytes([use]) + key)


NetworkObject = NetworkRecord | BallotRecord | ProposalRecord | MemberKeyRecord
