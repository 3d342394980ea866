"""A member that signs in the names of others, with the only key it has."""

from __future__ import annotations

from dataclasses import replace

from consensus.messages import Message, Proposal, VoteMessage
from consensus.simulation.host import Host
from consensus.votes import KINDS, NO_DIGEST, NULLIFY, Vote, vote_message


class Impersonator(Host):
    """Everything that it hears of, the others seem to have voted for and against."""

    honest = False

    def speak(self, peer: bytes, message: Message) -> None:
        """Say it, and let others say it too."""
        super().speak(peer, message)
        if not isinstance(message, Proposal | VoteMessage):
            return
        vote = message.vote
        for signer in self.identity.members.index:
            if signer != self.identity.key:
                false = self._in_the_name_of(signer, vote)
                self.world.transmit(self.identity.key, peer, VoteMessage(false))
                if isinstance(message, Proposal):
                    named = Proposal(message.block, replace(vote, signer=signer))
                    self.world.transmit(self.identity.key, peer, named)

    def _in_the_name_of(self, signer: bytes, vote: Vote) -> Vote:
        kind = self.world.random.choice(KINDS)
        digest = NO_DIGEST if kind == NULLIFY else (vote.digest if vote.kind != NULLIFY else signer)
        network_id = self.replica.config.network_id
        message = vote_message(network_id, vote.epoch, vote.view, kind, digest)
        return Vote(vote.epoch, vote.view, kind, digest, signer, self.identity.signer.sign(message))
