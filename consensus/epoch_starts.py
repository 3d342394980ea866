"""From one epoch's members to the next: what is followed instead of the whole chain, by wallets and
by whoever checks evidence.

An epoch ends with a boundary block, whose header names the hash of the set that votes next. So a
wallet that knows the set of epoch n − 1 believes the set of epoch n once a quorum of the former
finalized the boundary, itself or by a closing block above it (docs/protocol.md, sections 7 and 8).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.certificates import (
    CERTIFICATE_BYTES_MAX,
    MEMBERS_MAX,
    Certificate,
    verify_certificate,
)
from consensus.finality import check_begins, check_descent
from consensus.header import HEADER_BYTES_MAX, Header
from consensus.members import Member, MemberSet
from consensus.votes import Verifier
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused

EPOCHS_BYTES_MAX = 8 << 20
EPOCHS_AT_ONCE = 64
"""So many a node gives in one answer."""
EPOCHS_FOLLOWED_MAX = 10_000
"""So many a file may carry, a receipt or evidence."""
CLOSINGS_MAX = 1_024
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class EpochStart:
    """What a node says began an epoch, decoded and not yet believed.

    `closing` are the headers between the boundary and the certified one, which is the last of
    them; empty when the certificate is for the boundary. `members` is None where the set is the
    one of the epoch before.
    """

    epoch: int
    boundary: Header
    closing: tuple[Header, ...]
    certificate: Certificate
    members: MemberSet | None

    @property
    def certified(self) -> Header:
        """The header that the certificate must be for."""
        return self.closing[-1] if self.closing else self.boundary

    def value(self) -> Value:
        """The form in `GET /v1/epochs?from=N`."""
        return (
            self.epoch,
            self.boundary.encode(),
            tuple([header.encode() for header in self.closing]),
            self.certificate.encode(),
            None if self.members is None else _rows(self.members),
        )


def _rows(members: MemberSet) -> Value:
    return tuple([(one.voting_key, one.recovery_key, one.prefix) for one in members.members])


def read_epochs(raw: bytes, *, count_max: int = EPOCHS_AT_ONCE) -> tuple[EpochStart, ...]:
    """Read `GET /v1/epochs?from=N`, or what a receipt carries.

    Raises `Refused("node_answer_malformed")`.
    """
    try:
        value = decode(raw, bytes_max=EPOCHS_BYTES_MAX)
        if not isinstance(value, tuple) or len(value) > count_max:
            raise Refused("node_answer_malformed", field="epochs")
        return tuple([read_epoch(entry) for entry in value])
    except Refused as refusal:
        raise Refused("node_answer_malformed", str(refusal), field="epochs") from None


def read_epoch(entry: Value) -> EpochStart:
    """Read what `EpochStart.value` gives. Raises `Refused`."""
    match entry:
        case (int(epoch), bytes(boundary), tuple(closing), bytes(certificate), members) if (
            type(epoch) is int and len(closing) <= CLOSINGS_MAX
        ):
            return EpochStart(
                epoch,
                _header(boundary),
                tuple([_header(raw) for raw in closing]),
                _certificate(certificate),
                None if members is None else read_members(members),
            )
    raise Refused("encoding_not_canonical", "not an epoch")


def _header(raw: Value) -> Header:
    if not isinstance(raw, bytes) or len(raw) > HEADER_BYTES_MAX:
        raise Refused("encoding_not_canonical", "not a header")
    return Header.decode(raw)


def _certificate(raw: bytes) -> Certificate:
    if len(raw) > CERTIFICATE_BYTES_MAX:
        raise Refused("encoding_not_canonical", "not a certificate")
    return Certificate.decode(raw)


def read_members(value: Value) -> MemberSet:
    """A set from `[[voting_key, recovery_key, prefix], …]`. Raises `Refused`."""
    if not isinstance(value, tuple) or not 1 <= len(value) <= MEMBERS_MAX:
        raise Refused("members_malformed", "not a set of members")
    members: list[Member] = []
    for row in value:
        match row:
            case (bytes(voting), bytes(recovery), str(prefix)) if (
                len(voting) == len(recovery) == _KEY_BYTES
            ):
                members.append(Member(voting, recovery, prefix))
            case _:
                raise Refused("members_malformed", "not a member")
    return MemberSet.of(members)


def next_members(
    start: EpochStart,
    members: MemberSet,
    before: Header | None,
    network_id: bytes,
    vouch: Callable[[Certificate, MemberSet], None],
) -> MemberSet:
    """The set of epoch `start.epoch`, given `members`, that of the epoch before, and the boundary
    that began that one.

    `vouch` verifies a certificate under a set. Raises `Refused`: `certificate_invalid` where
    anything does not follow, `node_of_other_network`.
    """
    headers = (start.boundary, *start.closing)
    _check_network(headers, network_id)
    following = start.members or members
    check_begins(start.epoch, headers, start.certificate, following, before)
    vouch(start.certificate, members)
    return following


def sets_led_to(
    first_epoch: int,
    members: MemberSet,
    network_id: bytes,
    starts: Sequence[EpochStart],
    verify: Verifier,
) -> dict[int, MemberSet]:
    """The set of every epoch from the first one, whose set is `members`, to the last of `starts`.

    Raises `Refused`: `certificate_invalid` where one does not follow from the one before,
    `node_of_other_network`.
    """
    sets = {first_epoch: members}
    before: Header | None = None
    for start in starts:
        if start.epoch != first_epoch + len(sets):
            raise Refused("certificate_invalid", f"epoch {start.epoch} is not the next one")
        members = next_members(
            start,
            members,
            before,
            network_id,
            lambda certificate, voters: verify_certificate(certificate, voters, network_id, verify),
        )
        sets[start.epoch], before = members, start.boundary
    return sets


def write_epochs(starts: Sequence[EpochStart]) -> bytes:
    """What `read_epochs` reads."""
    return encode(tuple([start.value() for start in starts]))


def check_chain(headers: Sequence[Header], network_id: bytes) -> None:
    """They are a chain of this network. Raises `Refused`: `certificate_invalid`,
    `node_of_other_network`."""
    _check_network(headers, network_id)
    check_descent(headers)


def _check_network(headers: Sequence[Header], network_id: bytes) -> None:
    if headers[0].network_id != network_id:
        raise Refused("node_of_other_network")
