"""One run: faults for a while, then calm, in which everything must become final."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from traceback import extract_tb

from consensus.members import MemberSet
from consensus.replica import Replica
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.aim import Aim
from consensus.simulation.checkers import Checkers, Violation
from consensus.simulation.faults import Encounters
from consensus.simulation.host import Host
from consensus.simulation.machine import ALL_RESTART, GENESIS_MS, NETWORK_ID, Identity
from consensus.simulation.roll import CHANGES_FROM, LEAVE, Change, Roll, draw_changes
from consensus.simulation.scenario import (
    ENDS_AFTER_STORM_MS,
    FAULTS_MS,
    LIVENESS_MS,
    VIEWS_TO_RECOVER_MAX,
    Scenario,
)
from consensus.simulation.signing import make_keys
from consensus.simulation.world import EVENTS_MAX, World
from consensus.votes import Verifier
from primitives.errors import InvariantBroken

NEVER_LEAVES = "never_leaves"
"""Whoever plays that part has to be removed first of all."""

LAST_PAYMENT_MS = 5_000
"""After the faults somebody pays once more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `violation` is None where everything held."""

    scenario: Scenario
    violation: str | None
    final_hash: str
    height: int
    events: int
    restarts: int
    views_to_recover: int
    """Views from the end of the faults until everything was final."""
    met: frozenset[tuple[str, str]] = frozenset()
    """(kind of fault, kind of change) of what was at work when a change of members took effect."""


@dataclass(frozen=True, slots=True)
class Breakage:
    """What a mutant changes: the replica, the honest hosts, or the member set."""

    replica_class: type[Replica] = Replica
    host_class: type[Host] = Host
    member_set_class: type[MemberSet] = MemberSet


def run(scenario: Scenario, breakage: Breakage = Breakage()) -> Outcome:
    """Play a scenario from beginning to end."""
    world = World(scenario)
    roll, bad, verify = _enrol(world, scenario, breakage)
    members = roll.members(roll.first)
    honest = frozenset(key for keys in roll.keys if keys[0] not in bad for key in keys)
    checkers = Checkers(NETWORK_ID, members, honest, verify, scenario.payments + 1, roll.is_change)
    hosts: dict[bytes, Host] = {}
    for key in sorted(keys[0] for keys in roll.keys):
        kind = ACTOR_CLASSES[bad[key]] if key in bad else breakage.host_class
        replica_class = kind.replica_class if key in bad else breakage.replica_class
        identity = Identity(key, members, roll.signers[key], verify, roll, replica_class)
        hosts[key] = kind(identity, world, checkers, hosts)
    for keys in roll.keys:
        world.endpoints.update(dict.fromkeys(keys, hosts[keys[0]]))
    encounters = Encounters(world, hosts, roll)
    world.on_epoch = encounters.began
    if scenario.aimed:
        world.on_change = Aim(world, hosts, Random(scenario.seed ^ 0xA13)).strike
    _plan(world, hosts, scenario)
    view_when_calm = [0]
    world.at(scenario.faults_ms, lambda: view_when_calm.append(_highest_view(hosts)))
    violation = None
    try:
        until_ms = scenario.faults_ms + LIVENESS_MS
        world.run(scenario.faults_ms + LAST_PAYMENT_MS - 1)
        if not world.run(until_ms, lambda: _all_final(hosts, scenario)):
            violation = f"not live: heights {sorted(len(h.chain) for h in _honest(hosts))}"
    except (Violation, InvariantBroken) as broken:
        violation = str(broken)
    except Exception as failure:  # whatever else a replica fails with must name its seed too
        frame = extract_tb(failure.__traceback__)[-1]
        violation = f"{failure!r} at {frame.filename}:{frame.lineno}"
    restarts = sum(host.restarts for host in hosts.values())
    if world.events >= EVENTS_MAX:
        violation = "the run does not come to rest"
    views = _highest_view(hosts) - view_when_calm[-1]
    if violation is None and views > VIEWS_TO_RECOVER_MAX:
        violation = f"recovered after {views} views only"
    final_hash = world.final_hash()
    return Outcome(
        scenario, violation, final_hash, checkers.height, world.events, restarts, views,
        frozenset(encounters.met),
    )  # fmt: skip


def _enrol(
    world: World, scenario: Scenario, breakage: Breakage
) -> tuple[Roll, dict[bytes, str], Verifier]:
    """Who there is, under which keys, who lies, and how the set will change."""
    size, changes = scenario.members, scenario.changes
    count = size + (1 if changes else 0)
    signers, verify = make_keys(2 * count if changes else size, real=scenario.real_signatures)
    every = list(signers)
    seconds = every[count:] if changes else every
    keys = sorted(every[:size])
    world.random.shuffle(keys)
    bad = dict(zip(keys, scenario.actors, strict=False))
    places = {key: place for place, key in enumerate(every[:count])}
    random = Random(scenario.seed ^ 0xC4A6E)
    first = tuple((0, place < size) for place in range(count))
    set_back = min(key for key in keys if key not in bad)
    fixed = frozenset({places[set_back]} if scenario.set_back else ())
    weak = fixed.union(places[key] for key in bad)
    leaving = [Change(LEAVE, places[key]) for key, kind in bad.items() if kind == NEVER_LEAVES]
    drawn = leaving[: changes * len(leaving)]
    terms = first
    for change in drawn:
        terms = change.apply(terms)
    drawn += draw_changes(random, terms, changes, weak, fixed)
    roll = Roll(
        tuple(zip(every[:count], seconds, strict=False)),
        signers,
        first,
        drawn,
        scenario.epoch_ms,
        GENESIS_MS + scenario.storm_ms + ENDS_AFTER_STORM_MS,
        breakage.member_set_class,
    )
    return roll, bad, verify


def _honest(hosts: dict[bytes, Host]) -> list[Host]:
    return [host for host in hosts.values() if host.honest]


def _highest_view(hosts: dict[bytes, Host]) -> int:
    return max(
        host.replica.view
        + sum(n for epoch, n in host.ended_views.items() if epoch < host.replica.config.epoch)
        for host in _honest(hosts)
    )


def _plan(world: World, hosts: dict[bytes, Host], scenario: Scenario) -> None:
    random = Random(scenario.seed ^ 0x5EED)
    storm_ms = scenario.storm_ms
    for host in hosts.values():
        world.at(random.randint(0, 200), host.start)
    for number in range(scenario.payments):
        when = random.randint(0, storm_ms)
        for host in hosts.values():
            world.at(when + random.randint(0, 400), partial(host.pay, number))
    roll = next(iter(hosts.values())).identity.roll
    whens = sorted(random.randint(0, storm_ms) for _ in roll.changes)
    for host in hosts.values():
        late_ms = random.randint(0, 400)  # for all, as one comes to nothing before the one before
        for number, when in enumerate(whens, CHANGES_FROM):
            world.at(when + late_ms, partial(host.pay, number))
    for _ in range(scenario.partitions):
        begin = random.randint(0, storm_ms)
        end = min(begin + random.randint(500, 8_000), storm_ms)
        side = [keys for keys in roll.keys if random.random() < 0.5]
        together = frozenset(key for keys in side for key in keys)
        world.cut(begin, end, together, one_way=random.random() < 0.4)
    _plan_clock(world, _honest(hosts)[0], scenario, random)
    _plan_disks(world, _honest(hosts), scenario, random)
    _plan_outage(world, hosts, scenario, random)
    if scenario.all_restart:
        in_the_morning = scenario.faults_ms if scenario.night_ms else storm_ms
        when = in_the_morning if scenario.night_ms else random.randint(FAULTS_MS // 2, storm_ms)
        for host in hosts.values():
            world.at(when, partial(host.crash, ALL_RESTART))
    for host in hosts.values():
        world.at(scenario.faults_ms + LAST_PAYMENT_MS, partial(host.pay, scenario.payments))


def _plan_clock(world: World, host: Host, scenario: Scenario, random: Random) -> None:
    """One honest member's clock is set about."""
    for _ in range(scenario.clock_jumps):
        by_ms = random.choice((-1, 1)) * random.choice((3_000, 60_000, 3_600_000))
        begin = random.randint(0, scenario.storm_ms)
        world.at(begin, partial(host.jump, by_ms))
        world.at(random.randint(begin, scenario.storm_ms), partial(host.jump, -by_ms))


