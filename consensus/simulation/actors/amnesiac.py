"""A member that loses its journal at every crash and votes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Sequence

from consensus.config import ReplicaConfig
from consensus.replica import Replica
from consensus.simulation.host import Host


class Careless(Replica):
    """It neither notices that its journal is gone nor minds votes of its own that it lacks."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.observing = config.own_key not in config.members.index

    def _stop_voting(self, reason: str) -> None:
        """It goes on."""


class Amnesiac(Host):
    """Crashes every few seconds."""

    honest = False
    keeps_journal = False
    replica_class = Careless

    def start(self) -> None:
        """Begin again, and plan the next crash."""
        super().start()
        self.world.at(self.world.now_ms + self.world.random.randint(500, 6_000), self.crash)
