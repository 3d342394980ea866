"""A leader that signs for its view a block whose header names another view."""

from __future__ import annotations

from dataclasses import replace

from consensus.header import Block
from consensus.messages import Message, Proposal
from consensus.simulation.host import Host
from consensus.votes import NOTARIZE, Vote, vote_message


class MislabellingLeader(Host):
    """Otherwise it plays by the rules."""

    honest = False

    def speak(self, peer: bytes, message: Message) -> None:
        """Bend proposals, most of them."""
        if isinstance(message, Proposal) and message.vote.view % 4:
            message = self._mislabelled(message)
        super().speak(peer, message)

    def _mislabelled(self, proposal: Proposal) -> Proposal:
        header = proposal.block.header
        # A view long past: once such a block is certified, nobody would hold it above its floor.
        shown = replace(header, view=header.parent_view, time_ms=header.time_ms + 1)
        network_id = self.replica.config.network_id
        epoch = header.epoch
        message = vote_message(network_id, epoch, header.view, NOTARIZE, shown.digest)
        signature = self.identity.signer.sign(message)
        vote = Vote(epoch, header.view, NOTARIZE, shown.digest, self.identity.key, signature)
        return Proposal(Block(shown, proposal.block.body), vote)
