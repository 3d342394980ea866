"""What a replica writes down before it speaks, and how it finds itself again.

    ["own_vote", 1, vote, header or nil, body or nil]    its own vote; a NOTARIZE with its block
    ["kept", 1, certificate, header or nil]              N, U or F above the floor

F(v) is recorded before the chain commits v, so the newest F of a whole journal is never below the
chain's floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.votes import FINALIZE, Vote
from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused

_RECORD_BYTES_MAX = 8 << 20


def vote_record(vote: Vote, block: Block | None) -> bytes:
    """A record of an own vote."""
    if block is None:
        return encode(("own_vote", 1, vote.value(), None, None))
    return encode(("own_vote", 1, vote.value(), block.header.encode(), block.body))


def certificate_record(certificate: Certificate, header: Header | None) -> bytes:
    """A record of a certificate that was kept."""
    return encode(("kept", 1, certificate.encode(), None if header is None else header.encode()))


@dataclass(slots=True)
class Recovered:
    """What a journal held, in the order it was written."""

    votes: list[Vote] = field(default_factory=list)
    blocks: dict[bytes, Block] = field(default_factory=dict)
    certificates: list[tuple[Certificate, Header | None]] = field(default_factory=list)

    @property
    def floor_view(self) -> int:
        """The highest view with a FINALIZE certificate; 0 if there is none."""
        finals = [c.view for c, _ in self.certificates if c.kind == FINALIZE]
        return max(finals, default=0)


def recover(records: Sequence[bytes]) -> Recovered:
    """Read the journal's records; raises InvariantBroken where one of ours can't be read."""
    found = Recovered()
    for record in records:
        try:
            _read(record, found)
        except Refused as refusal:
            raise InvariantBroken(f"a journal record can't be read: {refusal}") from refusal
    return found


def _read(record: bytes, found: Recovered) -> None:
    match decode(record, bytes_max=_RECORD_BYTES_MAX):
        case ("own_vote", 1, vote, None, None):
            found.votes.append(Vote.from_value(vote))
        case ("own_vote", 1, vote, bytes(header), bytes(body)):
            found.votes.append(Vote.from_value(vote))
            block = Block(Header.decode(header), body)
            found.blocks[block.digest] = block
        case ("kept", 1, bytes(certificate), None):
            found.certificates.append((Certificate.decode(certificate), None))
        case ("kept", 1, bytes(certificate), bytes(header)):
            found.certificates.append((Certificate.decode(certificate), Header.decode(header)))
        case _:
            raise Refused("version_unknown", "no such journal record")
