"""Replicas that are wrong in one known way each; `mutants` says where each must be caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from consensus.answering import Answering
from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.dissemination import Dissemination, OwnMessages
from consensus.effects import Commit, Effect, Prune
from consensus.events import Event
from consensus.header import Header
from consensus.journal_records import Recovered, recover
from consensus.members import MemberSet
from consensus.messages import CertificateMessage, Message, Proposal, VoteMessage
from consensus.replica import Replica
from consensus.simulation.host import Host
from consensus.tally import Tally
from consensus.timers import Presence, ViewTimers
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY, Vote


class FinalizesAfterNullify(Replica):
    """Forgets that it nullified a view when N comes after all."""

    def _finalize(self) -> bool:
        for view in self.known.notarized_views():
            hidden = self.own_votes.get(view, {}).pop(NULLIFY, None)
            if hidden is not None and FINALIZE not in self.own_votes[view]:
                if super()._finalize():
                    return True
                self.own_votes[view][NULLIFY] = hidden
        return super()._finalize()


class StartsWithoutJournal(Replica):
    """Votes again although its journal is gone."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover(records)
        self.observing = False

    def _stop_voting(self, reason: str) -> None:
        """It does not care either that it meets its own old votes."""


class HostWithoutJournal(Host):
    """Its disk keeps the chain alone."""

    keeps_journal = False


class SendsBeforeSync(Host):
    """Sends first, then writes down what it sent."""

    syncs_first = False


class IgnoresTwin(Replica):
    """Goes on although it meets a vote of its own that it does not know."""

    def _stop_voting(self, reason: str) -> None:
        """Not mended by stopping."""


class QuorumTooSmall(MemberSet):
    """q − 1."""

    @property
    def quorum(self) -> int:
        return super().quorum - 1


class LiteralQuorum(MemberSet):
    """2f + 1, right for n = 3f + 1 only."""

    @property
    def quorum(self) -> int:
        return 2 * self.faults + 1


class SkipsTheViewsBetween(Replica):
    """Votes for a block without U of the views between it and its parent."""

    def _has_way_to(self, header: Header, leader: bytes) -> bool:
        return self.known.certified_digest(header.parent_view) is not None


class DoesNotCountItsOwnVotesAgain(Replica):
    """After a restart it sends its own votes again, and does not count them."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover(records)
        self.tally = Tally(self.members)


class _SaysNullifyAgain(Dissemination):
    def _standing(self, own: OwnMessages) -> list[Message]:
        return [message for message in super()._standing(own) if not self._is_notarize(message)]

    @staticmethod
    def _is_notarize(message: Message) -> bool:
        return isinstance(message, CertificateMessage) and message.certificate.kind == NOTARIZE


class _AnswersWithoutN(Answering):
    def old(self, peer: bytes, now_ms: int) -> None:
        newest = self._known.newest()
        if newest is None or newest.kind != NOTARIZE:
            super().old(peer, now_ms)


class SendsOnlyNullifyAgain(Replica):
    """NOTARIZE and FINALIZE are sent once and never again, neither its own nor as N."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.dissemination = _SaysNullifyAgain(config, self.turn, self.known)
        self.answering = _AnswersWithoutN(config, self.turn, self.known)

    def _own_messages(self) -> list[Proposal | VoteMessage]:
        return [message for message in super()._own_messages() if message.vote.kind == NULLIFY]


class RecreatesFinalize(Replica):
    """After a restart it gives FINALIZE where the journal has N, whatever it had voted."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover(records)
        for view in self.known.notarized_views():
            self.own_votes.get(view, {}).pop(NULLIFY, None)


class JournalsOwnVotesAlone(Replica):
    """N and U are not in its journal; F is, or it would notice."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover([record for record in records if not self._is_lost(record)])

    @staticmethod
    def _is_lost(record: bytes) -> bool:
        return any(kept.kind != FINALIZE for kept, _ in recover([record]).certificates)


class _ConstantTimers(ViewTimers):
    def arm(self, now_ms: int, delta: int, *, proposed: bool) -> None:
        super().arm(now_ms, 500, proposed=proposed)


class ConstantTimers(Replica):
    """Δ never grows."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.timers = _ConstantTimers()


class _CountsTwice(Tally):
    """Counts each vote that comes, also the same one again."""

    __slots__ = ("_times",)

    def __init__(self, members: MemberSet) -> None:
        super().__init__(members)
        self._times: dict[tuple[int, int, bytes], int] = {}

    def known(self, vote: Vote) -> bool:
        return False

    def certificate(self, vote: Vote) -> Certificate | None:
        what = (vote.view, vote.kind, vote.digest)
        self._times[what] = self._times.get(what, 0) + 1
        if self._times[what] < self._members.quorum:
            return None
        size = len(self._members.members)
        same = {
            self._members.index[held.signer]: held.signature
            for held in self._votes[vote.view][vote.kind].values()
            if held.digest == vote.digest
        }
        return Certificate.from_votes(vote.epoch, *what, same, size)


class CountsDuplicateSigners(Replica):
    """A member's vote counts as often as it comes."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.tally = _CountsTwice(config.members)


