"""Which kinds of fault are at work at a moment of a run, and which a change of members met.

Each field of `Scenario` stands in `KINDS_BY_FIELD` or in `NO_FAULTS`, and each kind of member that
lies is a kind of fault. A test holds both to the code, so that no fault is forgotten here.
"""

from __future__ import annotations

from collections.abc import Mapping

from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.actors.never_leaves import NeverLeaves
from consensus.simulation.host import Host
from consensus.simulation.machine import ALL_RESTART, CRASH, OUTAGE
from consensus.simulation.roll import JOIN, LEAVE, REPLACE_KEY, Roll, Terms
from consensus.simulation.world import World

NO_FAULTS = ("seed", "members", "payments", "real_signatures", "timing", "changes", "epoch_ms",
             "aimed")  # fmt: skip
KINDS_BY_FIELD: Mapping[str, tuple[str, ...]] = {
    "actors": tuple(ACTOR_CLASSES),
    "loss": ("loss",),
    "duplication": ("duplication",),
    "delay_ms_min": ("all slow",),
    "delay_ms_max": ("some slow",),
    "slow_ms": ("slow after the storm",),
    "crash": ("crash", "torn journal"),
    "partitions": ("partition", "one-way partition"),
    "all_restart": ("all restart",),
    "outage_ms": ("no quorum", "one away"),
    "lost_finalize": ("no FINALIZE",),
    "night_ms": ("night",),
    "clock_skew_ms_max": ("clock skew",),
    "clock_jumps": ("clock set",),
    "disk_ms_max": ("slow disk",),
    "full_disks": ("full disk",),
    "work_ms_max": ("slow work",),
    "set_back": ("old journal",),
    "restored": ("journal gone",),
}
"""Kinds of fault by the field that brings them about."""

KINDS = frozenset(kind for kinds in KINDS_BY_FIELD.values() for kind in kinds)

SLOW_DISK_MS = 50
SLOW_WORK_MS = 100
"""A sync, or building and executing, may take this long: more than a message in calm times."""


class Encounters:
    """What changes met in one run, seen when the first honest host begins the epoch in which a
    change is in force: the boundary that brings it is final then, and the fault not over."""

    def __init__(self, world: World, hosts: Mapping[bytes, Host], roll: Roll) -> None:
        self._world = world
        self._hosts = hosts
        self._roll = roll
        self._terms: dict[int, Terms] = {}
        self.met: set[tuple[str, str]] = set()
        """(kind of fault, kind of change)."""

    def began(self, epoch: int, terms: Terms) -> None:
        """An honest host is in this epoch, under these terms."""
        if epoch in self._terms:
            return
        self._terms[epoch] = terms
        before = self._terms.get(epoch - 1, terms)
        kinds = changes_between(before, terms)
        if kinds:
            faults = self._in_the_network() | self._of_hosts(before, terms)
            self.met.update((fault, kind) for fault in faults for kind in kinds)

    def _in_the_network(self) -> set[str]:
        """What is at work between the hosts, or in all of them."""
        world, scenario = self._world, self._world.scenario
        storm, slow = not world.calm, world.slow
        beyond_ms = scenario.timing.delta_ms
        cuts = world.cuts()
        at_work = {
            "loss": storm and scenario.loss > 0,
            "duplication": storm and scenario.duplication > 0,
            "all slow": slow and scenario.delay_ms_min > beyond_ms,
            "some slow": slow and scenario.delay_ms_max > beyond_ms,
            "slow after the storm": slow and not storm and scenario.delay_ms_max > beyond_ms,
            "partition": False in cuts,
            "one-way partition": True in cuts,
            "no FINALIZE": world.loses_finalize,
            "night": world.loses_finalize and not storm,
            "clock skew": scenario.clock_skew_ms_max > 0,
            "slow disk": storm and scenario.disk_ms_max >= SLOW_DISK_MS,
            "slow work": storm and scenario.work_ms_max >= SLOW_WORK_MS,
        }
        return {kind for kind, is_at_work in at_work.items() if is_at_work}

    def _of_hosts(self, before: Terms, after: Terms) -> set[str]:
        """What single hosts suffer from, or do; also those that the change lets go."""
        hosts, inside = [], 0
        for home, host in self._hosts.items():
            place = self._roll.place(home)
            if before[place][1] or after[place][1] or isinstance(host, NeverLeaves):
                hosts.append(host)
                inside += after[place][1] and host.alive
        away = {host.down_by for host in hosts if not host.alive}
        found = away & {CRASH, ALL_RESTART}
        if OUTAGE in away:
            found.add("one away" if inside >= self._roll.members(after).quorum else "no quorum")
        for host in hosts:
            if type(host) in _NAMES:
                found.add(_NAMES[type(host)])
            elif host.honest:
                found |= self._of_machine(host)
        if self._is_no_member_yet(before):
            found.discard("never_leaves")
        return found

    def _is_no_member_yet(self, before: Terms) -> bool:
        """Whether who never leaves is still a member, and so plays by the rules."""
        stays = [home for home, host in self._hosts.items() if isinstance(host, NeverLeaves)]
        return all(before[self._roll.place(home)][1] for home in stays)

    def _of_machine(self, host: Host) -> set[str]:
        restored = host.votes_from is None or host.votes_from > host.replica.config.epoch
        at_work = {
            "torn journal": host.lost_records and not host.alive,
            "clock set": host.clock_is_wrong,
            "full disk": host.disk_is_full,
            "old journal": host.was_set_back,
            "journal gone": restored,
        }
        return {kind for kind, is_at_work in at_work.items() if is_at_work}


_NAMES = {kind: name for name, kind in ACTOR_CLASSES.items()}


def changes_between(before: Terms, after: Terms) -> set[str]:
    """The kinds of change that make one epoch's set of the one before."""
    kinds = set()
    for (key_before, was_in), (key_after, is_in) in zip(before, after, strict=True):
        if was_in != is_in:
            kinds.add(JOIN if is_in else LEAVE)
        elif is_in and key_before != key_after:
            kinds.add(REPLACE_KEY)
    return kinds
