"""Members change in the middle of every fault that the simulator knows.

A change takes effect when the first honest host begins the epoch in which it is in force; the run
notes which kinds of fault are at work then (`consensus.simulation.faults`). Each shape below is
played with an addition, a removal and a key replacement, each of them first in turn.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from itertools import product
from random import Random

import pytest

from consensus.simulation import run as simulation
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.faults import KINDS, KINDS_BY_FIELD, NO_FAULTS, changes_between
from consensus.simulation.roll import JOIN, LEAVE, REPLACE_KEY, Change, Terms
from consensus.simulation.roll import KINDS as CHANGES
from consensus.simulation.scenario import ACTORS, FAULTS_MS, Scenario
from tests.consensus.test_quiet import faultless

pytestmark = pytest.mark.simulation

MEMBERS = 5
ORDERS = tuple((*CHANGES[first:], *CHANGES[:first]) for first in range(len(CHANGES)))


def calm(seed: int) -> Scenario:
    """No fault but what a shape adds; five members bear one that lies, and so do four."""
    return replace(
        faultless(MEMBERS), seed=seed, delay_ms_min=5, delay_ms_max=40, slow_ms=0, payments=6,
        changes=len(CHANGES), aimed=True,
    )  # fmt: skip


def broken(scenario: Scenario) -> Scenario:
    """What fails every day, at its worst."""
    return replace(
        scenario, loss=100, duplication=100, crash=10, partitions=2, clock_skew_ms_max=4_000,
        clock_jumps=1, disk_ms_max=20, full_disks=1,
    )  # fmt: skip


def slow(scenario: Scenario) -> Scenario:
    """Every message takes longer than the timers are made for, and so does all work."""
    return replace(
        scenario, delay_ms_min=510, delay_ms_max=600, slow_ms=FAULTS_MS, disk_ms_max=60,
        work_ms_max=100,
    )  # fmt: skip


def lying(actor: str) -> Callable[[Scenario], Scenario]:
    return lambda scenario: replace(scenario, actors=(actor,), loss=20, changes=len(CHANGES) + 1)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which faults there are, the kinds that each kind of change must meet, and the seeds."""

    bend: Callable[[Scenario], Scenario]
    kinds: Collection[str]
    seeds: range


def kinds_of(*names: str) -> list[str]:
    """What these fields of a scenario bring about."""
    return [kind for name in names for kind in KINDS_BY_FIELD[name]]


BROKEN = (
    "loss", "duplication", "crash", "partitions", "clock_skew_ms_max", "clock_jumps", "full_disks",
)  # fmt: skip
SLOW = ("delay_ms_min", "delay_ms_max", "slow_ms", "disk_ms_max", "work_ms_max")
SHAPES = {
    "broken": Shape(broken, kinds_of(*BROKEN), range(8)),
    "slow": Shape(slow, kinds_of(*SLOW), range(5)),
    "all restart": Shape(
        lambda scenario: replace(scenario, all_restart=True),
        kinds_of("all_restart"),
        range(1),
    ),
    "outage": Shape(
        lambda scenario: replace(scenario, outage_ms=10_000),
        kinds_of("outage_ms"),
        range(4),
    ),
    "no FINALIZE": Shape(
        lambda scenario: replace(scenario, lost_finalize=True),
        kinds_of("lost_finalize"),
        range(1),
    ),
    "night": Shape(
        lambda scenario: replace(scenario, lost_finalize=True, night_ms=10_000),
        kinds_of("night_ms"),
        range(1),
    ),
    "old journal": Shape(
        lambda scenario: replace(scenario, set_back=True), kinds_of("set_back"), range(4)
    ),
    "journal gone": Shape(
        lambda scenario: replace(scenario, set_back=True, restored=True, epoch_ms=5_000),
        kinds_of("restored"),
        range(4),
    ),
    **{actor: Shape(lying(actor), (actor,), range(1)) for actor in ACTOR_CLASSES},
}


def in_order(kinds: Collection[str]) -> Callable[..., tuple[Change, ...]]:
    """What stands for `draw_changes`: one change of each kind, of territories that are well."""

    def changes(
        random: Random, first: Terms, count: int, bad: frozenset[int], fixed: frozenset[int]
    ) -> tuple[Change, ...]:
        sick = bad | fixed
        well = [place for place, (_, is_in) in enumerate(first) if is_in and place not in sick]
        leaves, has_new_key = random.sample(well, 2)
        comes = max(place for place, (_, is_in) in enumerate(first) if not is_in)
        places = {JOIN: comes, LEAVE: leaves, REPLACE_KEY: has_new_key}
        return tuple(Change(kind, places[kind]) for kind in kinds)

    return changes


@pytest.mark.parametrize("name", SHAPES)
def test_each_kind_of_change_meets_each_kind_of_fault(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = SHAPES[name]
    met: set[tuple[str, str]] = set()
    for order in ORDERS:
        monkeypatch.setattr(simulation, "draw_changes", in_order(order))
        for seed in shape.seeds:
            outcome = simulation.run(shape.bend(calm(seed)))
            assert outcome.violation is None, f"{name}, {order}, seed {seed}: {outcome.violation}"
            met |= outcome.met
    assert met >= set(product(shape.kinds, CHANGES)), set(product(shape.kinds, CHANGES)) - met


def test_no_kind_of_fault_is_forgotten() -> None:
    assert {kind for shape in SHAPES.values() for kind in shape.kinds} == KINDS
    assert {*KINDS_BY_FIELD, *NO_FAULTS} == {field.name for field in fields(Scenario)}
    assert not KINDS_BY_FIELD.keys() & set(NO_FAULTS)
    assert set(KINDS_BY_FIELD["actors"]) == set(ACTORS) == set(ACTOR_CLASSES)
    assert len(KINDS) == sum(len(kinds) for kinds in KINDS_BY_FIELD.values())


def test_without_a_fault_none_is_met() -> None:
    assert simulation.run(calm(0)).met == frozenset()


def test_a_change_is_told_by_what_became_of_the_set() -> None:
    before: Terms = ((0, True), (0, True), (0, False), (0, False))
    assert changes_between(before, before) == set()
    assert changes_between(before, ((0, True), (0, True), (0, True), (0, False))) == {JOIN}
    assert changes_between(before, ((0, True), (0, False), (0, False), (0, False))) == {LEAVE}
    assert changes_between(before, ((1, True), (0, True), (0, False), (0, False))) == {REPLACE_KEY}
    assert changes_between(before, ((0, True), (0, True), (1, False), (0, False))) == set()


def test_the_seeds_aim_too() -> None:
    scenarios = [Scenario.from_seed(seed, 4) for seed in range(60)]
    assert any(s.aimed and s.changes for s in scenarios)
    assert any(s.changes and not s.aimed for s in scenarios)