class VotesTwiceInAView(Replica):
    """Votes for a second proposal of a view when it is sound too."""

    def _on_proposal(self, peer: bytes, proposal: Proposal) -> None:
        super()._on_proposal(peer, proposal)
        block = proposal.block
        own = self.own_votes.get(block.header.view, {}).get(NOTARIZE)
        if (
            own is not None
            and own.digest != block.digest
            and FINALIZE not in self.own_votes[own.view]
        ):
            del self.own_votes[own.view][NOTARIZE]
            self._vote(NOTARIZE, own.view, block)


class ForgetsItsSilence(Replica):
    """After one more restart it has forgotten that its journal was behind the chain."""

    def _recover_silence(self, found: Recovered) -> None:
        super()._recover_silence(replace(found, silenced={}))


class TrustsAnyJournal(Replica):
    """It does not compare its journal with its chain."""

    def _recover_silence(self, found: Recovered) -> None:
        """Whatever is there will do."""


class ForgetsBodies(Replica):
    """The bodies of the blocks that it voted for are not in its journal."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover(records)
        for digest in list(self.known.blocks):
            self.known.drop_block(digest)


class PrunesBeforeSync(Replica):
    """Lets the journal go before the F that allows it is on disk."""

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        return sorted(super().step(event, now_ms), key=lambda e: not isinstance(e, Prune))


class CommitsBeforeSync(Replica):
    """Commits before the F that allows it is on disk."""

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        return sorted(super().step(event, now_ms), key=lambda e: not isinstance(e, Commit))


class _HeardOf(Presence):
    """Silent is whoever was not heard for a while, whether or not anybody else was."""

    __slots__ = ("_heard_ms",)

    def __init__(self, members: MemberSet, own_key: bytes, silent_ms: int, grace_ms: int) -> None:
        super().__init__(members, own_key, silent_ms, grace_ms)
        self._heard_ms: dict[bytes, int] = {}

    def heard(self, member: bytes, view: int, now_ms: int) -> None:
        self._heard_ms[member] = now_ms

    def is_silent(self, member: bytes, now_ms: int) -> bool:
        since_ms = self._heard_ms.setdefault(member, now_ms)
        return member != self._own_key and now_ms - since_ms >= self._silent_ms


class SkipsWithoutBound(Replica):
    """Gives a view up as soon as its leader was silent, however long nothing has been final."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        timing = config.timing
        self.presence = _HeardOf(config.members, config.own_key, timing.silent_ms, timing.delta_ms)

    def _arm(self) -> None:
        super()._arm()
        leader = self._leader(self.view)
        if self.timers.armed and self.presence.is_silent(leader, self.now_ms):
            self.timers.expire(self.now_ms)


class TakesTheClockForValidity(Replica):
    """A block of another hour is no block to it, also when the others have certified it."""

    def _consider(self) -> bool:
        proposal = self.proposals.get(self.view)
        if proposal is not None:
            drift_ms = abs(proposal.block.header.time_ms - self.clock.wall_ms)
            if drift_ms > self.config.timing.clock_drift_ms_max:
                self.known.sound[proposal.block.digest] = False
        return super()._consider()


class MixesViews(Replica):
    """Takes a block for the view of its vote, whatever view its header names; so the certificate
    is of one view and its header of another."""

    def _on_proposal(self, peer: bytes, proposal: Proposal) -> None:
        block, view = proposal.block, proposal.vote.view
        if proposal.vote.signer == self._leader(view) and self._on_vote(peer, proposal.vote):
            is_new = view >= self.view and view not in self.proposals
            if is_new and self._has_room_for(view) and self._hold(block):
                self.proposals[view] = proposal
                if view == self.view:
                    self.timers.leader_ms = None


class WantsNOfParents(Replica):
    """Takes only N for a certified parent: F of its view does not do."""

    _notarized: set[int]

    def _recover(self, records: Sequence[bytes]) -> None:
        kept = [certificate for certificate, _ in recover(records).certificates]
        self._notarized = {c.view for c in kept if c.kind == NOTARIZE}
        super()._recover(records)

    def _keep(self, certificate: Certificate, header: Header | None) -> None:
        if certificate.kind == NOTARIZE:
            self._notarized.add(certificate.view)
        super()._keep(certificate, header)

    def _has_way_to(self, header: Header, leader: bytes) -> bool:
        return self._is_parent(header.parent_view) and super()._has_way_to(header, leader)

    def _parent_view(self, view: int) -> int | None:
        parent_view = super()._parent_view(view)
        return parent_view if parent_view is not None and self._is_parent(parent_view) else None

    def _is_parent(self, view: int) -> bool:
        if view == 0 or view in self._notarized:
            return True
        self.fetching.want_view(view, NOTARIZE, None, self.now_ms)
        return False
