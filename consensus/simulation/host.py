"""One simulated territory: a machine with a real replica, a toy ledger, a chain and a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.effects import (
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
)
from consensus.events import (
    Built,
    CaughtUp,
    Event,
    Executed,
    PeerConnected,
    Received,
    Started,
    WorkChanged,
)
from consensus.header import Block, Header
from consensus.journal_records import position
from consensus.messages import BlockResponse, FetchBlock, Message
from consensus.replica import Replica
from consensus.simulation.chain import Chain
from consensus.simulation.checkers import Checkers
from consensus.simulation.disk import Disk
from consensus.simulation.machine import GENESIS_MS, NETWORK_ID, Identity, Machine
from consensus.simulation.toy_ledger import ToyLedger
from consensus.simulation.world import World, read_message

WORK_ASKED_AGAIN_MS = 300


class Host(Machine):
    """An honest member. Actors subclass it and bend what they send."""

    replica_class: type[Replica] = Replica

    def __init__(
        self, identity: Identity, world: World, checkers: Checkers, hosts: dict[bytes, Host]
    ) -> None:
        super().__init__(identity, world, checkers)
        self.hosts = hosts
        self.backup: Disk | None = None
        self.was_set_back = False
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS)
        self.chain = Chain(Final.genesis(NETWORK_ID, GENESIS_MS))
        self.pool: set[int] = set()
        self._prunes: list[tuple[int, int]] = []
        self._asked_for_chain = 0

    # -- life -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Execute the chain again, recover, and connect to everybody."""
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS)
        for block in self.chain.blocks():
            self.ledger.execute(block)
        self.replica = self.new_replica(self.chain.tip)
        if self.honest and self.was_set_back and not self.replica.observing:
            self.checkers.votes_after_loss()
        self.feed(Started())
        self.feed(WorkChanged(bool(self._waiting())))
        self._look_at_work_again()
        for key in self.hosts:
            if key != self.identity.key and self.hosts[key].alive:
                self.feed(PeerConnected(key))
                self.hosts[key].feed(PeerConnected(self.identity.key))

    def lose_unwritten(self) -> None:
        """The chain's newest blocks, and perhaps the whole journal."""
        self._prunes.clear()
        self.chain.crash(self.world.random)
        self.checkers.restarted(self.identity.key, len(self.chain))
        if not self.keeps_journal:
            self.disk = Disk()
        self._set_back()

    def back_up(self) -> None:
        """Somebody copies the journal."""
        self.backup = self.disk.copy()

    def _set_back(self) -> None:
        """Somebody restores an old copy of the journal, and the chain shows that it is old."""
        if self.backup is not None and self.backup.final_position < self.chain.tip.view:
            self.disk, self.backup = self.backup, None
            self.was_set_back = True

    # -- what comes -------------------------------------------------------------------------

    def receive(self, sender: bytes, raw: bytes) -> None:
        """The network brings a message."""
        if not self.alive:
            return
        message = read_message(raw)
        if message is None:
            return
        if isinstance(message, FetchBlock):
            block = self.chain.find(message.digest)
            if block is not None:
                self.world.transmit(self.identity.key, sender, BlockResponse(block))
        self.feed(Received(sender, message))

    def pay(self, number: int) -> None:
        """A payment reaches this host's pool."""
        self.pool.add(number)
        if self.alive and number in self._waiting():
            self.feed(WorkChanged(True))

    def _waiting(self, above: bytes | None = None) -> set[int]:
        """Payments that stand neither in the chain nor in the branch that ends with `above`."""
        if above is None or not self.ledger.holds(above):
            above = self.chain.tip.digest
        return self.pool - self.ledger.paid(above)

    def _look_at_work_again(self) -> None:
        """What stands in blocks is work again if those are not final after a while."""
        replica = self.replica

        def look() -> None:
            if self.alive and self.replica is replica:
                if self._waiting():
                    self.feed(WorkChanged(True))
                self._look_at_work_again()

        self.world.at(self.world.now_ms + WORK_ASKED_AGAIN_MS, look)

    # -- effects ----------------------------------------------------------------------------

    def do(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case Send(peer, message):
                self.speak(peer, message)
            case Broadcast(message):
                for peer in self.identity.members.index:
                    if peer != self.identity.key:
                        self.speak(peer, message)
            case Build(view, parent, _):
                block = self.ledger.build(view, parent, self.payable(), self.clock_ms)
                self.ledger.execute(block)
                self._answer(Built(view, block), block.digest)
            case Execute(block):
                sound = self.ledger.execute(block)
                self._answer(Executed(block.digest, sound, "toy"), block.digest)
            case Commit(blocks, certificate):
                self._commit(blocks, certificate)
            case CatchUp(header, certificate):
                self._catch_up(header, certificate)
            case Prune(floor_position):
                self._prunes.append((len(self.chain), floor_position))
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

    def payable(self) -> set[int]:
        """What this host puts into its own blocks."""
        return self.pool

    def speak(self, peer: bytes, message: Message) -> None:
        """Send one message to one peer."""
        if self.honest:
            self.checkers.sent(self.identity.key, message, self.disk.holds)
        self.world.transmit(self.identity.key, peer, message)

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

    # -- the chain --------------------------------------------------------------------------

    def _commit(self, blocks: tuple[Block, ...], certificate: Certificate) -> None:
        if self.honest and self.disk.final_position < position(certificate.epoch, certificate.view):
            self.checkers.chain_ahead()
        for block in blocks:
            if block.header.height <= len(self.chain):
                continue  # the chain was brought up to here meanwhile
            sound = self.ledger.holds(block.digest) or self.ledger.execute(block)
            if self.honest:
                self.checkers.committed(self.identity.key, block, sound=sound)
            self.chain.entries.append((block, certificate))
            self.world.note(self.identity.key[:4] + block.digest)
        if not self._waiting():
            self._later(lambda: WorkChanged(bool(self._waiting())))

    def _write_chain(self) -> None:
        """The chain's own disk is behind; the journal goes only when it is not."""
        height, replica = len(self.chain), self.replica

        def written() -> None:
            if not self.alive or self.replica is not replica:
                return
            if self.disk_is_full:
                self.crash()
                return
            self.chain.written = max(self.chain.written, height)
            due = [floor for at, floor in self._prunes if at <= self.chain.written]
            self._prunes = [entry for entry in self._prunes if entry[0] > self.chain.written]
            if due:
                self.disk.prune(max(due))

        self.world.at(self.world.now_ms + self.world.disk_ms(), written)

    def _catch_up(self, header: Header, certificate: Certificate) -> None:
        """Ask one member after another, a different one each time, for the blocks by height."""
        if len(self.chain) >= header.height:
            self._caught_up(header, certificate)
            return
        others = [key for key in self.identity.members.index if key != self.identity.key]
        if not others:
            return
        peer = others[self._asked_for_chain % len(others)]
        self._asked_for_chain += 1
        replica, asker = self.replica, self.identity.key

        def take(blocks: Sequence[Block]) -> None:
            if self.alive and self.replica is replica and len(self.chain) < header.height:
                if self.chain.is_continued_by(blocks, header):
                    self._commit(tuple(blocks), certificate)
                    self._caught_up(header, certificate)
                elif blocks:
                    self._catch_up(header, certificate)

        def asked() -> None:
            host = self.hosts[peer]
            if host.alive:
                blocks = host.blocks_for(asker, first, header.height)
                self.world.bring(peer, asker, partial(take, blocks))

        first = len(self.chain) + 1
        self.world.bring(asker, peer, asked)

    def blocks_for(self, peer: bytes, first_height: int, last_height: int) -> tuple[Block, ...]:
        """The answer to a peer that is behind."""
        return self.chain.part(first_height, last_height)

    def _caught_up(self, header: Header, certificate: Certificate) -> None:
        if self.chain.entries[header.height - 1][0].digest == certificate.digest:
            self._later(partial(CaughtUp, header, certificate))
