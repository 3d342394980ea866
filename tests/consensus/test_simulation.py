"""Seeded runs: nothing is violated, runs repeat, and known-wrong replicas are caught."""

from dataclasses import replace

import pytest

from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.run import Outcome, run
from consensus.simulation.scenario import ACTORS, Scenario
from tests.consensus.mutants import MUTANTS, Mutant

pytestmark = pytest.mark.simulation

SEEDS_BY_MEMBERS = {1: 20, 2: 40, 3: 60, 4: 700, 5: 200, 7: 100, 10: 20}
SEEDS_PER_TEST = 20
BATCHES = [
    (members, first)
    for members, seeds in SEEDS_BY_MEMBERS.items()
    for first in range(0, seeds, SEEDS_PER_TEST)
]


def replay(outcome: Outcome) -> str:
    scenario = outcome.scenario
    return (
        f"{outcome.violation}: democite simulate --members {scenario.members} "
        f"--from {scenario.seed} --seeds 1"
    )


@pytest.mark.parametrize(("members", "first"), BATCHES)
def test_nothing_is_violated(members: int, first: int) -> None:
    last = min(first + SEEDS_PER_TEST, SEEDS_BY_MEMBERS[members])
    for seed in range(first, last):
        outcome = run(Scenario.from_seed(seed, members))
        assert outcome.violation is None, replay(outcome)
        assert outcome.height > 0


@pytest.mark.parametrize("members", SEEDS_BY_MEMBERS)
def test_nothing_is_violated_with_real_signatures(members: int) -> None:
    for seed in range(5_000, 5_004):
        scenario = replace(Scenario.from_seed(seed, members), real_signatures=True)
        assert run(scenario).violation is None, f"seed {seed}, {members} members, Ed25519"


def test_the_same_seed_is_the_same_run() -> None:
    scenario = Scenario.from_seed(11, 4)
    first, second = run(scenario), run(scenario)
    assert first == second
    assert first.final_hash != run(Scenario.from_seed(12, 4)).final_hash


def test_the_seeds_inject_what_they_promise() -> None:
    scenarios = [Scenario.from_seed(seed, 4) for seed in range(400)]
    assert {actor for s in scenarios for actor in s.actors} == set(ACTORS) == set(ACTOR_CLASSES)
    assert max(s.loss for s in scenarios) == 500
    assert max(s.delay_ms_max for s in scenarios) == 4 * scenarios[0].timing.delta_ms
    assert any(s.all_restart and s.lost_finalize for s in scenarios)
    assert any(s.real_signatures for s in scenarios)
    assert any(s.crash and s.partitions for s in scenarios)
    assert any(s.clock_jumps and s.disk_ms_max for s in scenarios)
    assert any(s.set_back for s in scenarios)
    assert max(len(Scenario.from_seed(seed, 7).actors) for seed in range(20)) == 2


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant) -> None:
    for seed in range(300):
        scenario = mutant.shape(Scenario.from_seed(seed, mutant.members))
        if run(scenario, mutant.breakage).violation is not None:
            return
    pytest.fail(f"{mutant.name}: not caught in 300 seeds")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_right_replica_passes_the_mutants_scenario(mutant: Mutant) -> None:
    for seed in range(5):
        scenario = mutant.shape(Scenario.from_seed(seed, mutant.members))
        outcome = run(scenario)
        assert outcome.violation is None, f"{mutant.name}: {outcome.violation}"
