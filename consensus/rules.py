"""The rules of Simplex: what follows from where a replica stands.

Each rule looks, does at most one thing, and says whether it did. They are tried in turn until none
has anything left to do, so no rule calls another one and `step` never calls itself.
"""

from __future__ import annotations

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.effects import Build, CatchUp, Commit
from consensus.header import Header
from consensus.standing import Standing
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY


class Rules(Standing):
    """In order of urgency: enter a view, commit, vote, finalize, give up, propose."""

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

    def _parent_facts(self, digest: bytes) -> tuple[int, int]:
        floor = self.known.floor
        if digest == floor.digest:
            return floor.time_ms, floor.height
        header = self.known.headers[digest]
        return header.time_ms, header.height

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
