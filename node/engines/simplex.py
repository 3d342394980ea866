"""Drives the Simplex core: events in, effects out, in the order that safety needs.

Rules of this file:
- The core is stepped on the loop's thread only, one event at a time, never from within a step.
- What a turn appended is on disk before anything of that turn is sent or committed. Syncs run in
  the journal's thread, or at the end of the turn; what comes meanwhile shares the next one.
- Executing and building need no disk: they are done while a sync runs.
- A timer runs only while the core has a deadline, so an idle network is quiet.
- Each epoch has a replica of its own, made once the boundary before it is on disk. The one of the
  epoch before has signed its last by then.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

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
from consensus.events import Built, Event, Executed, Started, Tick, WorkChanged
from consensus.evidence import DoubleVote
from consensus.messages import (
    CertificateMessage,
    EpochEnd,
    Message,
    Proposal,
    VoteMessage,
    encode_message,
)
from consensus.votes import FINALIZE, NOTARIZE
from ledger.transaction import Transaction
from node.block_shelf import ShelvedBlock
from node.clock import now_ms
from node.engines.replicas import EngineParts, new_replica
from node.executor import BlockUnsound, ParentGone, block_of
from node.peers.frames import CONSENSUS, PROPOSAL
from node.peers.proposals import Proposals
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SigningKey

WORK_ASKED_AGAIN_SECONDS = 0.3
"""Pooled transactions that stand in blocks are work again if those are not final by then."""

TAKEN_WORK_MIN = 18
"""`block_work_max` divided by this is how many transactions are worth looking at."""


class SimplexEngine:
    """See the module's docstring.

    When a replica is made, `voting_key` gives the key that it signs with, and `voting` says whether
    this node only observes, and until which epoch. `on_catch_up` is asked to bring the chain up by
    height; `on_fatal` is told why the node must stop, `on_evidence` who signed what no honest
    member signs together.
    """

    def __init__(
        self,
        parts: EngineParts,
        voting_key: Callable[[], SigningKey],
        on_catch_up: Callable[[CatchUp], None],
        on_fatal: Callable[[str], None],
        *,
        voting: Callable[[], tuple[bool, int]],
        on_evidence: Callable[[DoubleVote], None] | None = None,
    ) -> None:
        self._parts = parts
        self._voting_key = voting_key
        self._voting = voting
        self._on_evidence = on_evidence
        self._on_catch_up = on_catch_up
        self._on_fatal = on_fatal
        self._log = structlog.get_logger("engine")
        self._events: deque[Event] = deque()
        self._stepping = False
        self._outbox: deque[tuple[int, Effect]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: int | None = None
        self._work_timer: asyncio.TimerHandle | None = None
        self._certificate: CertificateMessage | None = None
        self._certificate_raw = b""
        self._said = WorkChanged(False)
        self._stopped = False
        self.evidence_seen = 0
        self.stopped_voting: str | None = None
        self.replica = new_replica(parts, voting_key(), *voting(), ())

    # -- beginning and end --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to take part."""
        self._parts.journal.on_durable = self._durable
        self.tell(Started())

    def stop(self) -> None:
        """Take part no more; nothing is sent after this."""
        self._stopped = True
        for timer in (self._timer, self._work_timer):
            if timer is not None:
                timer.cancel()
        self._outbox.clear()
        self._events.clear()

    def begin_epoch(self) -> None:
        """The boundary before the present epoch is on disk, and the replica has ended."""
        if self._stopped:
            return
        self.replica = new_replica(
            self._parts, self._voting_key(), *self._voting(), self.replica.handed_on
        )
        self.stopped_voting = None
        self._said = WorkChanged(False)
        self.tell(Started())
        self.work_changed()

    def follow_end(self, end: EpochEnd, peer_key: bytes) -> None:
        """The replica was told how its epoch ended. Where it lacks blocks it would look for them
        one by one before it asks for the chain; members that went on keep few, so ask at once."""
        replica, certificate, boundary = self.replica, end.certificate, end.headers[0]
        held = replica.known.get(certificate.view, FINALIZE)
        if self._stopped or replica.ended or held is None or held.digest != certificate.digest:
            return
        if replica.known.branch(boundary.digest, boundary.view)[1] is not None:
            request = CatchUp(boundary, certificate, peer_key, end.headers[1:])
            self._outbox.append((self._parts.journal.appended, request))
            self._pump()

    @property
    def view(self) -> int:
        """The view this replica is in."""
        return self.replica.view

    # -- events -------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Let an event happen, now or after those that came before."""
        if self._stopped:
            return
        self._events.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._events:
                self._step(self._events.popleft())
        except (InvariantBroken, Refused) as error:
            self._fatal(str(error))
        finally:
            self._stepping = False
        self._arm_timer()

    def _step(self, event: Event) -> None:
        effects = self.replica.step(event, now_ms())
        requests: list[Build | Execute] = []
        journal = self._parts.journal
        needed = 0
        for effect in effects:
            if isinstance(effect, Append):
                journal.append(effect.record, effect.position)
            elif isinstance(effect, Sync):
                # It waits too: what is written is synced though nothing is to be sent, and what
                # later turns commit stays behind it.
                needed = journal.appended
                self._outbox.append((needed, effect))
            elif isinstance(effect, Build | Execute):
                requests.append(effect)
            else:
                self._outbox.append((needed, effect))
        self._pump()
        for request in requests:
            if isinstance(request, Execute):
                self._execute(request)
            else:
                self._build(request)

    def _arm_timer(self) -> None:
        deadline_ms = None if self._stopped else self.replica.next_deadline_ms
        if deadline_ms == self._timer_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_ms = deadline_ms
        if deadline_ms is not None:
            delay = max(deadline_ms - time.time() * 1000, 1) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_ms = None, None
        self.tell(Tick())

    # -- work ---------------------------------------------------------------------------------

    def work_changed(self) -> None:
        """The mempool, or the blocks above the final one, changed: is there something to propose?

        What stands in a block already is no work, or each block would be followed by an empty
        one. But that block's branch may be left, so it is looked at again a little later.
        """
        mempool = self._parts.mempool
        has_work = False
        if len(mempool):
            has_work = bool(mempool.take(1, self._ids_in_blocks()))
            if not has_work and self._work_timer is None:
                self._work_timer = asyncio.get_running_loop().call_later(
                    WORK_ASKED_AGAIN_SECONDS, self._ask_work_again
                )
        self._say_work(has_work)

    def transactions_judged(self, *, any_added: bool) -> None:
        """Fewer wait for the verifier, and the mempool may have more than before."""
        self._say_work(self._said.has_work or any_added)

    def _ids_in_blocks(self) -> set[bytes]:
        return self._parts.shelf.branch_ids(self._parts.executor.newest_digest)

    def _ask_work_again(self) -> None:
        self._work_timer = None
        if len(self._parts.mempool):
            self._say_work(True)

    def _say_work(self, has_work: bool) -> None:
        work = WorkChanged(has_work, self._parts.verifier.is_behind)
        if work != self._said and not self._stopped:
            self._said = work
            self.tell(work)

    # -- effects that wait for the disk -------------------------------------------------------

    def _durable(self) -> None:
        failure = self._parts.journal.failure
        if failure is not None:
            self._fatal(f"the journal can't be written: {failure}")
            return
        self._pump()

    def _pump(self) -> None:
        """Do what the disk allows, in order; have the rest synced."""
        outbox, journal = self._outbox, self._parts.journal
        try:
            while outbox and outbox[0][0] <= journal.durable:
                self._do(outbox.popleft()[1])
        except (BlockUnsound, InvariantBroken, Refused) as error:
            self._fatal(str(error))
        if outbox:
            journal.start_sync()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Broadcast(message):
                self._broadcast(message)
            case Send(peer_key, message):
                self._parts.network.send(peer_key, CONSENSUS, self._encoded(message))
            case Commit():
                self._commit(effect)
            case Prune(floor_position):
                self._parts.committer.prune_journal(floor_position)
            case CatchUp():
                self._on_catch_up(effect)
            case Evidence(first, second):
                self.evidence_seen += 1
                self._log.error("evidence", signer=first.signer.hex(), view=first.view)
                if self._on_evidence is not None:
                    self._on_evidence(DoubleVote(self._parts.network_id, first, second))
            case StopVoting(reason):
                self.stopped_voting = reason
                self._log.error("observing_only", reason=reason)
            case Stop(reason):
                self._fatal(reason)

    def _encoded(self, message: Message) -> bytes:
        """A certificate goes to one member after the other: it is encoded once."""
        if not isinstance(message, CertificateMessage):
            return encode_message(message)
        if message is not self._certificate:
            self._certificate, self._certificate_raw = message, encode_message(message)
        return self._certificate_raw

    def _broadcast(self, message: Message) -> None:
        network = self._parts.network
        if isinstance(message, Proposal):
            shelved = self._parts.shelf.get(message.block.digest)
            if shelved is not None:
                ids = [transaction.id for transaction in shelved.transactions]
                network.broadcast(PROPOSAL, Proposals.pack(message, ids))
                self._prepare_root(message.block.digest)
                return
        network.broadcast(CONSENSUS, encode_message(message))
        if isinstance(message, VoteMessage) and message.vote.kind == NOTARIZE:
            self._prepare_root(message.vote.digest)

    def _commit(self, commit: Commit) -> None:
        blocks: list[ShelvedBlock] = []
        for block in commit.blocks:
            if block.header.height <= self._parts.committer.submitted_height:
                continue
            shelved = self._parts.shelf.get(block.digest)
            if shelved is None:
                shelved = self._parts.bodies.shelve_final(block)
            try:
                self._parts.executor.run(shelved)
            except ParentGone:
                return  # the chain went past it by height
            blocks.append(shelved)
        if blocks:
            self._parts.committer.submit(blocks, commit.certificate, commit.closing)

    # -- requests -----------------------------------------------------------------------------

    def _build(self, build: Build) -> None:
        parts = self._parts
        parent = build.parent
        taken: list[Transaction] = []
        if not build.closing:
            parent_digest = parts.executor.final_digest if parent is None else parent.digest
            taken = parts.mempool.take(
                parts.epochs.current.terms.parameters.block_work_max // TAKEN_WORK_MIN,
                parts.shelf.branch_ids(parent_digest),
            )
        built = parts.executor.build(build.view, parent, taken, now_ms(), closing=build.closing)
        if built is None:
            self.tell(Built(build.view, None))
            return
        block, refused = built
        parts.mempool.refuse(refused)
        self.tell(Built(build.view, block_of(block)))
        self.work_changed()

    def _execute(self, execute: Execute) -> None:
        block, replica = execute.block, self.replica

        def shelved(ready: ShelvedBlock | None, reason: str) -> None:
            if self._stopped or self.replica is not replica:
                return
            if ready is None:
                self._unsound(block.digest, reason)
                return
            try:
                self._parts.executor.run(ready)
            except ParentGone:
                return  # `CaughtUp` will tell the core
            except BlockUnsound as unsound:
                self._unsound(block.digest, unsound.reason)
            except InvariantBroken as broken:
                self._fatal(broken.reason)
            else:
                self.tell(Executed(block.digest, True))
                if self.replica.observing:
                    self._prepare_root(block.digest)
                self.work_changed()

        self._parts.bodies.shelve(block, shelved)

    def _unsound(self, digest: bytes, reason: str) -> None:
        self._log.error("block_unsound", digest=digest.hex()[:16], reason=reason)
        self.tell(Executed(digest, False, reason))

    def _prepare_root(self, digest: bytes) -> None:
        """In a later turn, once the votes of this one left."""
        asyncio.get_running_loop().call_soon(self._parts.executor.prepare_root, digest)

    def _fatal(self, reason: str) -> None:
        if not self._stopped:
            self.stop()
            self._on_fatal(reason)