def _plan_disks(world: World, honest: list[Host], scenario: Scenario, random: Random) -> None:
    """Some disks are full for a while; one honest member's journal is set back."""
    for host in random.sample(honest, min(scenario.full_disks, len(honest))):
        begin = random.randint(0, scenario.storm_ms)
        end = min(begin + random.randint(500, 15_000), scenario.storm_ms)
        world.at(begin, partial(host.fill_disk, True))
        world.at(end, partial(host.fill_disk, False))
    if scenario.set_back:
        world.at(random.randint(0, FAULTS_MS // 2), honest[0].back_up)
        for _ in range(3):
            world.at(random.randint(FAULTS_MS // 2, scenario.storm_ms), honest[0].crash)


def _plan_outage(
    world: World, hosts: dict[bytes, Host], scenario: Scenario, random: Random
) -> None:
    """So many are down that the others are no quorum, or one alone is and has to catch up; then
    all come back, one after another."""
    if scenario.outage_ms:
        begin = random.randint(0, FAULTS_MS // 2)
        fewest = (len(hosts) - 1) // 3 + 1
        count = random.randint(fewest, len(hosts)) if random.random() < 0.7 else 1
        for key in random.sample(sorted(hosts), count):
            until_ms = begin + scenario.outage_ms + random.randint(0, FAULTS_MS // 4)
            world.at(begin, partial(hosts[key].shut_down, until_ms))


def _all_final(hosts: dict[bytes, Host], scenario: Scenario) -> bool:
    """Every honest member has everything paid, also what came after the faults, on one chain."""
    heights = set()
    for host in _honest(hosts):
        if not host.alive or not host.chain.entries:
            return False
        wanted = scenario.payments + 1 + len(host.identity.roll.changes)
        if len(host.ledger.paid(host.chain.tip.digest)) != wanted:
            return False
        heights.add(len(host.chain))
    return len(heights) == 1
