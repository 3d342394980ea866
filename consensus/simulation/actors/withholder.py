"""A member that keeps bodies, certificates or votes from some of the others."""

from __future__ import annotations

from consensus.messages import BlockResponse, CertificateMessage, Message, Proposal, VoteMessage
from consensus.simulation.checkers import Checkers
from consensus.simulation.host import Host
from consensus.simulation.machine import Identity
from consensus.simulation.world import World

_BODIES: tuple[type[Message], ...] = (Proposal, BlockResponse)
_KINDS: tuple[tuple[type[Message], ...], ...] = (
    _BODIES,
    (CertificateMessage,),
    (VoteMessage,),
    (*_BODIES, CertificateMessage, VoteMessage),
)


class Withholder(Host):
    """In any second half of the members get nothing of what it keeps back, and answers are rare:
    bodies, or certificates, or votes, or all of them."""

    honest = False

    def __init__(
        self, identity: Identity, world: World, checkers: Checkers, hosts: dict[bytes, Host]
    ) -> None:
        super().__init__(identity, world, checkers, hosts)
        self._kept = world.random.choice(_KINDS)

    def speak(self, peer: bytes, message: Message) -> None:
        """Say it to some."""
        is_favoured = (peer[0] + self.world.now_ms // 1000) % 2 == 0
        answers = is_favoured and self.world.random.random() < 0.8
        if answers or not isinstance(message, self._kept):
            super().speak(peer, message)
