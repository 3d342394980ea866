"""The final blocks of one simulated host, of which a crash loses those not written yet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.header import Block, Header
from consensus.simulation.toy_ledger import body_matches

_SERVED_BLOCKS = 64
"""How many of the newest blocks are given by digest."""


class Chain:
    """Blocks by height, each with a certificate that finalizes it or a later one."""

    def __init__(self, genesis: Final) -> None:
        self._genesis = genesis
        self.entries: list[tuple[Block, Certificate]] = []
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
        return Final.of(block.header, certificate)

    def blocks(self) -> list[Block]:
        """All, oldest first."""
        return [block for block, _ in self.entries]

    def find(self, digest: bytes) -> Block | None:
        """One of the newest blocks."""
        recent = self.entries[-_SERVED_BLOCKS:]
        return next((block for block, _ in recent if block.digest == digest), None)

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
        chain.written = self.written
        return chain
