"""Replicas that mistake one epoch for another; `mutants` says where each must be caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.effects import Commit
from consensus.header import Header
from consensus.messages import Message
from consensus.replica import Replica
from consensus.simulation.host import Host
from consensus.tally import Tally
from consensus.votes import NOTARIZE, Vote


class BeginsOnNotarized(Replica):
    """Takes a boundary for final as soon as it is notarized and executed."""

    def _commit(self) -> bool:
        for view in reversed(self.known.notarized_views()):
            certificate = self.known.get(view, NOTARIZE)
            if certificate is None or not self._branch_executed(certificate.digest, view, None):
                continue
            header = self.known.header(certificate.digest)
            if header is not None and header.next_set_hash is not None:
                blocks, _ = self.known.branch(certificate.digest, view)
                self.turn.commit(Commit(tuple(blocks), certificate))
                self._finish(header, certificate, ())
                return True
        return super()._commit()


class HearsEveryEpoch(Host):
    """Lets its replica hear what is of other epochs too."""

    def is_of_this_epoch(self, sender: bytes, message: Message) -> bool:
        super().is_of_this_epoch(sender, message)
        return True


class TakesOtherEpochs(Replica):
    """Takes a certificate that a quorum signed for what it says, whatever epoch it is of."""

    def _on_certificate(self, peer: bytes, certificate: Certificate, header: Header | None) -> None:
        own = self.config
        self.config = replace(own, epoch=certificate.epoch)
        super()._on_certificate(peer, certificate, header)
        self.config = own


class _CountsAnybody(Tally):
    """Votes of whoever is no member make a quorum too."""

    def certificate(self, vote: Vote) -> Certificate | None:
        votes = self._votes.get(vote.view, {}).get(vote.kind, {})
        same = {key: held.signature for key, held in votes.items() if held.digest == vote.digest}
        if len(same) < self._members.quorum:
            return None
        index, size = self._members.index, len(self._members.members)
        signed = {index[key]: signature for key, signature in same.items() if key in index}
        what = (vote.epoch, vote.view, vote.kind, vote.digest)
        return Certificate.from_votes(*what, signed, size)


class CountsTheRemoved(Replica):
    """Counts the votes of whoever signs, member or not."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.tally = _CountsAnybody(config.members)

    def _on_vote(self, peer: bytes, vote: Vote) -> bool:
        is_new = self.known.floor.view < vote.view <= self.view + self.config.timing.view_window
        if vote.epoch == self.config.epoch and vote.signer not in self.members.index and is_new:
            if vote.is_signed(self.config.network_id, self.config.verify):
                self._count(vote)
            return True
        return super()._on_vote(peer, vote)
