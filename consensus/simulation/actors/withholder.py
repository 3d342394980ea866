"""A member that keeps bodies, certificates and votes from some of the others."""

from __future__ import annotations

from consensus.messages import Message
from consensus.simulation.host import Host


class Withholder(Host):
    """Half of the members never hear it at all in a given second, and answers are rare."""

    honest = False

    def speak(self, peer: bytes, message: Message) -> None:
        """Say it to some."""
        second = self.world.now_ms // 1000
        if (peer[0] + second) % 2 == 0 and self.world.random.random() < 0.8:
            super().speak(peer, message)
