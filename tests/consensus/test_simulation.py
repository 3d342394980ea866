"""Seeded runs: nothing is violated, runs repeat, and known-wrong replicas are caught."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.run import Outcome, run
from consensus.simulation.scenario import ACTORS, NIGHTS_MS, OUTAGES_MS, Scenario
from tests.consensus.mutants import MUTANTS, Mutant

pytestmark = pytest.mark.simulation

ROOT = Path(__file__).parents[2]
SEEDS_BY_MEMBERS = {1: 60, 2: 60, 3: 60, 4: 1_000, 5: 400, 7: 500, 10: 90, 16: 20}
SEEDS_PER_TEST = {4: 50, 5: 40, 7: 20, 10: 6, 16: 2}
BATCHES = [
    (members, first)
    for members, seeds in SEEDS_BY_MEMBERS.items()
    for first in range(0, seeds, SEEDS_PER_TEST.get(members, 60))
]
SIGNED_SEEDS = range(20)
"""Of each size, with Ed25519; of the others, those that say so themselves."""
DISTINCT_MUTANTS = {
    tuple(mutant.shape(Scenario.from_seed(seed, mutant.members)) for seed in range(5)): mutant
    for mutant in reversed(MUTANTS)
}
"""By the scenarios in which the right replica must hold: some mutants share theirs."""

KNOWN_MISTAKES = {
    "finalize after nullify",
    "no journal",
    "no check of the views between",
    "literal 2f+1",
    "own vote not counted again",
    "NOTARIZE and FINALIZE not sent again",
    "finalize re-created after nullify",
    "own votes alone in the journal",
    "body not journaled",
    "synced after sending",
    "pruned before the sync",
    "duplicate signer counted",
    "quorum of q - 1",
    "constant timers",
    "skipping without a bound",
    "clock window inside validity",
    "certificate and header of different views",
    "F not taken as N of a parent",
    "an epoch begun on a merely notarized boundary",
    "a certificate of another epoch accepted",
    "votes of a removed member counted",
}

FINAL_HASHES = """
from consensus.simulation.run import run
from consensus.simulation.scenario import Scenario
for members in (4, 7):
    for seed in (11, 12, 13):
        print(members, seed, run(Scenario.from_seed(seed, members)).final_hash)
"""


def replay(outcome: Outcome) -> str:
    scenario = outcome.scenario
    signed = ", but for its signatures" if scenario.seed in SIGNED_SEEDS else ""
    return (
        f"{outcome.violation}: democite simulate --members {scenario.members} "
        f"--from {scenario.seed} --seeds 1{signed}"
    )


def test_there_are_as_many_seeds_as_promised() -> None:
    assert sum(SEEDS_BY_MEMBERS.values()) >= 2_000
    assert SEEDS_BY_MEMBERS[4] + SEEDS_BY_MEMBERS[5] >= 1_400
    assert (SEEDS_BY_MEMBERS[7], SEEDS_BY_MEMBERS[10], SEEDS_BY_MEMBERS[16]) >= (500, 90, 10)
    assert min(SEEDS_BY_MEMBERS.values()) >= len(SIGNED_SEEDS) >= 20


@pytest.mark.parametrize(("members", "first"), BATCHES)
def test_nothing_is_violated(members: int, first: int) -> None:
    last = min(first + SEEDS_PER_TEST.get(members, 60), SEEDS_BY_MEMBERS[members])
    for seed in range(first, last):
        scenario = Scenario.from_seed(seed, members)
        if seed in SIGNED_SEEDS:
            scenario = replace(scenario, real_signatures=True)
        outcome = run(scenario)
        assert outcome.violation is None, replay(outcome)
        assert outcome.height > 0


def test_the_same_seed_is_the_same_run() -> None:
    scenario = Scenario.from_seed(11, 4)
    first, second = run(scenario), run(scenario)
    assert first == second
    assert first.final_hash != run(Scenario.from_seed(12, 4)).final_hash


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    """The order of a set of bytes differs from process to process, so nothing may go by it."""
    told = [
        subprocess.run(
            [sys.executable, "-c", FINAL_HASHES],
            env={**os.environ, "PYTHONHASHSEED": salt},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for salt in ("0", "1", "4711")
    ]
    assert len(told[0].splitlines()) == 6
    assert told[0] == told[1] == told[2]


def test_the_seeds_inject_what_they_promise() -> None:
    scenarios = [Scenario.from_seed(seed, 4) for seed in range(400)]
    delta_ms = scenarios[0].timing.delta_ms
    assert {actor for s in scenarios for actor in s.actors} == set(ACTORS) == set(ACTOR_CLASSES)
    assert max(s.loss for s in scenarios) == 500
    assert max(s.delay_ms_max for s in scenarios) == 4 * delta_ms
    assert any(s.delay_ms_min >= 3 * delta_ms and s.slow_ms for s in scenarios)
    assert any(s.all_restart and s.lost_finalize and s.night_ms for s in scenarios)
    assert {s.outage_ms for s in scenarios} == {0, *OUTAGES_MS}
    assert {s.night_ms for s in scenarios} == {0, *NIGHTS_MS}
    assert {s.full_disks for s in scenarios} == {0, 1, 4}
    assert any(s.real_signatures for s in scenarios)
    assert any(s.crash and s.partitions for s in scenarios)
    assert any(s.clock_jumps and s.disk_ms_max for s in scenarios)
    assert any(s.set_back for s in scenarios)
    for members, faults in ((7, 2), (10, 3), (16, 5)):
        drawn = [Scenario.from_seed(seed, members).actors for seed in range(40)]
        assert max(len(actors) for actors in drawn) == faults
        assert any(len(set(actors)) == faults for actors in drawn), "mixed"


def is_caught(mutant: Mutant, scenario: Scenario) -> bool:
    """Whether a promise is broken; a mutant that fails at something of its own was not caught."""
    violation = run(scenario, mutant.breakage).violation
    return violation is not None and "Error(" not in violation


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught_where_the_right_replica_holds(mutant: Mutant) -> None:
    for seed in range(300):
        scenario = mutant.shape(Scenario.from_seed(seed, mutant.members))
        if is_caught(mutant, scenario):
            assert run(scenario).violation is None, f"{mutant.name}, seed {seed}"
            return
    pytest.fail(f"{mutant.name}: not caught in 300 seeds")


def test_there_is_a_mutant_for_each_known_mistake() -> None:
    assert {mutant.name for mutant in MUTANTS} >= KNOWN_MISTAKES


@pytest.mark.parametrize(
    ("scenarios", "mutant"), DISTINCT_MUTANTS.items(), ids=lambda each: getattr(each, "name", "")
)
def test_the_right_replica_passes_the_mutants_scenario(
    scenarios: tuple[Scenario, ...], mutant: Mutant
) -> None:
    for scenario in scenarios:
        outcome = run(scenario)
        assert outcome.violation is None, f"{mutant.name}: {outcome.violation}"
