"""Where a replica stands: what it knows, what it promised, and the acts that change both.

Here is the one place that signs (`_vote`), the one that keeps certificates (`_keep`) and the one
that moves the floor. When to do which is said by the rules, in `rules.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.answering import Answering
from consensus.certificates import Certificate
from consensus.clock import Clock
from consensus.config import Final, ReplicaConfig
from consensus.dissemination import Dissemination
from consensus.effects import Execute, Prune, Stop, StopVoting
from consensus.fetching import Fetching
from consensus.header import Block, Header
from consensus.journal_records import (
    FOREVER,
    Recovered,
    certificate_record,
    position,
    recover,
    silence_record,
    vote_record,
)
from consensus.knowledge import Knowledge
from consensus.messages import EpochEnd, Proposal, VoteMessage
from consensus.tally import Tally
from consensus.timers import Presence, ViewTimers, delta_ms
from consensus.turn import Turn
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message
from primitives.errors import InvariantBroken

_GRACE_SHARE = 5
"""A block of the present view is probably on its way: it is asked for after Δ/5."""


class Standing:
    """State and acts of one member. Nothing is sent before `Replica.step` hands out the turn."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        """Recover from the journal's records; nothing is sent before the first `step`."""
        self.config = config
        self.members = config.members
        self.clock = Clock(now_ms)
        self.now_ms = now_ms
        """The time for timers: the clock's `elapsed_ms`, which never goes back."""
        self.turn = Turn()
        self.known = Knowledge(config.floor)
        self.tally = Tally(config.members)
        self.timers = ViewTimers()
        self.presence = Presence(
            config.members, config.own_key, config.timing.silent_ms, config.timing.delta_ms
        )
        self.dissemination = Dissemination(config, self.turn, self.known)
        self.fetching = Fetching(config, self.turn)
        self.answering = Answering(config, self.turn, self.known)
        self.own_votes: dict[int, dict[int, Vote]] = {}
        self.proposals: dict[int, Proposal] = {}
        self.observing = (
            config.observe_only
            or config.own_key not in config.members.index
            or config.epoch < config.observe_until_epoch
        )
        self.stopped: str | None = None
        self.ended = False
        self._handed_on: list[bytes] = []
        self.has_work = False
        self.is_behind = False
        self.building: tuple[int, Header | None] | None = None
        self.declined_view: int | None = None
        self.catch_up_due_ms: int | None = None
        self.gap_since_ms: int | None = None
        self.view = 0
        self.entered_ms = now_ms
        self.voted: tuple[int, int] | None = None
        """When this replica last voted for a block, its own or another's, and how many
        transactions stand in it."""
        self._recover(records)

    def has_duty(self) -> bool:
        """Whether this view has work: then timers run and leaders propose."""
        floor = self.known.floor
        return (
            self.has_work
            or self.known.has_certified_above()
            or (floor.header is not None and floor.header.transactions_count > 0)
            or self.clock.wall_ms >= self._heartbeat_ms
            or self.view in self.proposals
            or len(self.tally.voters(self.view)) > self.members.faults
        )

    @property
    def _heartbeat_ms(self) -> int:
        """When the next block is due though nothing happened; Unix time."""
        due_ms = self.known.floor.time_ms + self.config.timing.heartbeat_ms
        return due_ms if self.config.ends_ms is None else min(due_ms, self.config.ends_ms)

    def _is_above_end(self, parent: Header | None) -> bool:
        """Whether on this parent (None: the genesis block) only closing blocks may stand. The
        boundary that began this epoch ended the one before."""
        return parent is not None and parent.epoch == self.config.epoch and parent.ends_epoch

    def _may_sign(self) -> bool:
        """Not as an observer, and not once the end of this epoch is final."""
        final = None if self.observing else self.known.highest_final()
        ended = final is not None and self._is_above_end(self.known.header(final.digest))
        return not self.observing and not ended

    def _leader(self, view: int) -> bytes:
        return self.members.leader(self.config.epoch, view)

    # -- votes and certificates -------------------------------------------------------------

    def _vote(self, kind: int, view: int, block: Block | None) -> bool:
        """Sign, write down, count and broadcast. The one place that signs."""
        digest = NO_DIGEST if block is None or kind == NULLIFY else block.digest
        own = self.own_votes.setdefault(view, {})
        if kind in own or (kind != NOTARIZE and {NULLIFY, FINALIZE} & own.keys()):
            raise InvariantBroken(f"a forbidden pair of votes in view {view}")
        message = vote_message(self.config.network_id, self.config.epoch, view, kind, digest)
        signature = self.config.signer.sign(message)
        vote = Vote(self.config.epoch, view, kind, digest, self.config.own_key, signature)
        own[kind] = vote
        written = block if kind == NOTARIZE else None
        if written is not None:
            self.voted = (self.now_ms, written.header.transactions_count)
        self.turn.append(vote_record(vote, written), position(vote.epoch, view))
        if written is not None:
            self.timers.leader_ms = None
        if written is not None and self._leader(view) == self.config.own_key:
            self.turn.broadcast(Proposal(written, vote))
        else:
            self.turn.broadcast(VoteMessage(vote))
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
        at = position(certificate.epoch, view)
        self.turn.append(certificate_record(certificate, held), at)
        self.dissemination.pass_on(certificate, self.now_ms)

    def _own_messages(self) -> list[Proposal | VoteMessage]:
        """Own votes above the floor, to be sent again."""
        messages: list[Proposal | VoteMessage] = []
        for view, votes in self.own_votes.items():
            for kind, vote in votes.items():
                block = self.known.blocks.get(vote.digest)
                proposes = kind == NOTARIZE and self._leader(view) == self.config.own_key
                if proposes and block is not None and view == self.view:
                    messages.append(Proposal(block, vote))
                else:
                    messages.append(VoteMessage(vote))
        return messages

    def _is_settled(self, view: int) -> bool:
        """Whether a final block is known of this view or a later one. The journal may be pruned so
        far, though a chain that is being made again is not: what was voted there is forgotten."""
        final = self.known.highest_final()
        return view <= (self.known.floor if final is None else final).view

    def _is_own(self, vote: Vote) -> bool:
        mine = self.own_votes.get(vote.view, {}).get(vote.kind)
        return mine is not None and mine.digest == vote.digest

    # -- blocks -----------------------------------------------------------------------------

    def _execute(self, block: Block) -> None:
        if block.digest not in self.known.executing and block.digest not in self.known.sound:
            self.known.executing.add(block.digest)
            self.turn.request(Execute(block))

    def _branch_executed(self, digest: bytes, view: int, prefer: bytes | None) -> bool:
        """Whether the block `digest` of `view` and all below it were executed; else get and
        execute what is missing."""
        blocks, missing = self.known.branch(digest, view)
        if missing is not None:
            self._want_block(*missing, prefer)
            return False
        for block in blocks:
            if not self.known.is_executed(block.digest):
                self._execute(block)
                return False
        return True

    def _want_block(self, digest: bytes, view: int, prefer: bytes | None = None) -> None:
        """Ask for a block: `prefer` first, then those who signed for it."""
        holders = [self.members.members[i].voting_key for i in self.known.holders(digest, view)]
        grace_ms = self.config.timing.delta_ms // _GRACE_SHARE if view >= self.view - 1 else 0
        asked = holders if prefer is None else [prefer, *holders]
        self.fetching.want_block(digest, asked, self.now_ms + grace_ms)

    def _finish(
        self, header: Header, certificate: Certificate, closing: tuple[Header, ...]
    ) -> None:
        """The chain ends with this final block: go on above it, or end the epoch."""
        if header.next_set_hash is None:
            self._move_floor(Final.of(header, certificate))
            return
        self.ended = True
        self._handed_on.append(certificate_record(certificate, (header, *closing)[-1]))
        self.dissemination.tell_end(EpochEnd(certificate, (header, *closing)))
        self.turn.commit(Prune(position(certificate.epoch, certificate.view) - 1))

    def _move_floor(self, floor: Final) -> None:
        self.known.move_floor(floor)
        self.tally.prune(floor.view)
        self.dissemination.prune(floor.view)
        for view in [view for view in self.own_votes if view <= floor.view]:
            del self.own_votes[view]
        for view in [view for view in self.proposals if view <= floor.view]:
            del self.proposals[view]
        self.gap_since_ms = self.catch_up_due_ms = None
        # Of the floor's own view, F must stay: the journal's floor is never below the chain's.
        self.turn.commit(Prune(position(self.config.epoch, floor.view) - 1))

    # -- timers -----------------------------------------------------------------------------

    def _arm(self) -> None:
        if not self.has_duty() or not self._may_sign():
            self.timers.disarm()
            return
        if self.timers.armed:
            return
        floor, view = self.known.floor, self.view
        skips = view - floor.view <= len(self.members.members)
        if skips and self.presence.is_silent(self._leader(view), self.now_ms):
            self.timers.expire(self.now_ms)
            return
        proposed = view in self.proposals or NOTARIZE in self.own_votes.get(view, {})
        self.timers.arm(self.now_ms, self._delta_ms(view), proposed=proposed)

    def _delta_ms(self, view: int) -> int:
        floor = self.known.floor.view
        return delta_ms(view, floor, self.config.timing, self.members.faults)

    # -- giving up --------------------------------------------------------------------------

    def _stop_voting(self, reason: str) -> None:
        """Sign nothing from here on, also after restarts."""
        if not self.observing:
            self.observing = True
            record = silence_record(self.config.own_key, reason)
            self._handed_on.append(record)
            self.turn.append(record, FOREVER)
            self.turn.request(StopVoting(reason))

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        self.turn.request(Stop(reason))

    # -- recovery ---------------------------------------------------------------------------

    def _recover(self, records: Sequence[bytes]) -> None:
        everything = recover(records)
        found = everything.of(self.config.epoch)
        floor = self.known.floor
        for certificate, header in found.certificates:
            if header is not None and header.view > floor.view:
                self.known.headers.setdefault(header.digest, header)
            self.known.keep(certificate)
        for block in found.blocks.values():
            self.known.add_block(block)
        for vote in found.votes:
            if vote.view > floor.view and vote.signer == self.config.own_key:
                self.own_votes.setdefault(vote.view, {})[vote.kind] = vote
                self._count(vote)
        self.view = max(self.known.highest_view + 1, *(vote.view for vote in found.votes), 1)
        self._recover_silence(everything)

    def _recover_silence(self, found: Recovered) -> None:
        """Whether this replica may still sign, by all that the journal holds, of any epoch."""
        header, reason = self.known.floor.header, found.silenced.get(self.config.own_key)
        if reason is not None and not self.observing:
            self.observing = True
            self._handed_on.append(silence_record(self.config.own_key, reason))
            self.turn.request(StopVoting(reason))
        elif header is not None and found.floor_position < position(header.epoch, header.view):
            self._stop_voting("the journal ends below the chain")
        elif found.newest_epoch > self.config.epoch:
            # The chain is being made again: what was signed in this epoch may be pruned.
            self.observing = True
