"""Replicas that are wrong in one known way each: tests of the tests.

A mutant names the scenario in which its fault shows. The suite must catch each within 300 seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.effects import Commit, Effect, Prune
from consensus.events import Event
from consensus.header import Block, Header
from consensus.journal_records import Recovered
from consensus.members import MemberSet
from consensus.replica import Replica
from consensus.simulation.host import Host
from consensus.simulation.run import Breakage
from consensus.simulation.scenario import Scenario
from consensus.tally import Tally
from consensus.timers import ViewTimers
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


class ForgetsItsOwnVotes(Replica):
    """After a restart its own votes are not counted, nor sent again."""

    def _recover(self, records: Sequence[bytes]) -> None:
        super()._recover(records)
        self.tally = Tally(self.members)

    def _own_messages(self) -> list[object]:  # type: ignore[override]  # the mutant sends nothing
        return []


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

    def _on_proposal(self, peer: bytes, proposal: object) -> None:
        super()._on_proposal(peer, proposal)  # type: ignore[arg-type]  # the same message
        block: Block = proposal.block  # type: ignore[attr-defined]  # a Proposal
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
        super()._recover_silence(replace(found, silenced=None))


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


def _calm(scenario: Scenario) -> Scenario:
    return replace(scenario, loss=0, partitions=0, crash=0, all_restart=False, actors=())


def _as_drawn(scenario: Scenario) -> Scenario:
    return scenario


def _rough(scenario: Scenario) -> Scenario:
    return replace(scenario, loss=200, delay_ms_max=2_000, partitions=3, crash=10)


def _crashing(scenario: Scenario) -> Scenario:
    return replace(scenario, crash=60, loss=50, delay_ms_max=1_000, actors=("equivocating_leader",))


def _with(actor: str) -> Callable[[Scenario], Scenario]:
    return lambda scenario: replace(
        scenario, actors=(actor,), loss=100, delay_ms_max=1_000, crash=0, partitions=3
    )


def _night(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), all_restart=True, lost_finalize=True, loss=200)


def _set_back(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), set_back=True)


def _slow_disks(scenario: Scenario) -> Scenario:
    return replace(scenario, disk_ms_max=200, crash=20, loss=50, delay_ms_max=1_000)


def _slow_for_ever(scenario: Scenario) -> Scenario:
    return replace(
        _calm(scenario), delay_ms_min=900, delay_ms_max=1_100, slow_until_ms=10**9, payments=3
    )


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is broken, in networks of which size, under what."""

    name: str
    breakage: Breakage
    members: int = 4
    shape: Callable[[Scenario], Scenario] = _as_drawn


MUTANTS = (
    Mutant("finalize after nullify", Breakage(FinalizesAfterNullify), shape=_rough),
    Mutant("no journal", Breakage(StartsWithoutJournal, HostWithoutJournal), shape=_crashing),
    Mutant("synced after sending", Breakage(IgnoresTwin, SendsBeforeSync), shape=_crashing),
    Mutant(
        "quorum of q - 1",
        Breakage(member_set_class=QuorumTooSmall),
        shape=_with("equivocating_leader"),
    ),
    Mutant(
        "literal 2f+1",
        Breakage(member_set_class=LiteralQuorum),
        members=5,
        shape=_with("equivocating_leader"),
    ),
    Mutant(
        "no check of the views between",
        Breakage(SkipsTheViewsBetween),
        shape=_with("stale_parent_leader"),
    ),
    Mutant("own vote not counted again", Breakage(ForgetsItsOwnVotes), shape=_night),
    Mutant("constant timers", Breakage(ConstantTimers), shape=_slow_for_ever),
    Mutant(
        "duplicate signer counted", Breakage(CountsDuplicateSigners), shape=_with("double_voter")
    ),
    Mutant("silence forgotten", Breakage(ForgetsItsSilence), shape=_set_back),
    Mutant("any journal trusted", Breakage(TrustsAnyJournal), shape=_set_back),
    Mutant("body not journaled", Breakage(ForgetsBodies), shape=_night),
    Mutant("pruned before the sync", Breakage(PrunesBeforeSync), shape=_slow_disks),
    Mutant("committed before the sync", Breakage(CommitsBeforeSync), shape=_slow_disks),
    Mutant("two NOTARIZE in a view", Breakage(VotesTwiceInAView), shape=_with("double_voter")),
)
