"""The rules of Simplex: what follows from where a replica stands.

Each rule looks, does at most one thing, and says whether it did. They are tried in turn until none
has anything left to do, so no rule calls another one and `step` never calls itself. In the last
round every rule ran: what they lacked then is what is asked for.
"""

from __future__ import annotations

from consensus.effects import Build, CatchUp, Commit
from consensus.fetching import FETCHES_MAX
from consensus.header import Header
from consensus.standing import Standing
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY

GAP_BLOCKS_MAX = 8
"""Up to so many missing blocks are fetched one by one; more are the driver's to catch up with."""

GAP_RETRIES_MAX = 5
"""Nor are blocks waited for longer than so many `retry_ms`: perhaps nobody holds them here."""


class Rules(Standing):
    """In order of urgency: enter a view, commit, vote, finalize, give up, propose."""

    def _one_rule(self) -> bool:
        self.fetching.begin_pass()
        return (self.stopped is None and not self.ended) and (
            self._advance()
            or self._commit()
            or self._consider()
            or self._finalize()
            or self._nullify_when_due()
            or self._propose()
        )

    # -- entering a view --------------------------------------------------------------------

    def _advance(self) -> bool:
        """Enter the view after the newest certificate."""
        view = self.known.highest_view + 1
        if view <= self.view:
            self._arm()
            return False
        self.view = view
        self.entered_ms = self.now_ms
        self.timers.disarm()
        self._leave_proposals()
        self._arm()
        return True

    def _leave_proposals(self) -> None:
        """Those of earlier views. The body of what was nullified, and not voted for here, goes."""
        for view in [view for view in self.proposals if view < self.view]:
            digest = self.proposals.pop(view).block.digest
            is_certified = self.known.certified_digest(view) == digest
            is_nullified = self.known.get(view, NULLIFY) is not None
            if is_nullified and not is_certified and NOTARIZE not in self.own_votes.get(view, {}):
                self.known.drop_block(digest)

    # -- committing -------------------------------------------------------------------------

    def _commit(self) -> bool:
        """Commit the newest final block with all its ancestors, once they were executed. Closing
        blocks join no chain: F of one finalizes the boundary below it."""
        certificate = self.known.committable_final()
        if certificate is None:
            return False
        closing, digest, view = self.known.closing(certificate.digest, certificate.view)
        header = self.known.header(digest)
        if header is None:
            self._want_block(digest, view)
            return False
        blocks, missing = self.known.branch(digest, view)
        if missing is not None:
            self._fill_gap(CatchUp(header, certificate, None, closing), missing)
            return False
        for block in blocks:
            if not self.known.is_executed(block.digest):
                self._execute(block)
                return False
        self.turn.commit(Commit(tuple(blocks), certificate, closing))
        self._finish(header, certificate, closing)
        return True

    def _fill_gap(self, catch_up: CatchUp, missing: tuple[bytes, int]) -> None:
        """Blocks between the floor and a final one are missing."""
        digest, view = missing
        if view <= self.known.floor.view:
            self._stop("a final block does not descend from the chain")
            return
        if self.gap_since_ms is None:
            self.gap_since_ms = self.now_ms
        waited_ms = self.now_ms - self.gap_since_ms
        gap = catch_up.header.height - self.known.floor.height
        # Where most of a long branch is held it was never committed anywhere, perhaps: it can't be
        # had by height. Of the honest, one always holds half of it, since it voted for it.
        is_near = gap <= max(GAP_BLOCKS_MAX, 2 * len(self.known.blocks))
        if is_near:
            self._want_block(digest, view)
        if not is_near or waited_ms >= GAP_RETRIES_MAX * self.config.timing.retry_ms:
            self._catch_up(catch_up)
        else:
            self.catch_up_due_ms = None

    def _catch_up(self, catch_up: CatchUp) -> None:
        if self.catch_up_due_ms is None or self.catch_up_due_ms <= self.now_ms:
            self.catch_up_due_ms = self.now_ms + self.config.timing.retry_ms
            self.turn.commit(catch_up)

    # -- voting -----------------------------------------------------------------------------

    def _consider(self) -> bool:
        """Vote on the proposal kept for this view, or ask for exactly what is missing."""
        proposal = self.proposals.get(self.view)
        if proposal is None or not self._may_sign() or self.own_votes.get(self.view):
            return False
        block, view = proposal.block, self.view
        header, leader = block.header, proposal.vote.signer
        if not self.known.floor.view <= header.parent_view < view:
            return self._nullify()
        if not self._has_way_to(header, leader):
            return False
        if self.known.certified_digest(header.parent_view) != header.parent_digest:
            return self._nullify()
        if not self._branch_executed(header.parent_digest, header.parent_view, leader):
            return False
        drift_ms = abs(header.time_ms - self.clock.wall_ms)
        fits = self._fits(header, self.known.header(header.parent_digest))
        if not fits or drift_ms > self.config.timing.clock_drift_ms_max:
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
            self.fetching.want_view(header.parent_view, NOTARIZE, leader, self.now_ms)
            complete = False
        views = range(header.parent_view + 1, header.view)
        lacking = [view for view in views if self.known.get(view, NULLIFY) is None]
        # Not all at once: a leader that lies must not leave no room for what else is lacking.
        for view in lacking[: FETCHES_MAX // 2]:
            self.fetching.want_view(view, NULLIFY, leader, self.now_ms)
        return complete and not lacking

    def _fits(self, header: Header, parent: Header | None) -> bool:
        """Whether a header may stand on this parent (None: the genesis block); network, epoch and
        view are checked elsewhere, and whether it ends the epoch is for the ledger to say."""
        on = self.known.floor if parent is None else parent
        if header.time_ms <= on.time_ms or header.rule_version != self.config.rule_version:
            return False
        if parent is None or not self._is_above_end(parent):
            return not header.closing and header.height == on.height + 1
        return (
            header.closing
            and header.next_set_hash is None
            and header.transactions_count == 0
            and header.height == parent.height
            and (not parent.closing or header.state_root == parent.state_root)
        )

    def _finalize(self) -> bool:
        """FINALIZE what is notarized and executed, unless this view was nullified here. Nothing
        below a final block needs it, and what was nullified there may be forgotten."""
        for view in reversed(self.known.notarized_views()):
            own = self.own_votes.get(view, {})
            if FINALIZE in own or NULLIFY in own:
                continue
            if self._is_settled(view):
                return False
            digest = self.known.certified_digest(view)
            if (
                digest is None
                or not self._branch_executed(digest, view, None)
                or not self._may_sign()
            ):
                continue
            if not self.tally.is_guilty(view, self._leader(view)):
                return self._vote(FINALIZE, view, self.known.blocks[digest])
        return False

    # -- giving a view up -------------------------------------------------------------------

    def _nullify_when_due(self) -> bool:
        """A timer ran out, or f + 1 others gave this view up, so one honest member did."""
        due = self.timers.is_over(self.now_ms)
        if due or self.tally.count(self.view, NULLIFY) > self.members.faults:
            self.timers.stop()
            return self._nullify()
        return False

    def _nullify(self) -> bool:
        own = self.own_votes.get(self.view, {})
        if not self._may_sign() or FINALIZE in own or NULLIFY in own:
            return False
        return self._vote(NULLIFY, self.view, None)

    # -- proposing --------------------------------------------------------------------------

    def _propose(self) -> bool:
        """The leader asks for a block once it knows what to build on, and that it should."""
        view = self.view
        if (
            self._leader(view) != self.config.own_key
            or not self._may_sign()
            or self.own_votes.get(view)
            or (self.building is not None and self.building[0] == view)
            or self.declined_view == view
            or not self.has_duty()
        ):
            return False
        parent_view = self._parent_view(view)
        if parent_view is None:
            return False
        digest = self.known.certified_digest(parent_view)
        if digest is None or not self._branch_executed(digest, parent_view, None):
            return False
        parent = self.known.header(digest)
        if self._is_worth_a_block(parent):
            self.building = (view, parent)
            self.turn.request(Build(view, parent, self._is_above_end(parent)))
        return False

    def _is_worth_a_block(self, parent: Header | None) -> bool:
        """Transactions wait, results of the parent stand in no header yet, or a heartbeat is due.
        That a notarized block waits for its F is a reason only after a while: else each empty
        block would be the reason for the next, for ever. And where many wait for theirs, nothing
        is a reason before: blocks that are not final must not pile up at the network's pace. A
        closing block can carry nothing else. Blocks that follow each other as fast as votes travel
        cost everybody more than they save the few payments in them (ADR 0029)."""
        if self.now_ms >= self._patience_ms:
            return True
        is_full = self.known.notarized_count >= self.config.timing.candidates_max
        if is_full or self._is_above_end(parent) or self.now_ms < self._paced_ms:
            return False
        return (
            self.has_work
            or (parent is not None and parent.transactions_count > 0)
            or self.clock.wall_ms >= self._heartbeat_ms
        )

    @property
    def _paced_ms(self) -> int:
        """Before this, the newest block is too young for another one: this replica's own vote for
        it says when it came, since proposals come from anybody, of later views too."""
        if self.voted is None:
            return self.now_ms
        voted_ms, count = self.voted
        return voted_ms + self.config.timing.pace_after_ms(count, is_behind=self.is_behind)

    @property
    def _patience_ms(self) -> int:
        return self.entered_ms + self._delta_ms(self.view)

    def _parent_view(self, view: int) -> int | None:
        """The newest view that a block of `view` may build on; fetches what it needs to know."""
        for below in range(view - 1, self.known.floor.view - 1, -1):
            if self.known.certified_digest(below) is not None:
                return below
            if self.known.get(below, NULLIFY) is None:
                self.fetching.want_view(below, 0, None, self.now_ms)
                return None
        return None
