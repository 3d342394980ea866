"""A member that comes back with an old copy of its whole disk, chain and journal, again and again.

Nothing on the disk shows that it is old, so the replica votes until it meets a vote of its own
that it does not know. It plays by the rules and is still one of the f.
"""

from __future__ import annotations

from consensus.simulation.chain import Chain
from consensus.simulation.disk import Disk
from consensus.simulation.host import Host

_EVERY_MS = (1_000, 6_000)


class OldDisk(Host):
    """Is backed up now and then, and crashes now and then."""

    honest = False
    _copy: tuple[Disk, Chain] | None = None

    def start(self) -> None:
        """Begin again, and plan a backup and a crash."""
        was_alive = self.alive
        super().start()
        if self.alive and not was_alive:
            random, now_ms = self.world.random, self.world.now_ms
            self.world.at(now_ms + random.randint(0, _EVERY_MS[1]), self._back_up)
            self.world.at(now_ms + random.randint(*_EVERY_MS), self.crash)

    def _back_up(self) -> None:
        if self.alive and self._copy is None:
            self._copy = self.disk.copy(), self.chain.copy()

    def lose_unwritten(self) -> None:
        """Everything since the backup."""
        super().lose_unwritten()
        if self._copy is not None:
            self.disk, self.chain = self._copy
            self._copy = None
