"""The rules of Simplex, one `step` at a time.

Rules of this file:
- No clock, no network, no disk: `step(event, now_ms)` answers with effects.
- Nothing leaves that was not journaled in the same turn (`turn.py` orders that).
- NULLIFY and FINALIZE of one view are never both signed, nor two NOTARIZE, nor two FINALIZE.
- A rule never calls `step`; the rules are tried in turn until none has anything left to do.

The protocol in prose stands in the package's docstring; `docs/protocol.md` has the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.certificates import Certificate, verify_certificate
from consensus.config import Final, ReplicaConfig
from consensus.dissemination import Dissemination
from consensus.effects import Build, CatchUp, Commit, Effect, Execute, Prune, Stop, StopVoting
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
from consensus.journal_records import certificate_record, recover, vote_record
from consensus.knowledge import Knowledge
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Proposal,
    VoteMessage,
)
from consensus.tally import Tally
from consensus.timers import Presence, ViewTimers, delta_ms
from consensus.turn import Turn
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message
from primitives.errors import InvariantBroken, Refused


class Replica:
    """One member's part in the consensus."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        """Recover from the journal's records; nothing is sent before the first `step`."""
        self.config = config
        self.members = config.members
        self.now_ms = now_ms
        self.turn = Turn()
        self.known = Knowledge(config.floor)
        self.tally = Tally(config.members)
        self.timers = ViewTimers()
        self.presence = Presence(config.members, config.timing.silent_ms)
        self.dissemination = Dissemination(config, self.turn, self.known)
        self.own_votes: dict[int, dict[int, Vote]] = {}
        self.proposals: dict[int, Proposal] = {}
        self.observing = config.observe_only or config.own_key not in config.members.index
        self.stopped: str | None = None
        self.has_work = False
        self.building_view: int | None = None
        self.caught_up_asked_ms: int | None = None
        self.declined_view: int | None = None
        self.view = 0
        self.entered_ms = now_ms
        self._recover(records)

    # -- the outside ------------------------------------------------------------------------

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

    def has_duty(self) -> bool:
        """Whether this view has work: then timers run and leaders propose."""
        floor = self.known.floor
        return (
            self.has_work
            or self.known.has_certified_above()
            or (floor.header is not None and floor.header.transactions_count > 0)
            or self.now_ms >= self._heartbeat_ms
            or self.view in self.proposals
            or len(self.tally.voters(self.view)) > self.members.faults
        )

    # -- hearing ----------------------------------------------------------------------------

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

    def _count(self, vote: Vote) -> None:
        evidence = self.tally.add(vote)
        if evidence is not None:
            self.turn.request(evidence)
        if vote.view > self.known.floor.view and self.known.get(vote.view, vote.kind) is None:
            certificate = self.tally.certificate(vote)
            if certificate is not None:
                self._keep(certificate, None)

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

    def _keep(self, certificate: Certificate, header: Header | None) -> None:
        """Keep a verified certificate, write it down and pass it on."""
        known, view = self.known, certificate.view
        standing = known.certified_digest(view)
        if known.sound.get(certificate.digest) is False:
            self._stop("a certified block does not hold")
            return
        if certificate.kind != NULLIFY and standing not in (None, certificate.digest):
            self._stop(f"two blocks are certified in view {view}")
            return
        if not known.keep(certificate):
            return
        if known.get(view, NULLIFY) is not None and known.get(view, FINALIZE) is not None:
            self._stop(f"view {view} is both final and nullified")
            return
        if header is not None and header.digest == certificate.digest:
            known.headers.setdefault(header.digest, header)
        held = known.headers.get(certificate.digest)
        self.turn.append(certificate_record(certificate, held), view)
        self.dissemination.pass_on(certificate, self.now_ms)

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

    # -- rules: each returns whether it did something ---------------------------------------

    def _one_rule(self) -> bool:
        return self.stopped is None and (
            self._advance()
            or self._commit()
            or self._consider()
            or self._finalize()
            or self._nullify_when_due()
            or self._propose()
        )

    def _advance(self) -> bool:
        """Enter the view after the newest certificate."""
        view = max(self.known.highest_view + 1, self.view)
        if view == self.view:
            self._arm()
            return False
        self.view = view
        self.entered_ms = self.now_ms
        self.timers.disarm()
        for old in [old for old in self.proposals if old < view]:
            del self.proposals[old]
        self._arm()
        return True

    def _arm(self) -> None:
        if not self.has_duty() or self.observing:
            self.timers.disarm()
            return
        if self.timers.armed:
            return
        floor, timing = self.known.floor, self.config.timing
        leader = self.members.leader(self.config.epoch, self.view)
        if self.view - floor.view <= len(self.members.members) and self.presence.is_silent(
            leader, self.config.own_key, self.now_ms
        ):
            self.timers.expire(self.now_ms)
            return
        delta = delta_ms(self.view, floor.view, timing, self.members.faults)
        self.timers.arm(self.now_ms, delta, proposed=self.view in self.proposals)

    def _commit(self) -> bool:
        """Commit the newest final block with all its ancestors, once they were executed."""
        certificate = self.known.highest_final()
        if certificate is None:
            return False
        blocks, missing = self.known.branch(certificate.digest)
        if missing is not None:
            self._fill_gap(certificate, missing)
            return False
        for block in blocks:
            if not self.known.is_executed(block.digest):
                self._execute(block)
                return False
        self.turn.commit(Commit(tuple(blocks), certificate))
        self._move_floor(Final.of(blocks[-1].header, certificate))
        return True

    def _fill_gap(self, certificate: Certificate, missing: bytes) -> None:
        header = self.known.headers.get(certificate.digest)
        if header is None:
            self.dissemination.fetch_block(certificate.digest, self.now_ms, None)
            return
        gap = header.height - self.known.floor.height
        if gap <= self.config.timing.candidates_max // 2:
            self.dissemination.fetch_block(missing, self.now_ms, None)
            if gap == 1:
                return
        asked = self.caught_up_asked_ms
        if asked is None or self.now_ms - asked >= self.config.timing.retry_ms:
            self.caught_up_asked_ms = self.now_ms
            self.turn.commit(CatchUp(header, certificate, None))

    def _move_floor(self, floor: Final) -> None:
        self.known.move_floor(floor)
        self.tally.prune(floor.view)
        self.dissemination.prune(floor.view, self.now_ms)
        for view in [view for view in self.own_votes if view <= floor.view]:
            del self.own_votes[view]
        for view in [view for view in self.proposals if view <= floor.view]:
            del self.proposals[view]
        self.turn.commit(Prune(floor.view - 1))

    def _consider(self) -> bool:
        """Vote on the proposal kept for this view, or ask for exactly what is missing."""
        proposal = self.proposals.get(self.view)
        if proposal is None or self.observing or self.own_votes.get(self.view):
            return False
        block, view = proposal.block, self.view
        header, leader = block.header, proposal.vote.signer
        if not self.known.floor.view <= header.parent_view < view:
            return self._nullify()
        if not self._has_way_to(header, leader):
            return False
        if self.known.certified_digest(header.parent_view) != header.parent_digest:
            return self._nullify()
        if not self._parent_executed(header, leader):
            return False
        parent_time, parent_height = self._parent_facts(header.parent_digest)
        well_formed = (
            header.height == parent_height + 1
            and header.time_ms > parent_time
            and header.rule_version == self.config.rule_version
            and header.next_set_hash is None
            and not header.closing
        )
        drift = abs(header.time_ms - self.now_ms)
        certified = self.known.certified_digest(view) == header.digest
        if not well_formed or (drift > self.config.timing.clock_drift_ms_max and not certified):
            return self._nullify()
        sound = self.known.sound.get(block.digest)
        if sound is None:
            self._execute(block)
            return False
        return self._vote(NOTARIZE, view, block) if sound else self._nullify()

    def _has_way_to(self, header: Header, leader: bytes) -> bool:
        """N or F of the parent's view and U of every view between, else fetch exactly that."""
        complete = True
        if self.known.certified_digest(header.parent_view) is None:
            self.dissemination.fetch_view(header.parent_view, NOTARIZE, self.now_ms, leader)
            complete = False
        for between in range(header.parent_view + 1, header.view):
            if self.known.get(between, NULLIFY) is None:
                self.dissemination.fetch_view(between, NULLIFY, self.now_ms, leader)
                complete = False
        return complete

    def _parent_executed(self, header: Header, prefer: bytes | None) -> bool:
        """Whether the parent's candidate is there; else get and execute what is missing."""
        blocks, missing = self.known.branch(header.parent_digest)
        if missing is not None:
            self.dissemination.fetch_block(missing, self.now_ms, prefer)
            return False
        for block in blocks:
            if not self.known.is_executed(block.digest):
                self._execute(block)
                return False
        return True

    def _parent_facts(self, digest: bytes) -> tuple[int, int]:
        floor = self.known.floor
        if digest == floor.digest:
            return floor.time_ms, floor.height
        header = self.known.headers[digest]
        return header.time_ms, header.height

    def _execute(self, block: Block) -> None:
        if block.digest not in self.known.executing and block.digest not in self.known.sound:
            self.known.executing.add(block.digest)
            self.turn.request(Execute(block))

    def _finalize(self) -> bool:
        """FINALIZE what is notarized and executed, unless this view was nullified here."""
        for view in reversed(self.known.notarized_views()):
            digest = self.known.certified_digest(view)
            own = self.own_votes.get(view, {})
            if digest is None or FINALIZE in own or NULLIFY in own:
                continue
            block = self.known.blocks.get(digest)
            if block is None:
                self.dissemination.fetch_block(digest, self.now_ms, None)
            elif self._parent_executed(block.header, None) and digest not in self.known.sound:
                self._execute(block)
            elif self.known.sound.get(digest) and not self.observing:
                leader = self.members.leader(self.config.epoch, view)
                if not self.tally.is_guilty(view, leader):
                    return self._vote(FINALIZE, view, block)
        return False

    def _nullify_when_due(self) -> bool:
        due = self.timers.is_over(self.now_ms)
        if due or self.tally.count(self.view, NULLIFY) > self.members.faults:
            self.timers.stop()
            return self._nullify()
        return False

    def _nullify(self) -> bool:
        own = self.own_votes.get(self.view, {})
        if self.observing or FINALIZE in own or NULLIFY in own:
            return False
        return self._vote(NULLIFY, self.view, None)

    def _propose(self) -> bool:
        view = self.view
        if (
            self.observing
            or self.members.leader(self.config.epoch, view) != self.config.own_key
            or self.own_votes.get(view)
            or self.building_view == view
            or self.declined_view == view
            or not self.has_duty()
        ):
            return False
        parent_view = self._parent_view(view)
        if parent_view is None:
            return False
        digest = self.known.certified_digest(parent_view)
        if digest is None:
            return False
        if digest != self.known.floor.digest:
            block = self.known.blocks.get(digest)
            if block is None:
                self.dissemination.fetch_block(digest, self.now_ms, None)
                return False
            if not self._parent_executed(block.header, None):
                return False
            if digest not in self.known.sound:
                self._execute(block)
                return False
        parent = self.known.header(digest)
        if not self._is_worth_a_block(parent):
            return False
        self.building_view = view
        self.turn.request(Build(view, parent))
        return False

    def _is_worth_a_block(self, parent: Header | None) -> bool:
        """Transactions wait, results of the parent stand in no header yet, or a heartbeat is due.
        That a notarized block waits for its F is a reason only after a while: else each empty
        block would be the reason for the next, for ever."""
        return (
            self.has_work
            or (parent is not None and parent.transactions_count > 0)
            or self.now_ms >= self._heartbeat_ms
            or self.now_ms >= self._patience_ms
        )

    @property
    def _patience_ms(self) -> int:
        return self.entered_ms + self.config.timing.delta_ms

    def _parent_view(self, view: int) -> int | None:
        """The newest view that a block of `view` may build on; fetches what it needs to know."""
        for below in range(view - 1, self.known.floor.view - 1, -1):
            if self.known.certified_digest(below) is not None:
                return below
            if self.known.get(below, NULLIFY) is None:
                self.dissemination.fetch_view(below, 0, self.now_ms, None)
                return None
        return None

    # -- speaking ---------------------------------------------------------------------------

    def _vote(self, kind: int, view: int, block: Block | None) -> bool:
        digest = NO_DIGEST if block is None or kind == NULLIFY else block.digest
        own = self.own_votes.setdefault(view, {})
        if kind in own or (kind != NOTARIZE and {NULLIFY, FINALIZE} & own.keys()):
            raise InvariantBroken(f"a forbidden pair of votes in view {view}")
        message = vote_message(self.config.network_id, self.config.epoch, view, kind, digest)
        signature = self.config.signer.sign(message)
        vote = Vote(self.config.epoch, view, kind, digest, self.config.own_key, signature)
        own[kind] = vote
        if kind == NOTARIZE:
            self.timers.leader_ms = None
        written = block if kind == NOTARIZE else None
        self.turn.append(vote_record(vote, written), view)
        leads = self.members.leader(self.config.epoch, view) == self.config.own_key
        if written is not None and leads:
            self.turn.broadcast(Proposal(written, vote))
        else:
            self.turn.broadcast(VoteMessage(vote))
        self._count(vote)
        return True

    def _own_messages(self) -> list[Proposal | VoteMessage]:
        """Own votes above the floor, newest first, to be sent again."""
        messages: list[Proposal | VoteMessage] = []
        for view in sorted(self.own_votes, reverse=True):
            for kind, vote in self.own_votes[view].items():
                block = self.known.blocks.get(vote.digest)
                leads = self.members.leader(self.config.epoch, view) == self.config.own_key
                if kind == NOTARIZE and leads and block is not None and view == self.view:
                    messages.append(Proposal(block, vote))
                else:
                    messages.append(VoteMessage(vote))
        return messages

    def _is_own(self, vote: Vote) -> bool:
        mine = self.own_votes.get(vote.view, {}).get(vote.kind)
        return mine is not None and mine.digest == vote.digest

    def _stop_voting(self, reason: str) -> None:
        if not self.observing:
            self.observing = True
            self.turn.request(StopVoting(reason))

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        self.turn.request(Stop(reason))

    @property
    def _heartbeat_ms(self) -> int:
        return self.known.floor.time_ms + self.config.timing.heartbeat_ms

    # -- recovery ---------------------------------------------------------------------------

    def _recover(self, records: Sequence[bytes]) -> None:
        found = recover(records)
        if found.floor_view < self.known.floor.view:
            self.observing = True
        for certificate, header in found.certificates:
            if header is not None and header.view > self.known.floor.view:
                self.known.headers.setdefault(header.digest, header)
            self.known.keep(certificate)
        for block in found.blocks.values():
            if block.header.view > self.known.floor.view:
                self.known.add_block(block)
        voted = [vote.view for vote in found.votes]
        for vote in found.votes:
            if vote.view > self.known.floor.view:
                self.own_votes.setdefault(vote.view, {})[vote.kind] = vote
                self._count(vote)
        self.view = max(self.known.highest_view + 1, *voted, 1)
