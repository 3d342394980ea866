"""A leader that proposes one block to some and another to the others, and votes for both."""

from __future__ import annotations

from dataclasses import replace

from consensus.header import Block
from consensus.messages import Message, Proposal, VoteMessage
from consensus.simulation.host import Host
from consensus.votes import FINALIZE, NOTARIZE, Vote, vote_message


class EquivocatingLeader(Host):
    """Its second block differs in its time alone, so it is as sound as the first."""

    honest = False

    def speak(self, peer: bytes, message: Message) -> None:
        """Bend proposals."""
        super().speak(peer, message)
        if isinstance(message, Proposal):
            second = self._second(message)
            peers = sorted(self.identity.members.index)
            if peer in peers and peers.index(peer) % 2:
                super().speak(peer, second)
            for kind in (NOTARIZE, FINALIZE):
                vote = self.sign(kind, second.vote.view, second.vote.digest)
                super().speak(peer, VoteMessage(vote))

    def _second(self, proposal: Proposal) -> Proposal:
        header = replace(proposal.block.header, time_ms=proposal.block.header.time_ms + 1)
        vote = self.sign(NOTARIZE, header.view, header.digest)
        return Proposal(Block(header, proposal.block.body), vote)

    def sign(self, kind: int, view: int, digest: bytes) -> Vote:
        """Any vote at all, under its own key."""
        epoch = self.replica.config.epoch
        message = vote_message(self.replica.config.network_id, epoch, view, kind, digest)
        signature = self.identity.signer.sign(message)
        return Vote(epoch, view, kind, digest, self.identity.key, signature)
