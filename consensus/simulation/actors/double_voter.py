"""A member that votes for everything it sees: each block, FINALIZE and NULLIFY of each view."""

from __future__ import annotations

from consensus.messages import Proposal, VoteMessage
from consensus.simulation.actors.equivocating_leader import EquivocatingLeader
from consensus.simulation.checkers import Checkers
from consensus.simulation.host import Host
from consensus.simulation.machine import Identity
from consensus.simulation.world import World, read_message
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY


class DoubleVoter(EquivocatingLeader):
    """Equivocates as leader too."""

    def __init__(
        self, identity: Identity, world: World, checkers: Checkers, hosts: dict[bytes, Host]
    ) -> None:
        super().__init__(identity, world, checkers, hosts)
        self._voted: set[tuple[int, bytes]] = set()

    def receive(self, sender: bytes, raw: bytes) -> None:
        """Vote for whatever comes."""
        super().receive(sender, raw)
        message = read_message(raw)
        if not self.alive or not isinstance(message, Proposal | VoteMessage):
            return
        vote = message.vote
        if vote.kind != NOTARIZE or vote.signer == self.identity.key:
            return
        # Once for each block, or two double voters would answer each other for ever.
        if (vote.view, vote.digest) in self._voted:
            return
        self._voted.add((vote.view, vote.digest))
        votes = (
            self.sign(NOTARIZE, vote.view, vote.digest),
            self.sign(FINALIZE, vote.view, vote.digest),
            self.sign(NULLIFY, vote.view, NO_DIGEST),
        )
        for peer in self.identity.members.index:
            if peer != self.identity.key:
                for each in votes:
                    if self.world.random.random() < 0.7:
                        self.world.transmit(self.identity.key, peer, VoteMessage(each))
                        self.world.transmit(self.identity.key, peer, VoteMessage(each))
