"""One run: faults for a while, then calm, in which everything must become final."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from traceback import extract_tb

from consensus.members import Member, MemberSet
from consensus.replica import Replica
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.checkers import Checkers, Violation
from consensus.simulation.host import Host
from consensus.simulation.machine import NETWORK_ID, Identity
from consensus.simulation.scenario import (
    FAULTS_MS,
    LIVENESS_MS,
    VIEWS_TO_RECOVER_MAX,
    Scenario,
)
from consensus.simulation.signing import make_keys
from consensus.simulation.world import EVENTS_MAX, World
from primitives.errors import InvariantBroken

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


@dataclass(frozen=True, slots=True)
class Breakage:
    """What a mutant changes: the replica, the honest hosts, or the member set."""

    replica_class: type[Replica] = Replica
    host_class: type[Host] = Host
    member_set_class: type[MemberSet] = MemberSet


def run(scenario: Scenario, breakage: Breakage = Breakage()) -> Outcome:
    """Play a scenario from beginning to end."""
    world = World(scenario)
    signers, verify = make_keys(scenario.members, real=scenario.real_signatures)
    members = breakage.member_set_class(
        tuple(Member(key, key, f"t{number}") for number, key in enumerate(signers))
    )
    keys = sorted(signers)
    world.random.shuffle(keys)
    bad = dict(zip(keys, scenario.actors, strict=False))
    honest = frozenset(keys) - frozenset(bad)
    checkers = Checkers(NETWORK_ID, members, honest, verify, scenario.payments + 1)
    hosts: dict[bytes, Host] = {}
    for key in sorted(keys):
        kind = ACTOR_CLASSES[bad[key]] if key in bad else breakage.host_class
        replica_class = kind.replica_class if key in bad else breakage.replica_class
        identity = Identity(key, members, signers[key], verify, replica_class)
        hosts[key] = kind(identity, world, checkers, hosts)
    world.endpoints.update(hosts)
    _plan(world, hosts, scenario)
    view_when_calm = [0]
    world.at(scenario.faults_ms, lambda: view_when_calm.append(_highest_view(hosts)))
    violation = None
    try:
        until_ms = scenario.faults_ms + LIVENESS_MS
        if not world.run(until_ms, lambda: _all_final(world, hosts, scenario)):
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
    return Outcome(scenario, violation, final_hash, checkers.height, world.events, restarts, views)


def _honest(hosts: dict[bytes, Host]) -> list[Host]:
    return [host for host in hosts.values() if host.honest]


def _highest_view(hosts: dict[bytes, Host]) -> int:
    return max(host.replica.view for host in _honest(hosts))


def _plan(world: World, hosts: dict[bytes, Host], scenario: Scenario) -> None:
    random = Random(scenario.seed ^ 0x5EED)
    storm_ms = scenario.storm_ms
    for host in hosts.values():
        world.at(random.randint(0, 200), host.start)
    for number in range(scenario.payments):
        when = random.randint(0, storm_ms)
        for host in hosts.values():
            world.at(when + random.randint(0, 400), partial(host.pay, number))
    for _ in range(scenario.partitions):
        begin = random.randint(0, storm_ms)
        end = min(begin + random.randint(500, 8_000), storm_ms)
        side = frozenset(key for key in hosts if random.random() < 0.5)
        world.cut(begin, end, side, one_way=random.random() < 0.4)
    _plan_clock(world, _honest(hosts)[0], scenario, random)
    _plan_disks(world, _honest(hosts), scenario, random)
    _plan_outage(world, hosts, scenario, random)
    if scenario.all_restart:
        in_the_morning = scenario.faults_ms if scenario.night_ms else storm_ms
        when = in_the_morning if scenario.night_ms else random.randint(FAULTS_MS // 2, storm_ms)
        for host in hosts.values():
            world.at(when, host.crash)
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


def _all_final(world: World, hosts: dict[bytes, Host], scenario: Scenario) -> bool:
    """Every honest member has everything paid, also what came after the faults, on one chain."""
    if world.now_ms < scenario.faults_ms + LAST_PAYMENT_MS:
        return False
    heights = set()
    for host in _honest(hosts):
        if not host.alive or not host.chain.entries:
            return False
        if len(host.ledger.paid(host.chain.tip.digest)) != scenario.payments + 1:
            return False
        heights.add(len(host.chain))
    return len(heights) == 1
