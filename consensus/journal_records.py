"""What a replica writes down before it speaks, and how it finds itself again.

    ["own_vote", 1, vote, header or nil, body or nil]    its own vote; a NOTARIZE with its block
    ["kept", 1, certificate, header or nil]              N, U or F above the floor
    ["silenced", 1, key, reason]                         this key signs nothing more, for good

One journal holds the records of several epochs; each replica reads what is of its own, and none
forgets what it signed because a later epoch has begun. What is older than what, over all epochs, is
said by `position`.

F(v) is recorded before the chain commits v, so the newest F of a whole journal is never below the
chain's floor. A replica that found out that it does not know what it signed (a journal behind the
chain, a twin) writes that down too: else, once newer certificates stand in the journal, the next
restart would find nothing wrong and vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.votes import FINALIZE, Vote
from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused

_RECORD_BYTES_MAX = 32 << 20  # our own records; a block's bound is the ledger's

FOREVER = 2**64 - 1
"""The position of a record that must never be pruned."""

_VIEW_BITS = 32


def position(epoch: int, view: int) -> int:
    """Where a view stands among those of all epochs."""
    return epoch << _VIEW_BITS | view


def vote_record(vote: Vote, block: Block | None) -> bytes:
    """A record of an own vote."""
    if block is None:
        return encode(("own_vote", 1, vote.value(), None, None))
    return encode(("own_vote", 1, vote.value(), block.header.encode(), block.body))


def certificate_record(certificate: Certificate, header: Header | None) -> bytes:
    """A record of a certificate that was kept."""
    return encode(("kept", 1, certificate.encode(), None if header is None else header.encode()))


def silence_record(key: bytes, reason: str) -> bytes:
    """A record that nothing must be signed with this key again."""
    return encode(("silenced", 1, key, reason))


@dataclass(slots=True)
class Recovered:
    """What a journal held, in the order it was written."""

    votes: list[Vote] = field(default_factory=list)
    blocks: dict[bytes, Block] = field(default_factory=dict)
    certificates: list[tuple[Certificate, Header | None]] = field(default_factory=list)
    silenced: dict[bytes, str] = field(default_factory=dict)
    """Keys that must sign nothing more, and why."""

    @property
    def floor_position(self) -> int:
        """The highest position with a FINALIZE certificate; 0 if there is none."""
        finals = [position(c.epoch, c.view) for c, _ in self.certificates if c.kind == FINALIZE]
        return max(finals, default=0)

    @property
    def newest_epoch(self) -> int:
        """The newest epoch that anything is of; 0 for an empty journal."""
        epochs = [vote.epoch for vote in self.votes] + [c.epoch for c, _ in self.certificates]
        return max(epochs, default=0)

    def of(self, epoch: int) -> Recovered:
        """What is of one epoch; silence is of all."""
        return Recovered(
            [vote for vote in self.votes if vote.epoch == epoch],
            {digest: b for digest, b in self.blocks.items() if b.header.epoch == epoch},
            [(c, header) for c, header in self.certificates if c.epoch == epoch],
            self.silenced,
        )


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
        case ("silenced", 1, bytes(key), str(reason)):
            found.silenced[key] = reason
        case _:
            raise Refused("version_unknown", "no such journal record")
