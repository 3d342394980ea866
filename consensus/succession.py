"""The predecessor's last final header, as the genesis of a successor proves it.

Pure: what is read is bytes and sets, from whatever holds them. Which keys endorsed the succession
is checked elsewhere; here it is checked that the header they endorsed was final, and under which
set (docs/protocol.md, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from consensus.certificates import Certificate, verify_certificate
from consensus.cometbft.headers import Header as CometBftHeader
from consensus.cometbft.succession import ProvedEnd, check_end
from consensus.finality import check_descent, check_finalizes
from consensus.header import Header
from consensus.members import Member, MemberSet
from consensus.votes import Verifier
from primitives.errors import Refused

LastHeader: TypeAlias = Header | CometBftHeader
"""Both say height, time, digest, state root and rule version by these names."""


class Row(Protocol):
    """A member as a set's hash has it."""

    @property
    def voting_key(self) -> bytes:
        """Signs votes."""

    @property
    def recovery_key(self) -> bytes:
        """Endorses successions."""

    @property
    def prefix(self) -> str:
        """Its short name."""


class NamedLast(Protocol):
    """What a succession says of its predecessor's end; see `ledger.succession.Succession`."""

    @property
    def predecessor(self) -> bytes:
        """The predecessor's network id."""

    @property
    def epoch(self) -> int:
        """The successor's first epoch."""

    @property
    def height(self) -> int:
        """Of the header."""

    @property
    def header(self) -> bytes:
        """The last final header."""

    @property
    def between(self) -> tuple[bytes, ...]:
        """Those between it and the certified one, which is the last of them."""

    @property
    def certificate(self) -> bytes:
        """What makes it final."""

    @property
    def members(self) -> Sequence[Row]:
        """The last set that a boundary committed to."""

    @property
    def signers(self) -> Sequence[Row] | None:
        """The set that signed the certificate, for a boundary; else None: `members` did."""

    @property
    def proved(self) -> ProvedEnd | None:
        """Who signed and who may endorse, where CometBFT ordered the predecessor; else None."""


def set_of(rows: Sequence[Row]) -> MemberSet:
    """These rows as a set. Raises `Refused("members_malformed")`."""
    return MemberSet.of(Member(row.voting_key, row.recovery_key, row.prefix) for row in rows)


def check_last(named: NamedLast, verify: Verifier) -> LastHeader:
    """The predecessor's last header, if it is final and all that is said of it is so.

    The set of `members` follows from the header itself where that is a boundary, or where it is
    proved to stand in the state that the header names; else it is the set that signed. Raises
    `Refused("succession_unproved")`.
    """
    try:
        if named.proved is not None:
            return check_end(named, named.proved, verify)
        return _checked(named, verify)
    except Refused as refusal:
        if refusal.code == "succession_unproved":
            raise
        raise Refused("succession_unproved", str(refusal)) from refusal


def last_header(named: NamedLast) -> LastHeader:
    """The same header, not checked. Raises `Refused`."""
    if named.proved is not None:
        return CometBftHeader.decode(named.header)
    return Header.decode(named.header)


def begins_ms(named: NamedLast) -> int:
    """When a network begins that takes this place; Unix time: just after what it goes on from, so
    that whoever drafts the same gets the same, and the first block is due. Raises `Refused`."""
    if named.proved is not None:
        return CometBftHeader.decode(named.header).time_ms + 1
    return max(Header.decode(raw).time_ms for raw in (named.header, *named.between)) + 1


def _checked(named: NamedLast, verify: Verifier) -> Header:
    headers = [Header.decode(raw) for raw in (named.header, *named.between)]
    header, members = headers[0], set_of(named.members)
    if header.network_id != named.predecessor:
        raise Refused("succession_unproved", "the header is of another network")
    ends = header.next_set_hash is not None
    if (header.height, header.epoch + 1 + ends) != (named.height, named.epoch):
        raise Refused(
            "succession_unproved", "the header has another height, or is of another epoch"
        )
    if ends and members.hash() != header.next_set_hash:
        raise Refused("succession_unproved", "the set is not the one that the boundary names")
    if ends == (named.signers is None):
        # Else who makes up a boundary could make up the set that is to vouch for it.
        raise Refused("succession_unproved", "who signed is named of a boundary, and of no other")
    check_descent(headers)
    if not all(one.closing for one in headers[1:]):
        # Whoever could name a block below would have what was paid since undone.
        raise Refused("succession_unproved", "a later block is final by the same certificate")
    certificate = Certificate.decode(named.certificate)
    check_finalizes(certificate, headers[-1])
    signers = members if named.signers is None else set_of(named.signers)
    verify_certificate(certificate, signers, named.predecessor, verify)
    return header
