"""One simulated territory: a real replica, a disk that forgets what was not synced, a toy
ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
from consensus.simulation.toy_ledger import ToyLedger, body_matches
from consensus.simulation.world import World, read_message
from consensus.votes import Signer, Verifier

NETWORK_ID = bytes(range(32))


@dataclass(slots=True)
class Disk:
    """A journal: what was synced stays, of the rest a crash keeps any prefix."""

    durable: list[tuple[bytes, int]] = field(default_factory=list)
    pending: list[tuple[bytes, int]] = field(default_factory=list)

    def sync(self) -> None:
        """All of it is durable."""
        self.durable += self.pending
        self.pending = []

    def crash(self, kept: int) -> None:
        """Keep the first `kept` unsynced records: the tail is torn."""
        self.durable += self.pending[:kept]
        self.pending = []

    def prune(self, floor_view: int) -> None:
        """Drop the oldest records up to the floor, as whole segments would go."""
        while self.durable and self.durable[0][1] <= floor_view:
            del self.durable[0]

    def records(self) -> list[bytes]:
        """What a restart finds."""
        return [record for record, _ in self.durable]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a host is and never changes."""

    key: bytes
    members: MemberSet
    signer: Signer
    verify: Verifier
    replica_class: type[Replica] = Replica


class Host:
    """An honest member. Actors subclass it and bend what they send."""

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
        self.ledger = ToyLedger(NETWORK_ID)
        self.chain: list[tuple[Block, Certificate]] = []
        self.pool: set[int] = set()
        self.alive = False
        self.restarts = 0
        self._skew_ms = world.random.randint(0, world.scenario.clock_skew_ms_max)
        self._tick_ms: int | None = None
        self.replica = self._new_replica()

    # -- life -------------------------------------------------------------------------------

    def _new_replica(self) -> Replica:
        timing = self.world.scenario.timing
        floor = Final.genesis(NETWORK_ID, 0)
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
        return self.world.now_ms + self._skew_ms

    def start(self) -> None:
        """Begin, or begin again with what the disk holds."""
        if self.alive:
            return
        self.ledger = ToyLedger(NETWORK_ID)
        for block, _ in self.chain:
            self.ledger.execute(block)
        self.replica = self._new_replica()
        self.alive = True
        self._tick_ms = None
        self.feed(Started())
        self.feed(WorkChanged(bool(self._waiting())))
        for key in self.hosts:
            if key != self.identity.key and self.hosts[key].alive:
                self.feed(PeerConnected(key))
                self.hosts[key].feed(PeerConnected(self.identity.key))

    def crash(self) -> None:
        """Lose everything that is not on disk, and come back later."""
        if not self.alive:
            return
        self.alive = False
        self.restarts += 1
        self.disk.crash(self.world.random.randint(0, len(self.disk.pending)))
        if not self.keeps_journal:
            self.disk = Disk()
        self.world.at(self.world.now_ms + self.world.random.randint(1, 4_000), self.start)

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
        if self.alive:
            self.feed(WorkChanged(True))

    def _waiting(self) -> set[int]:
        paid = self.ledger.paid(self.chain[-1][0].digest) if self.chain else frozenset()
        return self.pool - paid

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
        for index, effect in enumerate(effects):
            if index == crash_at:
                break
            self.do(effect)
        if crash_at >= 0:
            self.crash()
        else:
            self._plan_tick()

    def _plan_tick(self) -> None:
        deadline = self.replica.next_deadline_ms
        if deadline is None or deadline == self._tick_ms:
            return
        self._tick_ms = deadline
        replica = self.replica

        def tick() -> None:
            if self.alive and self.replica is replica and self._tick_ms == deadline:
                self._tick_ms = None
                self.feed(Tick())

        self.world.at(deadline - self._skew_ms, tick)

    def do(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case Append(record, view):
                self.disk.pending.append((record, view))
            case Sync():
                self.disk.sync()
            case Send(peer, message):
                self.speak(peer, message)
            case Broadcast(message):
                for peer in self.identity.members.index:
                    if peer != self.identity.key:
                        self.speak(peer, message)
            case Build(view, parent):
                block = self.ledger.build(view, parent, self.pool, self.clock_ms)
                self.ledger.execute(block)
                self._later(lambda: Built(view, block))
            case Execute(block):
                sound = self.ledger.execute(block)
                self._later(lambda: Executed(block.digest, sound, "toy"))
            case Commit(blocks, certificate):
                self._commit(blocks, certificate)
            case CatchUp(header, certificate, _):
                self._catch_up(header.height, certificate)
            case Prune(floor_view):
                self.disk.prune(floor_view)
            case Evidence():
                if self.honest:
                    self.checkers.accused(effect)
            case Stop(reason) | StopVoting(reason):
                if self.honest:
                    self.checkers.stopped(reason)

    def _later(self, event: Callable[[], Event]) -> None:
        replica = self.replica

        def answer() -> None:
            if self.replica is replica:
                self.feed(event())

        self.world.at(self.world.now_ms + self.world.random.randint(0, 3), answer)

    def speak(self, peer: bytes, message: Message) -> None:
        """Send one message to one peer."""
        if self.honest:
            self.checkers.sent(self.identity.key, message)
        self.world.transmit(self.identity.key, peer, message)

    def _commit(self, blocks: tuple[Block, ...], certificate: Certificate) -> None:
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
