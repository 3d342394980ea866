"""Tests of the tests: what each known-wrong replica meets, and in networks of which size.

The suite must catch each within 300 seeds of its own scenario, in which the right replica holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from consensus.config import Timing
from consensus.replica import Replica
from consensus.simulation.run import Breakage
from consensus.simulation.scenario import Scenario
from tests.consensus import wrong_epochs
from tests.consensus import wrong_replicas as wrong


def _calm(scenario: Scenario) -> Scenario:
    """Nothing but what is drawn of slowness, clocks and duplication."""
    return replace(
        scenario, loss=0, partitions=0, crash=0, all_restart=False, actors=(), outage_ms=0,
        lost_finalize=False, night_ms=0, full_disks=0, set_back=False, changes=0, epoch_ms=0,
        restored=False,
    )  # fmt: skip


def _short(scenario: Scenario) -> Scenario:
    """As it was drawn, but for long waits."""
    return replace(scenario, outage_ms=0, night_ms=0)


def _rough(scenario: Scenario) -> Scenario:
    return replace(
        _short(scenario), loss=200, delay_ms_min=1, delay_ms_max=2_000, partitions=3, crash=10
    )


def _crashing(scenario: Scenario) -> Scenario:
    return replace(
        _short(scenario),
        crash=60,
        loss=50,
        delay_ms_min=1,
        delay_ms_max=1_000,
        actors=("equivocating_leader",),
    )


def _with(*actors: str) -> Callable[[Scenario], Scenario]:
    return lambda scenario: replace(
        _short(scenario),
        actors=actors,
        loss=100,
        delay_ms_min=1,
        delay_ms_max=1_000,
        crash=0,
        partitions=3,
    )


def _night(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), all_restart=True, lost_finalize=True, loss=200)


def _one_short(scenario: Scenario) -> Scenario:
    """One member is set back and votes no more, so that each of the others is needed."""
    return replace(
        _calm(scenario), set_back=True, loss=300, partitions=3, delay_ms_min=1, delay_ms_max=1_000
    )


def _one_short_and_all_restart(scenario: Scenario) -> Scenario:
    return replace(_one_short(scenario), all_restart=True)


def _set_back(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), set_back=True)


def _slow_disks(scenario: Scenario) -> Scenario:
    return replace(
        _short(scenario), disk_ms_max=200, crash=20, loss=50, delay_ms_min=1, delay_ms_max=1_000
    )


def _slow_for_ever(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), delay_ms_min=900, delay_ms_max=1_100, slow_ms=10**9, payments=3)


def _slower_than_silence(scenario: Scenario) -> Scenario:
    return replace(
        _calm(scenario), delay_ms_min=1_200, delay_ms_max=2_000, slow_ms=10**9, payments=3,
        timing=Timing(silent_ms=1_000),
    )  # fmt: skip


def _set_clocks(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), clock_jumps=3, payments=30)


def _short_epochs(scenario: Scenario) -> Scenario:
    return replace(
        _short(scenario), epoch_ms=2_000, changes=0, loss=100, delay_ms_min=1, delay_ms_max=1_000,
        slow_ms=0, lost_finalize=False, set_back=False, actors=(),
    )  # fmt: skip


def _boundaries_without_f(scenario: Scenario) -> Scenario:
    return replace(_short_epochs(scenario), lost_finalize=True, changes=2)


def _somebody_is_removed(scenario: Scenario) -> Scenario:
    return replace(_calm(scenario), changes=1, actors=("never_leaves",), loss=100, payments=30)


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is broken, under what, in networks of which size."""

    name: str
    breakage: Breakage
    shape: Callable[[Scenario], Scenario]
    members: int = 4


def _replica(name: str, kind: type[Replica], shape: Callable[[Scenario], Scenario]) -> Mutant:
    return Mutant(name, Breakage(kind), shape)


MUTANTS = (
    # What is signed
    _replica("finalize after nullify", wrong.FinalizesAfterNullify, _rough),
    _replica("finalize re-created after nullify", wrong.RecreatesFinalize, _rough),
    _replica("two NOTARIZE in a view", wrong.VotesTwiceInAView, _with("double_voter")),
    _replica(
        "no check of the views between", wrong.SkipsTheViewsBetween, _with("stale_parent_leader")
    ),
    _replica("F not taken as N of a parent", wrong.WantsNOfParents, _one_short),
    _replica(
        "certificate and header of different views", wrong.MixesViews, _with("mislabelling_leader")
    ),
    _replica("clock window inside validity", wrong.TakesTheClockForValidity, _set_clocks),
    # Which epoch it is of
    _replica(
        "an epoch begun on a merely notarized boundary",
        wrong_epochs.BeginsOnNotarized,
        _boundaries_without_f,
    ),
    Mutant(
        "a certificate of another epoch accepted",
        Breakage(wrong_epochs.TakesOtherEpochs, wrong_epochs.HearsEveryEpoch),
        _short_epochs,
    ),
    _replica(
        "votes of a removed member counted", wrong_epochs.CountsTheRemoved, _somebody_is_removed
    ),
    # What is counted
    Mutant(
        "quorum of q - 1",
        Breakage(member_set_class=wrong.QuorumTooSmall),
        _with("equivocating_leader"),
    ),
    Mutant(
        "literal 2f+1",
        Breakage(member_set_class=wrong.LiteralQuorum),
        _with("equivocating_leader"),
        members=5,
    ),
    _replica("duplicate signer counted", wrong.CountsDuplicateSigners, _with("double_voter")),
    # What is written down, and found again
    Mutant("no journal", Breakage(wrong.StartsWithoutJournal, wrong.HostWithoutJournal), _crashing),
    Mutant("synced after sending", Breakage(wrong.IgnoresTwin, wrong.SendsBeforeSync), _crashing),
    _replica("committed before the sync", wrong.CommitsBeforeSync, _slow_disks),
    _replica("pruned before the sync", wrong.PrunesBeforeSync, _slow_disks),
    _replica(
        "own votes alone in the journal", wrong.JournalsOwnVotesAlone, _one_short_and_all_restart
    ),
    _replica("body not journaled", wrong.ForgetsBodies, _night),
    Mutant(
        "own vote not counted again",
        Breakage(wrong.DoesNotCountItsOwnVotesAgain),
        _night,
        members=3,
    ),
    _replica("any journal trusted", wrong.TrustsAnyJournal, _set_back),
    _replica("silence forgotten", wrong.ForgetsItsSilence, _set_back),
    # What makes it go on
    _replica("NOTARIZE and FINALIZE not sent again", wrong.SendsOnlyNullifyAgain, _one_short),
    _replica("constant timers", wrong.ConstantTimers, _slow_for_ever),
    _replica("skipping without a bound", wrong.SkipsWithoutBound, _slower_than_silence),
)
