"""Faults that begin at the worst moment for a change of members: its boundary is final at one host,
which has not written it down yet, and nobody is in the next epoch."""

from __future__ import annotations

from functools import partial
from random import Random

from consensus.simulation.host import Host
from consensus.simulation.machine import ALL_RESTART
from consensus.simulation.world import World

_LASTS_MS = (500, 8_000)
_CLOCK_MS = (3_000, 60_000)


class Aim:
    """Begins, at each change that becomes final in the storm, what the scenario has of partitions,
    crashes, full disks and clocks; once in a run, what takes longer."""

    def __init__(self, world: World, hosts: dict[bytes, Host], random: Random) -> None:
        self._world = world
        self._hosts = hosts
        self._random = random
        self._epochs: set[int] = set()

    def strike(self, epoch: int, home: bytes) -> None:
        """The boundary of `epoch` changes the members, and this host just committed it."""
        world, scenario, random = self._world, self._world.scenario, self._random
        if world.calm or epoch in self._epochs:
            return
        self._epochs.add(epoch)
        now_ms, end_ms = world.now_ms, self._end_ms()
        others = [self._hosts[key] for key in sorted(self._hosts) if key != home]
        honest = [host for host in others if host.honest]
        if not honest:
            return
        if scenario.partitions:
            side = {*self._hosts[home].identity.roll.keys_of(home)}
            for host in others[: len(others) // 2]:
                side.update(host.identity.roll.keys_of(host.home))
            world.cut(now_ms, end_ms, frozenset(side), one_way=random.random() < 0.5)
        if scenario.crash:
            world.at(now_ms, random.choice(honest).crash)
        for host in honest[: scenario.full_disks]:
            host.fill_disk(True)
            world.at(end_ms, partial(host.fill_disk, False))
        if scenario.clock_jumps:
            host, by_ms = honest[0], random.choice((-1, 1)) * random.choice(_CLOCK_MS)
            world.at(now_ms, partial(host.jump, by_ms))
            world.at(end_ms, partial(host.jump, -by_ms))
        if len(self._epochs) == 1:
            self._strike_once(home, others)

    def _strike_once(self, home: bytes, others: list[Host]) -> None:
        world, scenario, random = self._world, self._world.scenario, self._random
        now_ms = world.now_ms
        if scenario.lost_finalize:
            world.lost_from_ms = now_ms
        if scenario.night_ms:  # nobody speaks until it is night, and then one knows that F
            until_ms = scenario.storm_ms + 1_000
            for host in (self._hosts[home], *others):
                world.at(now_ms, partial(host.shut_down, until_ms))
        elif scenario.outage_ms:
            until_ms = min(now_ms + scenario.outage_ms, scenario.storm_ms)
            for host in others[:1] if random.random() < 0.3 else others:
                world.at(now_ms, partial(host.shut_down, until_ms))
        elif scenario.all_restart:
            for host in (self._hosts[home], *others):
                world.at(now_ms, partial(host.crash, ALL_RESTART))

    def _end_ms(self) -> int:
        last_ms = self._world.scenario.storm_ms
        return min(self._world.now_ms + self._random.randint(*_LASTS_MS), last_ms)
