"""A journal on a simulated disk: what was synced stays, the rest is anybody's guess."""

from __future__ import annotations

from consensus.journal_records import position, recover
from consensus.votes import Vote


class Disk:
    """Records in order. A crash keeps any prefix of what was not synced."""

    def __init__(self) -> None:
        self._durable: list[tuple[bytes, int]] = []
        self._pending: list[tuple[bytes, int]] = []
        self._votes: set[tuple[int, int, bytes]] = set()
        self.final_position = 0
        """The highest position whose F is durable."""
        self.durable_count = 0
        """How many records were ever made durable."""

    @property
    def appended_count(self) -> int:
        """How many records were ever appended."""
        return self.durable_count + len(self._pending)

    @property
    def unsynced(self) -> int:
        """How many records a crash may lose."""
        return len(self._pending)

    def append(self, record: bytes, at: int) -> None:
        """Write without syncing."""
        self._pending.append((record, at))

    def sync(self, up_to_count: int) -> None:
        """The first `up_to_count` records that were ever appended are durable."""
        self._keep(up_to_count - self.durable_count)
        del self._pending[: max(up_to_count - self.durable_count, 0)]
        self.durable_count = max(self.durable_count, up_to_count)

    def crash(self, kept: int) -> None:
        """Keep the first `kept` unsynced records: the tail is torn."""
        self._keep(kept)
        self.durable_count += kept
        self._pending = []

    def _keep(self, count: int) -> None:
        for record, at in self._pending[: max(count, 0)]:
            self._durable.append((record, at))
            found = recover([record])
            self._votes.update(_name_of(vote) for vote in found.votes)
            self.final_position = max(self.final_position, found.floor_position)

    def holds(self, vote: Vote) -> bool:
        """Whether an own vote was made durable, be it pruned since."""
        return _name_of(vote) in self._votes

    def prune(self, floor_position: int) -> None:
        """Drop the oldest records up to the floor, as whole segments would go."""
        kept = 0
        while kept < len(self._durable) and self._durable[kept][1] <= floor_position:
            kept += 1
        del self._durable[:kept]

    def records(self) -> list[bytes]:
        """What a restart finds."""
        return [record for record, _ in self._durable]

    def copy(self) -> Disk:
        """A backup of what is durable now."""
        disk = Disk()
        disk._durable = list(self._durable)
        disk._votes = set(self._votes)
        disk.final_position = self.final_position
        disk.durable_count = self.durable_count
        return disk


def _name_of(vote: Vote) -> tuple[int, int, bytes]:
    return position(vote.epoch, vote.view), vote.kind, vote.digest
