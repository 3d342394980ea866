"""One simulated territory: a real replica, a disk that forgets what was not synced, a toy
ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from consensus.certificates import Certificate
from consensus.config import Final, ReplicaConfig
from consensus.effects import (
    Append,
    Broadcast,
    Build,
    CatchUp,
    Commit,
    Effect,
    Evidence,
    Execute,
    Prune,
    Send,
    Stop,
    StopVoting,
    Sync,
)
from consensus.events import (
    Built,
    CaughtUp,
    Event,
    Executed,
    PeerConnected,
    Received,
    Started,
    Tick,
    WorkChanged,
)
from consensus.header import Block
from consensus.members import MemberSet
from consensus.messages import BlockResponse, FetchBlock, Message
from consensus.replica import Replica
from consensus.simulation.checkers import Checkers
from consensus.simulation.disk import Disk
from consensus.simulation.toy_ledger import ToyLedger, body_matches
from consensus.simulation.world import World, read_message
from consensus.votes import Signer, Verifier

WORK_ASKED_AGAIN_MS = 300
NETWORK_ID = bytes(range(32))
GENESIS_MS = 1_700_000_000_000
"""Unix time at the world's beginning, and the genesis's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a host is and never changes."""

    key: bytes
    members: MemberSet
    signer: Signer
    verify: Verifier
    replica_class: type[Replica] = Replica


class Host:
    """An honest member. Actors subclass it and bend what they send.

    It does effects as a node does: building and executing at once, everything else in order and
    not before what stands ahead of its `Sync` is durable.
    """

    honest = True
    syncs_first = True
    keeps_journal = True
    replica_class: type[Replica] = Replica

    def __init__(
        self, identity: Identity, world: World, checkers: Checkers, hosts: dict[bytes, Host]
    ) -> None:
        self.identity = identity
        self.world = world
        self.checkers = checkers
        self.hosts = hosts
        self.disk = Disk()
        self.backup: Disk | None = None
        self.was_set_back = False
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS)
        self.chain: list[tuple[Block, Certificate]] = []
        self.pool: set[int] = set()
        self.alive = False
        self.restarts = 0
        self.skew_ms = world.random.randint(0, world.scenario.clock_skew_ms_max)
        self._written = 0
        self._prunes: list[tuple[int, int]] = []
        self._outbox: deque[tuple[int, Effect]] = deque()
        self._syncing = False
        self._tick_ms: int | None = None
        self.replica = self._new_replica()

    # -- life -------------------------------------------------------------------------------

    def _new_replica(self) -> Replica:
        timing = self.world.scenario.timing
        floor = Final.genesis(NETWORK_ID, GENESIS_MS)
        if self.chain:
            block, certificate = self.chain[-1]
            floor = Final.of(block.header, certificate)
        identity = self.identity
        config = ReplicaConfig(
            NETWORK_ID,
            identity.members,
            identity.key,
            identity.signer,
            identity.verify,
            body_matches,
            floor,
            timing,
        )
        return identity.replica_class(config, self.disk.records(), self.clock_ms)

    @property
    def clock_ms(self) -> int:
        """This host's own idea of the time."""
        return GENESIS_MS + self.world.now_ms + self.skew_ms

    def start(self) -> None:
        """Begin, or begin again with what the disk holds."""
        if self.alive:
            return
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS)
        for block, _ in self.chain:
            self.ledger.execute(block)
        self.replica = self._new_replica()
        if self.honest and self.was_set_back and not self.replica.observing:
            self.checkers.votes_after_loss()
        self.alive = True
        self._tick_ms = None
        self.feed(Started())
        self.feed(WorkChanged(bool(self._waiting())))
        self._look_at_work_again()
        for key in self.hosts:
            if key != self.identity.key and self.hosts[key].alive:
                self.feed(PeerConnected(key))
                self.hosts[key].feed(PeerConnected(self.identity.key))

    def crash(self) -> None:
        """Lose everything that is not on disk, and come back later."""
        if not self.alive:
            return
        random = self.world.random
        self.alive = False
        self.restarts += 1
        self._outbox.clear()
        self._syncing = False
        self._prunes.clear()
        self.disk.crash(random.randint(0, self.disk.unsynced))
        del self.chain[random.randint(self._written, len(self.chain)) :]
        self._written = len(self.chain)
        self.checkers.restarted(self.identity.key, len(self.chain))
        if not self.keeps_journal:
            self.disk = Disk()
        self._set_back()
        self.world.at(self.world.now_ms + random.randint(1, 4_000), self.start)

    def _set_back(self) -> None:
        """Somebody restores an old copy of the journal, and the chain shows that it is old."""
        tip_view = self.chain[-1][0].header.view if self.chain else 0
        if self.backup is not None and self.backup.final_view < tip_view:
            self.disk, self.backup = self.backup, None
            self.was_set_back = True

    def jump(self, by_ms: int) -> None:
        """Somebody sets the clock. Running timers do not care."""
        self.skew_ms += by_ms
        self.feed(Tick())

    # -- events and effects -----------------------------------------------------------------

    def receive(self, sender: bytes, raw: bytes) -> None:
        """The network brings a message."""
        if not self.alive:
            return
        message = read_message(raw)
        if message is None:
            return
        if isinstance(message, FetchBlock):
            self._serve_block(sender, message.digest)
        self.feed(Received(sender, message))

    def _serve_block(self, peer: bytes, digest: bytes) -> None:
        for block, _ in self.chain[-64:]:
            if block.digest == digest:
                self.world.transmit(self.identity.key, peer, BlockResponse(block))

    def pay(self, number: int) -> None:
        """A payment reaches this host's pool."""
        self.pool.add(number)
        if self.alive and number in self._waiting():
            self.feed(WorkChanged(True))

    def _waiting(self, above: bytes | None = None) -> set[int]:
        """Payments that stand neither in the chain nor in the branch that ends with `above`."""
        if above is not None and self.ledger.holds(above):
            return self.pool - self.ledger.paid(above)
        return self.pool - self.ledger.paid(self.chain[-1][0].digest) if self.chain else self.pool

    def _look_at_work_again(self) -> None:
        """What stands in blocks is work again if those are not final after a while."""
        replica = self.replica

        def look() -> None:
            if self.alive and self.replica is replica:
                if self._waiting():
                    self.feed(WorkChanged(True))
                self._look_at_work_again()

        self.world.at(self.world.now_ms + WORK_ASKED_AGAIN_MS, look)

    def feed(self, event: Event) -> None:
        """One step of the replica, and its effects, between any two of which it may crash."""
        if not self.alive:
            return
        effects = self.replica.step(event, self.clock_ms)
        scenario, random = self.world.scenario, self.world.random
        crash_at = -1
        if not self.world.calm and effects and random.randrange(1000) < scenario.crash:
            crash_at = random.randrange(len(effects) + 1)
        if not self.syncs_first:
            effects = sorted(effects, key=lambda effect: isinstance(effect, Append | Sync))
        needed = 0
        for index, effect in enumerate(effects):
            if index == crash_at:
                break
            if isinstance(effect, Sync):
                needed = self.disk.appended_count
                self._sync()
            elif isinstance(effect, Append | Build | Execute | Evidence | Stop | StopVoting):
                self.do(effect)
            else:
                self._outbox.append((needed, effect))
                self._pump()
        if crash_at >= 0:
            self.crash()
        else:
            self._plan_tick()

    def _pump(self) -> None:
        """Do what the disk allows, in order."""
        while self._outbox and self._outbox[0][0] <= self.disk.durable_count:
            self.do(self._outbox.popleft()[1])

    def _sync(self) -> None:
        """Sync what was appended; what comes meanwhile shares the next one."""
        count, latency_ms = self.disk.appended_count, self.world.disk_ms()
        if latency_ms == 0 and not self._syncing:
            self.disk.sync(count)
            self._pump()
            return
        if self._syncing:
            return
        self._syncing = True
        replica = self.replica

        def synced() -> None:
            if self.alive and self.replica is replica:
                self._syncing = False
                self.disk.sync(count)
                self._pump()
                if self.disk.unsynced:
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

    def do(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case Append(record, view):
                self.disk.append(record, view)
            case Send(peer, message):
                self.speak(peer, message)
            case Broadcast(message):
                for peer in self.identity.members.index:
                    if peer != self.identity.key:
                        self.speak(peer, message)
            case Build(view, parent):
                block = self.ledger.build(view, parent, self.pool, self.clock_ms)
                self.ledger.execute(block)
                self._answer(Built(view, block), block.digest)
            case Execute(block):
                sound = self.ledger.execute(block)
                self._answer(Executed(block.digest, sound, "toy"), block.digest)
            case Commit(blocks, certificate):
                self._commit(blocks, certificate)
            case CatchUp(header, certificate, _):
                self._catch_up(header.height, certificate)
            case Prune(floor_view):
                self._prunes.append((len(self.chain), floor_view))
                self._write_chain()
            case Evidence():
                if self.honest:
                    self.checkers.accused(effect)
            case StopVoting(reason):
                if self.honest and not self.was_set_back:
                    self.checkers.stopped(reason)
            case Stop(reason):
                if self.honest:
                    self.checkers.stopped(reason)

    def _write_chain(self) -> None:
        """The chain's own disk is behind; the journal goes only when it is not."""
        height, replica = len(self.chain), self.replica

        def written() -> None:
            if self.alive and self.replica is replica:
                self._written = max(self._written, height)
                due = [floor for at, floor in self._prunes if at <= self._written]
                self._prunes = [entry for entry in self._prunes if entry[0] > self._written]
                if due:
                    self.disk.prune(max(due))

        self.world.at(self.world.now_ms + self.world.disk_ms(), written)

    def _answer(self, event: Event, digest: bytes) -> None:
        """Answer once the work is done; then there may be nothing left to propose."""
        longest_ms = self.world.scenario.work_ms_max
        took_ms = self.world.random.randint(
            0, min(longest_ms, 20) if self.world.calm else longest_ms
        )
        self._later(lambda: event, took_ms)
        self._later(lambda: WorkChanged(bool(self._waiting(digest))), took_ms)

    def _later(self, event: Callable[[], Event], after_ms: int = 0) -> None:
        replica = self.replica

        def happen() -> None:
            if self.replica is replica:
                self.feed(event())

        self.world.at(self.world.now_ms + after_ms, happen)

    def speak(self, peer: bytes, message: Message) -> None:
        """Send one message to one peer."""
        if self.honest:
            self.checkers.sent(self.identity.key, message, self.disk.holds)
        self.world.transmit(self.identity.key, peer, message)

    def _commit(self, blocks: tuple[Block, ...], certificate: Certificate) -> None:
        if self.honest and self.disk.final_view < certificate.view:
            self.checkers.chain_ahead()
        for block in blocks:
            if block.header.height <= len(self.chain):
                continue  # the chain was brought up to here meanwhile
            sound = self.ledger.holds(block.digest) or self.ledger.execute(block)
            if self.honest:
                self.checkers.committed(self.identity.key, block, sound=sound)
            self.chain.append((block, certificate))
            self.world.note(self.identity.key[:4] + block.digest)
        if not self._waiting():
            self._later(lambda: WorkChanged(bool(self._waiting())))

    def _catch_up(self, height: int, certificate: Certificate) -> None:
        """Blocks by height from any host that has them; what they must end in is certified."""
        for other in self.hosts.values():
            if other.alive and other.honest and len(other.chain) >= height:
                missing = tuple(block for block, _ in other.chain[len(self.chain) : height])
                for block in missing:
                    self.ledger.execute(block)
                if missing:
                    self._commit(missing, certificate)
                block, _ = self.chain[height - 1]
                if block.digest == certificate.digest:
                    self._later(partial(CaughtUp, block.header, certificate))
                return
