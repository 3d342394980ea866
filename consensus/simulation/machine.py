"""The machine under a simulated territory: its clock, its disk, and how both fail.

It does a replica's effects as a node does: building and executing at once, the rest in order and
not before what stands ahead of its `Sync` is durable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from consensus.config import Final, ReplicaConfig
from consensus.effects import Append, Build, Effect, Evidence, Execute, Stop, StopVoting, Sync
from consensus.events import Event, Tick
from consensus.members import MemberSet
from consensus.replica import Replica
from consensus.simulation.checkers import Checkers
from consensus.simulation.disk import Disk
from consensus.simulation.roll import Roll
from consensus.simulation.toy_ledger import body_matches
from consensus.simulation.world import World
from consensus.votes import Signer, Verifier

NETWORK_ID = bytes(range(32))
GENESIS_MS = 1_700_000_000_000
"""Unix time at the world's beginning, and the genesis's."""

CRASH, OUTAGE, ALL_RESTART = "crash", "outage", "all restart"
"""Why a machine is down."""

_AT_ONCE = (Build, Execute, Evidence, Stop, StopVoting)
"""What need not wait for the disk."""
_RESTART_MS_MAX = 4_000
_OUTBOX_CRASH_SHARE = 4
"""Chances of a crash are per turn; between two effects that waited for the disk, so much less."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a host is: its key and the member set are those of its present epoch, the rest never
    changes."""

    key: bytes
    members: MemberSet
    signer: Signer
    verify: Verifier
    roll: Roll
    replica_class: type[Replica] = Replica


class Machine(ABC):
    """Runs one replica through crashes. Chain, pool and network are the subclass's part."""

    honest = True
    syncs_first = True
    keeps_journal = True
    votes_from: int | None = 0
    """The first epoch that it may vote in, for want of a journal; None while that is not known."""

    def __init__(self, identity: Identity, world: World, checkers: Checkers) -> None:
        self.home = identity.key
        self.identity = identity
        self.world = world
        self.checkers = checkers
        self.disk = Disk()
        self.disk_is_full = False
        self.alive = False
        self.restarts = 0
        self.down_until_ms = 0
        self.down_by = ""
        """While it is not alive: why."""
        self.lost_records = False
        """Whether the last crash took records that were not synced."""
        self.clock_is_wrong = False
        self.skew_ms = world.random.randint(0, world.scenario.clock_skew_ms_max)
        self._outbox: deque[tuple[int, Effect]] = deque()
        self._syncing = False
        self._tick_ms: int | None = None
        self.ended_views: dict[int, int] = {}
        """How many views each epoch had when it ended here: more than once, where a crash took what
        was not written yet."""
        self.replica = self.new_replica(Final.genesis(NETWORK_ID, GENESIS_MS), 0, None)

    def new_replica(self, floor: Final, epoch: int, ends_ms: int | None) -> Replica:
        """A replica that finds what the disk holds."""
        identity = self.identity
        config = ReplicaConfig(
            NETWORK_ID,
            identity.members,
            identity.key,
            identity.signer,
            identity.verify,
            body_matches,
            floor,
            self.world.scenario.timing,
            epoch,
            ends_ms=ends_ms,
            observe_only=self.votes_from is None,
            observe_until_epoch=self.votes_from or 0,
        )
        return identity.replica_class(config, self.disk.records(), self.clock_ms)

    @property
    def clock_ms(self) -> int:
        """This host's own idea of the time."""
        return GENESIS_MS + self.world.now_ms + self.skew_ms

    # -- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or begin again with what the disk holds; not while the power is off."""
        if self.alive:
            return
        if self.world.now_ms < self.down_until_ms:
            self.world.at(self.down_until_ms, self.start)
            return
        self.alive = True
        self._tick_ms = None
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Make the replica and tell it what there is."""

    def crash(self, down_by: str = CRASH) -> None:
        """Lose everything that is not on disk, and come back later."""
        if not self.alive:
            return
        random = self.world.random
        self.alive, self.down_by = False, down_by
        self.restarts += 1
        self._outbox.clear()
        self._syncing = False
        kept = random.randint(0, self.disk.unsynced)
        self.lost_records = kept < self.disk.unsynced
        self.disk.crash(kept)
        self.lose_unwritten()
        self.world.at(self.world.now_ms + random.randint(1, _RESTART_MS_MAX), self.start)

    @abstractmethod
    def lose_unwritten(self) -> None:
        """What else goes in a crash."""

    def shut_down(self, until_ms: int) -> None:
        """The power goes, and is back then only."""
        self.down_until_ms = max(self.down_until_ms, until_ms)
        self.down_by = OUTAGE
        self.crash(OUTAGE)

    def jump(self, by_ms: int) -> None:
        """Somebody sets the clock. Running timers do not care."""
        self.skew_ms += by_ms
        self.clock_is_wrong = not self.clock_is_wrong
        self.feed(Tick())

    def fill_disk(self, full: bool) -> None:
        """From here on nothing can be written, or it can again. A node whose disk is full stops;
        whoever starts it again has it stop at its next word."""
        self.disk_is_full = full

    # -- events and effects -----------------------------------------------------------------

    def feed(self, event: Event) -> None:
        """One step of the replica, and its effects, between any two of which it may crash."""
        if not self.alive:
            return
        effects = self.replica.step(event, self.clock_ms)
        crash_at = -1
        if effects and self.world.happens(self.world.scenario.crash):
            crash_at = self.world.random.randrange(len(effects) + 1)
        if not self.syncs_first:
            effects = sorted(effects, key=lambda effect: isinstance(effect, Append | Sync))
        needed = 0
        for index, effect in enumerate(effects):
            if index == crash_at:
                break
            if isinstance(effect, Sync):
                needed = self.disk.appended_count
                self._sync()
                if not self.alive:
                    return
            elif isinstance(effect, Append):
                self.disk.append(effect.record, effect.position)
            elif isinstance(effect, _AT_ONCE):
                self.do(effect)
            else:
                self._outbox.append((needed, effect))
                self._pump()
        if crash_at >= 0:
            self.crash()
        else:
            self._plan_tick()

    @abstractmethod
    def do(self, effect: Effect) -> None:
        """Carry out one effect whose turn has come; the disk's are done here already."""

    def _pump(self) -> None:
        """Do what the disk allows, in order."""
        while self._outbox and self._outbox[0][0] <= self.disk.durable_count:
            self.do(self._outbox.popleft()[1])

    def _pump_what_waited(self) -> None:
        """The same after a sync that took its time: the machine may fail on the way."""
        world, of = self.world, 1_000 * _OUTBOX_CRASH_SHARE
        while self._outbox and self._outbox[0][0] <= self.disk.durable_count:
            if world.happens(world.scenario.crash, of):
                self.crash()
                return
            self.do(self._outbox.popleft()[1])

    def _sync(self) -> None:
        """Sync what was appended; what comes meanwhile shares the next one."""
        count, latency_ms = self.disk.appended_count, self.world.disk_ms()
        if self.disk_is_full:
            self.crash()
            return
        if latency_ms == 0 and not self._syncing:
            self.disk.sync(count)
            self._pump()
            return
        if self._syncing:
            return
        self._syncing = True
        life = self.restarts

        def synced() -> None:
            if self.alive and self.restarts == life:
                self._syncing = False
                if self.disk_is_full:
                    self.crash()
                    return
                self.disk.sync(count)
                self._pump_what_waited()
                if self.alive and self.disk.unsynced:
                    self._sync()

        self.world.at(self.world.now_ms + latency_ms, synced)

    def _plan_tick(self) -> None:
        deadline = self.replica.next_deadline_ms
        if deadline is None or deadline == self._tick_ms:
            return
        if self.honest and deadline <= self.clock_ms:
            self.checkers.busy()
        self._tick_ms = deadline
        replica = self.replica

        def tick() -> None:
            if self.alive and self.replica is replica and self._tick_ms == deadline:
                self._tick_ms = None
                self.feed(Tick())

        self.world.at(deadline - self.skew_ms - GENESIS_MS, tick)
