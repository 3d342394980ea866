"""The rules of Simplex, one `step` at a time.

Rules of this file:
- No clock, no network, no disk: `step(event, now_ms)` answers with effects.
- Nothing leaves that was not journaled in the same turn (`turn.py` orders that).
- NULLIFY and FINALIZE of one view are never both signed, nor two NOTARIZE, nor two FINALIZE.
- A rule never calls `step`; the rules are tried in turn until none has anything left to do.

The protocol in prose stands in the package's docstring; `docs/protocol.md` has the bytes.
"""

from __future__ import annotations

from consensus.certificates import Certificate, verify_certificate
from consensus.config import Final
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
from consensus.header import Block, Header
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Proposal,
    VoteMessage,
)
from consensus.rules import Rules
from consensus.votes import FINALIZE, NOTARIZE, Vote
from primitives.errors import Refused


class Replica(Rules):
    """One member's part in the consensus."""

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Let `event` happen at `now_ms` (Unix time) and say what is to be done."""
        if self.stopped is not None:
            return []
        self.now_ms = max(self.now_ms, now_ms)
        self._hear(event)
        while self._one_rule():
            pass
        self.dissemination.end_turn(self.now_ms, self.has_duty(), self._own_messages)
        return self.turn.take()

    @property
    def next_deadline_ms(self) -> int | None:
        """When to send a `Tick`; None while there is nothing to wait for."""
        if self.stopped is not None:
            return None
        deadlines = [self.timers.next_ms(), self.dissemination.next_ms()]
        if not self.has_duty():
            deadlines.append(self._heartbeat_ms)
        elif self._patience_ms > self.now_ms:
            deadlines.append(self._patience_ms)
        return min((at for at in deadlines if at is not None), default=None)

    def _hear(self, event: Event) -> None:
        match event:
            case Received(peer, message):
                self._receive(peer, message)
            case Executed():
                self._on_executed(event)
            case Built(view, block):
                self._on_built(view, block)
            case WorkChanged(has_work):
                self.has_work = has_work
                self.declined_view = None
            case Started():
                self.dissemination.resend(self._own_messages(), self.now_ms)
            case PeerConnected(peer):
                self.dissemination.resend_to(peer, self._own_messages())
            case CaughtUp(header, certificate):
                self.caught_up_asked_ms = None
                if header.view > self.known.floor.view:
                    self._move_floor(Final.of(header, certificate))
            case Tick():
                pass

    def _receive(self, peer: bytes, message: object) -> None:
        match message:
            case VoteMessage(vote):
                self._on_vote(peer, vote)
            case Proposal():
                self._on_proposal(peer, message)
            case CertificateMessage(certificate, header):
                self._on_certificate(peer, certificate, header)
            case BlockResponse(block):
                self._on_block(block)
            case FetchView(view, kind):
                self.dissemination.answer_view(peer, view, kind)
            case FetchBlock(digest):
                self.dissemination.answer_block(peer, digest)

    def _on_vote(self, peer: bytes, vote: Vote) -> bool:
        """Count a vote from anyone; False if it was dropped."""
        floor = self.known.floor.view
        if vote.epoch != self.config.epoch or vote.signer not in self.members.index:
            return False
        if vote.view < self.view:
            self.dissemination.answer_old(peer, self.now_ms)
        if not floor < vote.view <= self.view + self.config.timing.view_window:
            return False
        if self.tally.known(vote):
            return True
        if self.tally.is_spent(vote) or not vote.is_signed(
            self.config.network_id, self.config.verify
        ):
            return False
        if vote.signer == self.config.own_key and not self._is_own(vote):
            self._stop_voting("a vote with this node's key that its journal does not hold")
            return False
        self.presence.heard(vote.signer, self.now_ms)
        if vote.kind == FINALIZE:
            self.dissemination.shown(vote.signer, vote.view, NOTARIZE)
        self._count(vote)
        return True

    def _on_proposal(self, peer: bytes, proposal: Proposal) -> None:
        header, vote = proposal.block.header, proposal.vote
        leader = self.members.leader(self.config.epoch, header.view)
        if (
            vote.signer != leader
            or vote.kind != NOTARIZE
            or vote.digest != header.digest
            or vote.view != header.view
            or header.network_id != self.config.network_id
            or header.epoch != self.config.epoch
        ):
            return
        if not self._on_vote(peer, vote) or header.digest in self.known.blocks:
            return
        if not self.config.body_matches(header, proposal.block.body):
            return
        if header.view >= self.view and header.view not in self.proposals:
            self.proposals[header.view] = proposal
            self.known.add_block(proposal.block)
            if header.view == self.view:
                self.timers.leader_ms = None
        elif self.known.certified_digest(header.view) == header.digest:
            self.known.add_block(proposal.block)

    def _on_certificate(self, peer: bytes, certificate: Certificate, header: Header | None) -> None:
        known = self.known
        if certificate.epoch != self.config.epoch or certificate.view <= known.floor.view:
            if certificate.view < known.floor.view:
                self.dissemination.answer_old(peer, self.now_ms)
            return
        if header is not None and header.network_id != self.config.network_id:
            return
        if known.get(certificate.view, certificate.kind) is None:
            try:
                verify_certificate(
                    certificate, self.members, self.config.network_id, self.config.verify
                )
            except Refused:
                return
            self._keep(certificate, header)
        elif header is not None and certificate.digest == known.certified_digest(certificate.view):
            known.headers.setdefault(header.digest, header)
        self.dissemination.shown(peer, certificate.view, certificate.kind)

    def _on_block(self, block: Block) -> None:
        """A block that was asked for."""
        digest = block.digest
        if not self.dissemination.was_asked(digest) or digest in self.known.blocks:
            return
        header = block.header
        if header.view > self.known.floor.view and self.config.body_matches(header, block.body):
            self.known.add_block(block)
            self.dissemination.got_block(digest)

    def _on_executed(self, event: Executed) -> None:
        block = self.known.blocks.get(event.digest)
        self.known.executing.discard(event.digest)
        if block is None:
            return
        self.known.sound[event.digest] = event.sound
        if not event.sound and self.known.certified_digest(block.header.view) == event.digest:
            self._stop(f"a certified block does not hold: {event.reason}")

    def _on_built(self, view: int, block: Block | None) -> None:
        if view != self.building_view:
            return
        self.building_view = None
        if block is None:
            self.declined_view = view
            return
        if view != self.view or self.own_votes.get(view) or self.observing:
            return
        self.known.add_block(block)
        self.known.sound[block.digest] = True
        self._vote(NOTARIZE, view, block)
