"""The final blocks of one simulated host, of which a crash loses those not written yet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.header import Block, Header
from consensus.journal_records import position
from consensus.messages import EpochEnd
from consensus.simulation.toy_ledger import EMPTY_BODY, body_matches

_SERVED_BLOCKS = 64
"""How many of the newest blocks are given by digest."""


class Chain:
    """Blocks by height, each with a certificate that finalizes it or a later one."""

    def __init__(self, genesis: Final) -> None:
        self._genesis = genesis
        self.entries: list[tuple[Block, Certificate]] = []
        self._boundaries: dict[int, int] = {}
        self._closing: dict[int, tuple[Header, ...]] = {}
        self.written = 0
        """How many of them a crash can't take."""

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def tip(self) -> Final:
        """The newest final block; the genesis at first."""
        if not self.entries:
            return self._genesis
        block, certificate = self.entries[-1]
        if block.header.next_set_hash is not None:
            return Final.boundary(block.header)
        return Final.of(block.header, certificate)

    @property
    def epoch(self) -> int:
        """Of the next block."""
        header = self.tip.header
        return 0 if header is None else header.epoch + (header.next_set_hash is not None)

    @property
    def position(self) -> int:
        """Where the newest final block stands among all views."""
        header = self.tip.header
        return 0 if header is None else position(header.epoch, header.view)

    def append(self, block: Block, certificate: Certificate, closing: tuple[Header, ...]) -> None:
        """One more; the certificate is of this block, of a later one, or of a closing one."""
        self.entries.append((block, certificate))
        if block.header.next_set_hash is not None:
            self._boundaries[block.header.epoch] = block.header.height
            self._closing[block.header.epoch] = closing

    def end_of(self, epoch: int) -> EpochEnd | None:
        """What tells anybody that this epoch is over, once that is written."""
        height = self._boundaries.get(epoch)
        if height is None or height > self.written:
            return None
        block, certificate = self.entries[height - 1]
        if block.header.epoch != epoch or block.header.next_set_hash is None:
            return None
        return EpochEnd(certificate, (block.header, *self._closing[epoch]))

    def blocks(self) -> list[Block]:
        """All, oldest first."""
        return [block for block, _ in self.entries]

    def find(self, digest: bytes) -> Block | None:
        """One of the newest blocks, or a closing one of the newest end of an epoch."""
        recent = self.entries[-_SERVED_BLOCKS:]
        found = next((block for block, _ in recent if block.digest == digest), None)
        if found is None and self._closing:
            closing = self._closing[max(self._closing)]
            header = next((header for header in closing if header.digest == digest), None)
            found = None if header is None else Block(header, EMPTY_BODY)
        return found

    def part(self, first_height: int, last_height: int) -> tuple[Block, ...]:
        """The blocks of these heights, or nothing if the last is not there."""
        if not 1 <= first_height <= last_height <= len(self.entries):
            return ()
        return tuple(block for block, _ in self.entries[first_height - 1 : last_height])

    def is_continued_by(self, blocks: Sequence[Block], last: Header) -> bool:
        """Whether `blocks` are exactly what lies between the tip and a header that is final: only
        that is believed of what a peer sends, whatever it says of its height."""
        digest, height = self.tip.digest, self.tip.height
        for block in blocks:
            header = block.header
            if header.parent_digest != digest or header.height != height + 1:
                return False
            if not body_matches(header, block.body):
                return False
            digest, height = block.digest, header.height
        return digest == last.digest

    def crash(self, random: Random) -> None:
        """Lose some of what was not written."""
        del self.entries[random.randint(self.written, len(self.entries)) :]
        self.written = len(self.entries)

    def copy(self) -> Chain:
        """A backup of what is written now."""
        chain = Chain(self._genesis)
        chain.entries = self.entries[: self.written]
        chain._boundaries, chain._closing = dict(self._boundaries), dict(self._closing)
        chain.written = self.written
        return chain
