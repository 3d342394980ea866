"""The door to the core: an event at a time in, effects out.

Rules of this file:
- No clock, no network, no disk: `step(event, now_ms)` answers with effects.
- What others say is checked here before it changes anything: bounds first, signatures last.
- Nothing leaves that was not journaled in the same turn (`turn.py` orders that).

The protocol in prose stands in the package's docstring; `docs/protocol.md` has the bytes.
"""

from __future__ import annotations

from consensus.certificates import Certificate, verify_certificate
from consensus.effects import Effect
from consensus.events import (
    Built,
    CaughtUp,
    Event,
    Executed,
    PeerConnected,
    Received,
    Started,
    Tick,
    WorkChanged,
)
from consensus.header import Block, Header, genesis_digest
from consensus.journal_records import certificate_record, position
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    EpochEnd,
    FetchBlock,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
)
from consensus.rules import Rules
from consensus.votes import FINALIZE, NOTARIZE, Vote
from primitives.errors import InvariantBroken, Refused

_BEHIND_VIEWS = 2
"""A vote this far below the floor comes from somebody who is behind, however late it is."""


class Replica(Rules):
    """One member's part in the consensus, in one epoch.

    The driver calls `step` for every event and does the effects in their order; it sends a `Tick`
    at `next_deadline_ms`. It may answer `Build` and `Execute` at any later time, or never.
    """

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Let `event` happen at `now_ms` (Unix time) and say what is to be done.

        Raises InvariantBroken where the driver's answer is not to what was asked.
        """
        if self.stopped is not None or self.ended:
            return []
        self.clock.advance(now_ms)
        self.now_ms = self.clock.elapsed_ms
        self._hear(event)
        while self._one_rule():
            pass
        if self.stopped is None and not self.ended:
            self.fetching.end_pass(self.now_ms)
            self.dissemination.end_turn(self.now_ms, self.has_duty(), self._own_messages)
        return self.turn.take()

    @property
    def next_deadline_ms(self) -> int | None:
        """When to send a `Tick` (Unix time); None while there is nothing to wait for."""
        if self.stopped is not None or self.ended:
            return None
        now_ms, has_duty = self.now_ms, self.has_duty()
        deadlines = (
            self.timers.next_ms(),
            self.dissemination.next_ms(),
            self.fetching.next_ms(),
            self.catch_up_due_ms,
            self._patience_ms if has_duty else None,
            self._paced_ms if has_duty and self._leader(self.view) == self.config.own_key else None,
        )
        # What was due has been looked at in this very step; to wait for it would be a busy loop.
        ahead = [at for at in deadlines if at is not None and at > now_ms]
        next_ms = self.clock.wall_of(min(ahead)) if ahead else None
        if has_duty:
            return next_ms
        return self._heartbeat_ms if next_ms is None else min(next_ms, self._heartbeat_ms)

    @property
    def handed_on(self) -> list[bytes]:
        """Once it has ended: what the next epoch's replica must find among its records, after those
        that the journal held when the driver started. (They are in the journal too.)"""
        return list(self._handed_on)

    def _hear(self, event: Event) -> None:
        match event:
            case Received(peer, message):
                self._receive(peer, message)
            case Executed():
                self._on_executed(event)
            case Built(view, block):
                self._on_built(view, block)
            case WorkChanged(has_work, is_behind):
                self.has_work, self.is_behind = has_work, is_behind
                self.declined_view = None
            case Started():
                self.dissemination.tell_all(self._own_messages(), self.now_ms)
            case PeerConnected(peer):
                self.dissemination.greet(peer, self.now_ms)
            case CaughtUp():
                self._on_caught_up(event)
            case Tick():
                pass

    def _receive(self, peer: bytes, message: Message) -> None:
        match message:
            case VoteMessage(vote):
                self._on_vote(peer, vote)
            case Proposal():
                self._on_proposal(peer, message)
            case CertificateMessage(certificate, header):
                self._on_certificate(peer, certificate, header)
            case BlockResponse(block):
                self._on_block(block)
            case FetchView(epoch, view, kind):
                if epoch == self.config.epoch:
                    self.answering.view(peer, view, kind, self.now_ms)
            case FetchBlock(digest):
                self.answering.block(peer, digest, self.now_ms)
            case EpochEnd():
                self._on_epoch_end(peer, message)

    # -- votes ------------------------------------------------------------------------------

    def _on_vote(self, peer: bytes, vote: Vote) -> bool:
        """Count a vote, whoever passed it on; False if it was dropped."""
        floor = self.known.floor.view
        if vote.epoch != self.config.epoch or vote.signer not in self.members.index:
            return False
        if self._is_behind(vote.view):
            self.answering.old(peer, self.now_ms)
        if not floor < vote.view <= self.view + self.config.timing.view_window:
            self._hear_late(vote)
            return False
        if self.tally.known(vote):
            return True
        if self.tally.is_spent(vote):
            return False
        if not vote.is_signed(self.config.network_id, self.config.verify):
            return False
        if vote.signer == self.config.own_key and not self._is_own(vote):
            if not self._is_settled(vote.view):
                self._stop_voting("a vote with this node's key that its journal does not hold")
            return False
        self.presence.heard(vote.signer, vote.view, self.now_ms)
        if vote.kind == FINALIZE:
            self.dissemination.shown(vote.signer, vote.view, NOTARIZE)
        self._count(vote)
        return True

    def _hear_late(self, vote: Vote) -> None:
        """A vote of a view that is final counts for nothing, but who gave it is there. A member a
        little slower than a quorum of the others says nothing else in a quiet network."""
        is_late = vote.view <= self.known.floor.view
        if (
            is_late
            and self.presence.is_new(vote.signer, vote.view)
            and vote.is_signed(self.config.network_id, self.config.verify)
        ):
            self.presence.heard(vote.signer, vote.view, self.now_ms)

    def _is_behind(self, view: int) -> bool:
        """Whether who speaks of `view` lacks a certificate. A straggler's vote of the view just
        left is none: what it lacks is on its way."""
        if view >= self.view:
            return False
        settled = self.now_ms - self.entered_ms >= self.config.timing.delta_ms // 2
        return settled or view + _BEHIND_VIEWS < self.known.floor.view

    # -- proposals and blocks ---------------------------------------------------------------

    def _on_proposal(self, peer: bytes, proposal: Proposal) -> None:
        header, vote, view = proposal.block.header, proposal.vote, proposal.block.header.view
        if (
            vote.signer != self._leader(view)
            or vote.kind != NOTARIZE
            or vote.digest != header.digest
            or vote.view != view
            or header.network_id != self.config.network_id
            or header.epoch != self.config.epoch
        ):
            return
        if not self._on_vote(peer, vote):
            return
        if view < self.view:
            is_wanted = self.known.certified_digest(view) == header.digest
        else:
            is_wanted = view not in self.proposals and self._has_room_for(view)
        if is_wanted and self._hold(proposal.block) and view >= self.view:
            self.proposals[view] = proposal
            if view == self.view:
                self.timers.leader_ms = None

    def _has_room_for(self, view: int) -> bool:
        """Proposals of later views are kept while they are few; the nearest are kept."""
        if len(self.proposals) < self.config.timing.candidates_max:
            return True
        farthest = max(self.proposals)
        if farthest <= view:
            return False
        self.known.drop_block(self.proposals.pop(farthest).block.digest)
        return True

    def _hold(self, block: Block) -> bool:
        if block.digest in self.known.blocks:
            return True
        if not self.config.body_matches(block.header, block.body):
            return False
        self.known.add_block(block)
        return True

    def _on_block(self, block: Block) -> None:
        """A block that was asked for."""
        if self.fetching.awaits_block(block.digest) and self._hold(block):
            self.gap_since_ms = None

    # -- certificates -----------------------------------------------------------------------

    def _on_certificate(self, peer: bytes, certificate: Certificate, header: Header | None) -> None:
        known, view = self.known, certificate.view
        if certificate.epoch != self.config.epoch:
            return
        if view <= known.floor.view:
            if view < known.floor.view and self._is_behind(view):
                self.answering.old(peer, self.now_ms)
            return
        if header is not None and (
            header.digest != certificate.digest
            or header.view != view
            or header.epoch != certificate.epoch
            or header.network_id != self.config.network_id
        ):
            return
        held = known.get(view, certificate.kind)
        if held is None or held.digest != certificate.digest:
            if not self._is_valid(certificate):
                return
            self._look_for_twin(certificate)
            self._keep(certificate, header)
        elif header is not None and certificate.digest == known.certified_digest(view):
            known.headers.setdefault(header.digest, header)
        self.dissemination.shown(peer, view, certificate.kind)

    def _on_epoch_end(self, peer: bytes, end: EpochEnd) -> None:
        """Its headers were checked against each other and the certificate when it was read."""
        self._on_certificate(peer, end.certificate, end.headers[-1])
        final = self.known.get(end.certificate.view, FINALIZE)
        if final is not None and final.digest == end.certificate.digest:
            for header in end.headers:
                self.known.headers.setdefault(header.digest, header)

    def _is_valid(self, certificate: Certificate) -> bool:
        """Whether it holds. Signatures that came as votes already are not verified again."""
        c = certificate

        def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
            vote = Vote(c.epoch, c.view, c.kind, c.digest, public_key, signature)
            return self.tally.holds(vote) or self.config.verify(public_key, message, signature)

        try:
            verify_certificate(c, self.members, self.config.network_id, verify)
        except Refused:
            return False
        return True

    def _look_for_twin(self, certificate: Certificate) -> None:
        """A certificate that this replica signed, unless somebody else has its key."""
        place = self.members.index.get(self.config.own_key)
        if place is None or self._is_settled(certificate.view):
            return
        if place not in certificate.signers(len(self.members.members)):
            return
        mine = self.own_votes.get(certificate.view, {}).get(certificate.kind)
        if mine is None or mine.digest != certificate.digest:
            self._stop_voting("a certificate bears this node's signature, its journal does not")

    def _on_caught_up(self, event: CaughtUp) -> None:
        """The driver's chain ends here now."""
        header, certificate, last = event.header, event.certificate, event.header
        if event.closing:
            last = event.closing[-1]
        self.catch_up_due_ms = None
        if certificate.kind != FINALIZE or certificate.digest != last.digest:
            raise InvariantBroken("caught up with what is not final")
        if header.view <= self.known.floor.view or header.epoch != self.config.epoch:
            return
        if self.known.get(last.view, FINALIZE) is None:
            at = position(certificate.epoch, last.view)
            self.turn.append(certificate_record(certificate, last), at)
        self._finish(header, certificate, event.closing)

    # -- the driver's answers ---------------------------------------------------------------

    def _on_executed(self, event: Executed) -> None:
        block = self.known.blocks.get(event.digest)
        self.known.executing.discard(event.digest)
        if block is None:
            return
        self.known.sound[event.digest] = event.sound
        if not event.sound and self.known.certified_digest(block.header.view) == event.digest:
            self._stop(f"a certified block does not hold: {event.reason}")

    def _on_built(self, view: int, block: Block | None) -> None:
        if self.building is None or self.building[0] != view:
            return
        parent = self.building[1]
        self.building = None
        if block is None:
            self.declined_view = view
            return
        if view != self.view or self.own_votes.get(view) or not self._may_sign():
            return
        if not self._is_as_asked(block.header, view, parent):
            raise InvariantBroken("the block that was built is not the one that was asked for")
        self.known.add_block(block)
        self.known.sound[block.digest] = True
        self._vote(NOTARIZE, view, block)

    def _is_as_asked(self, header: Header, view: int, parent: Header | None) -> bool:
        """Whether a built header has the place that `Build` gave it."""
        asked = (view, 0, genesis_digest(self.config.network_id))
        if parent is not None:
            begins = parent.epoch != self.config.epoch
            asked = (view, 0 if begins else parent.view, parent.digest)
        return (
            (header.view, header.parent_view, header.parent_digest) == asked
            and header.network_id == self.config.network_id
            and header.epoch == self.config.epoch
            and self._fits(header, parent)
        )
