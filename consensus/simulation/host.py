"""One simulated territory: a machine with a real replica, a toy ledger, a chain and a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
    Started,
    WorkChanged,
)
from consensus.header import Block, Header
from consensus.journal_records import position
from consensus.messages import (
    BlockResponse,
    EpochEnd,
    FetchBlock,
    FetchView,
    Message,
    epoch_of,
)
from consensus.replica import Replica
from consensus.simulation.chain import Chain
from consensus.simulation.checkers import Checkers
from consensus.simulation.disk import Disk
from consensus.simulation.machine import GENESIS_MS, NETWORK_ID, Identity, Machine
from consensus.simulation.toy_ledger import ToyLedger
from consensus.simulation.world import World, read_received

WORK_ASKED_AGAIN_MS = 300
EPOCH_TOLD_AGAIN_MS = 200
"""Who is of another epoch is told, or asked, at most this often."""
EPOCH_ASKED_AGAIN_MS = 500
"""So often a member without a journal asks the others for their epochs."""


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
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS, identity.roll)
        self.chain = Chain(Final.genesis(NETWORK_ID, GENESIS_MS))
        self.pool: set[int] = set()
        self._prunes: list[tuple[int, int]] = []
        self._asked_for_chain = 0
        self._audience: tuple[bytes, ...] = ()
        self._told: dict[bytes, tuple[int, int]] = {}
        self._asked_epoch_ms = -EPOCH_TOLD_AGAIN_MS
        self._epochs_told: set[bytes] = set()
        self._ahead: tuple[int, bytes] = 0, b""
        """The latest epoch that anybody spoke of, and who."""

    # -- life -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Execute the chain again, recover, and connect to everybody."""
        self.ledger = ToyLedger(NETWORK_ID, GENESIS_MS, self.identity.roll)
        for block in self.chain.blocks():
            self.ledger.execute(block)
        self._enter_epoch()
        if self.honest and self.was_set_back and not self.replica.observing:
            self.checkers.votes_after_loss()
        self._look_at_work_again()
        self._ask_epochs()
        for home, host in self.hosts.items():
            if home != self.home and host.alive:
                self.feed(PeerConnected(host.identity.key))
                host.feed(PeerConnected(self.identity.key))

    def _enter_epoch(self) -> None:
        """Take part in the epoch in which the chain's next block will be."""
        roll, homes = self.identity.roll, self.hosts
        epoch, terms, ends_ms = self.ledger.above(self.chain.tip.digest)
        members = roll.members(terms)
        key = roll.key(self.home, terms)
        self.identity = replace(self.identity, key=key, members=members, signer=roll.signers[key])
        # Whoever is no member is an observer that the others know.
        others = [roll.key(home, terms) for home in homes if home != self.home]
        self._audience = tuple(others)
        self._epochs_told.clear()
        if self.honest:
            self.checkers.began(epoch, members)
            self.world.on_epoch(epoch, terms)
        if self.replica.ended:
            self.ended_views[self.replica.config.epoch] = self.replica.view
        self._tick_ms = None
        self.replica = self.new_replica(self.chain.tip, epoch, ends_ms)
        self.feed(Started())
        self.feed(WorkChanged(bool(self._waiting())))
        if self._ahead[0] > epoch:  # else whoever is behind would wait until somebody speaks again
            self.speak(self._ahead[1], FetchView(epoch, 0, 0))

    def lose_unwritten(self) -> None:
        """The chain's newest blocks, and perhaps the whole journal."""
        self._prunes.clear()
        self.chain.crash(self.world.random)
        self.checkers.restarted(self.home, len(self.chain))
        if not self.keeps_journal:
            self.disk = Disk()
        self._set_back()

    def back_up(self) -> None:
        """Somebody copies the journal."""
        self.backup = self.disk.copy()

    def _set_back(self) -> None:
        """Somebody restores an old copy of the journal, and the chain shows that it is old; or has
        lost the journal and knows it."""
        if self.backup is not None and self.backup.final_position < self.chain.position:
            if self.world.scenario.restored:
                self.disk, self.votes_from = Disk(), None
            else:
                self.disk, self.was_set_back = self.backup, True
            self.backup = None

    # -- what comes -------------------------------------------------------------------------

    def receive(self, sender: bytes, raw: bytes) -> None:
        """The network brings a message."""
        if not self.alive:
            return
        received = read_received(sender, raw)
        if received is None:
            return
        message = received.message
        if isinstance(message, FetchBlock):
            block = self.chain.find(message.digest)
            if block is not None:
                self.world.transmit(self.identity.key, sender, BlockResponse(block))
        if self.is_of_this_epoch(sender, message):
            self.feed(received)

    def is_of_this_epoch(self, sender: bytes, message: Message) -> bool:
        """Whether the replica should hear it. Whoever speaks of an earlier epoch is told how that
        ended, and whoever speaks of a later one is asked how this one did."""
        about, own, now_ms = epoch_of(message), self.replica.config.epoch, self.world.now_ms
        if about is None or about == own:
            return True
        if about < own and not isinstance(message, EpochEnd):
            end = self.chain.end_of(about)
            told, told_ms = self._told.get(sender, (-1, 0))
            # Whoever comes through many epochs asks for the next one as soon as it has one.
            if end is not None and (about > told or now_ms - told_ms >= EPOCH_TOLD_AGAIN_MS):
                self._told[sender] = about, now_ms
                self.speak(sender, end)
        self._ahead = max(self._ahead, (about, sender))
        waited = now_ms - self._asked_epoch_ms >= EPOCH_TOLD_AGAIN_MS
        if about > own and waited and not self.replica.ended:
            self._asked_epoch_ms = now_ms
            self.speak(sender, FetchView(own, 0, 0))
        return False

    def _ask_epochs(self) -> None:
        """Without a journal: once q other members say that they know of no epoch after the one
        that this chain has come to, it votes from the second one after that."""
        if self.votes_from is not None or not self.alive:
            return
        life, own = self.restarts, self.replica.config.epoch
        members = self.identity.members

        def take(peer: bytes, epoch: int) -> None:
            if not self.alive or self.restarts != life or self.replica.config.epoch != own:
                return
            if epoch <= own:  # what it says of a later one is proved once the chain is there
                self._epochs_told.add(peer)
            if len(self._epochs_told) >= members.quorum and self.votes_from is None:
                self.votes_from = own + 2

        for peer in members.index:
            if peer != self.identity.key:
                host = self.hosts[self.identity.roll.home(peer)]
                self._ask_epoch(peer, host, take)
        self.world.at(
            self.world.now_ms + EPOCH_ASKED_AGAIN_MS,
            lambda: self._ask_epochs() if self.restarts == life else None,
        )

    def _ask_epoch(self, peer: bytes, host: Host, take: Callable[[bytes, int], None]) -> None:
        asker = self.identity.key

        def asked() -> None:
            if host.alive:
                epoch = host.newest_epoch()
                self.world.bring(peer, asker, partial(take, peer, epoch))

        self.world.bring(asker, peer, asked)

    def newest_epoch(self) -> int:
        """What this host says to whoever asks."""
        return self.replica.config.epoch

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
        life = self.restarts

        def look() -> None:
            if self.alive and self.restarts == life:
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
                for peer in self._audience:
                    self.speak(peer, message)
            case Build(view, parent, closing):
                block = self.ledger.build(view, parent, self.payable(), self.clock_ms, closing)
                self.ledger.execute(block)
                self._answer(Built(view, block), block.digest)
            case Execute(block):
                sound = self.ledger.execute(block)
                self._answer(Executed(block.digest, sound, "toy"), block.digest)
            case Commit():
                self._commit(effect.blocks, effect.certificate, effect.closing)
            case CatchUp():
                self._catch_up(effect)
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

    def _commit(
        self,
        blocks: tuple[Block, ...],
        certificate: Certificate,
        closing: tuple[Header, ...] = (),
    ) -> None:
        if self.honest and self.disk.final_position < position(certificate.epoch, certificate.view):
            self.checkers.chain_ahead()
        for block in blocks:
            if block.header.height <= len(self.chain):
                continue  # the chain was brought up to here meanwhile
            sound = self.ledger.holds(block.digest) or self.ledger.execute(block)
            if self.honest:
                self.checkers.committed(self.home, block, sound=sound)
            self.chain.append(block, certificate, closing)
            self.world.note(self.identity.key[:4] + block.digest)
            following = block.header.next_set_hash
            if self.honest and following not in (None, self.identity.members.hash()):
                self.world.on_change(block.header.epoch, self.home)
        if not self._waiting():
            self._later(lambda: WorkChanged(bool(self._waiting())))

    def _write_chain(self) -> None:
        """The chain's own disk is behind; the journal goes only when it is not."""
        height, life = len(self.chain), self.restarts

        def written() -> None:
            if not self.alive or self.restarts != life:
                return
            if self.disk_is_full:
                self.crash()
                return
            self.chain.written = max(self.chain.written, height)
            due = [floor for at, floor in self._prunes if at <= self.chain.written]
            self._prunes = [entry for entry in self._prunes if entry[0] > self.chain.written]
            if due:
                self.disk.prune(max(due))
            # That the replica has ended does not say that the boundary is here: its commit may
            # still wait for the journal.
            is_written = self.chain.written == len(self.chain)
            if is_written and self.chain.epoch > self.replica.config.epoch:
                self._enter_epoch()

        self.world.at(self.world.now_ms + self.world.disk_ms(), written)

    def _catch_up(self, wanted: CatchUp) -> None:
        """Ask one member after another, a different one each time, for the blocks by height."""
        header = wanted.header
        if len(self.chain) >= header.height:
            self._caught_up(wanted)
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
                    self._commit(tuple(blocks), wanted.certificate, wanted.closing)
                    self._caught_up(wanted)
                elif blocks:
                    self._catch_up(wanted)

        def asked() -> None:
            host = self.hosts[self.identity.roll.home(peer)]
            if host.alive:
                blocks = host.blocks_for(asker, first, header.height)
                self.world.bring(peer, asker, partial(take, blocks))

        first = len(self.chain) + 1
        self.world.bring(asker, peer, asked)

    def blocks_for(self, peer: bytes, first_height: int, last_height: int) -> tuple[Block, ...]:
        """The answer to a peer that is behind."""
        return self.chain.part(first_height, last_height)

    def _caught_up(self, wanted: CatchUp) -> None:
        header = wanted.header
        if self.chain.entries[header.height - 1][0].digest == header.digest:
            self._later(partial(CaughtUp, header, wanted.certificate, wanted.closing))
