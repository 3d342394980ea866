"""A member that asks for everything, all the time: small questions with large answers."""

from __future__ import annotations

from consensus.messages import FetchBlock, FetchView
from consensus.simulation.host import Host

_EVERY_MS = 100


class FetchFlooder(Host):
    """Otherwise it plays by the rules."""

    honest = False

    def start(self) -> None:
        """Begin to ask."""
        was_alive = self.alive
        super().start()
        if not was_alive:
            self._ask()

    def _ask(self) -> None:
        if not self.alive:
            return
        known, random = self.replica.known, self.world.random
        for peer in self.identity.members.index:
            if peer == self.identity.key:
                continue
            for digest in list(known.blocks)[-4:]:
                self.world.transmit(self.identity.key, peer, FetchBlock(digest))
            epoch = self.replica.config.epoch
            view = max(self.replica.view - random.randint(-2, 5), 0)
            self.world.transmit(
                self.identity.key, peer, FetchView(epoch, view, random.randint(0, 3))
            )
        self.world.at(self.world.now_ms + _EVERY_MS, self._ask)
