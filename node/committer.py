"""What became final goes to disk, in order, while the loop goes on.

Whatever waits when a write ends becomes one batch: under load several blocks share a sync. Only
what is on disk is told to anyone. A quick disk is written by the loop itself (`disk_speed`): a
payment is final once the store has it, and handing over would cost it several milliseconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from consensus.certificates import Certificate
from consensus.header import Header
from ledger.state import Candidate
from node.block_records import FinalizedBlock, IndexedTransaction
from node.block_shelf import ShelvedBlock
from node.chain import Chain
from node.chain_records import PrunedBlocks
from node.concerns import touched_accounts
from node.disk_speed import DiskSpeed
from node.epochs import EpochRecord
from node.executor import Executor
from node.snapshots.shelf import Due, SnapshotShelf
from node.store import Change
from primitives.errors import InvariantBroken
from primitives.receipt_log import CHUNK_DEPTH


@dataclass(frozen=True, slots=True)
class CommittedBlock:
    """A block that is on disk; `touched`: account id to positions in the block."""

    block: ShelvedBlock
    finalized: FinalizedBlock
    first_number: int
    touched: Mapping[bytes, tuple[int, ...]]


class CommitJournal(Protocol):
    """What a commit asks of the engine's journal, if it has one."""

    @property
    def sequence(self) -> int:
        """The newest group."""

    def prune(self, floor_position: int) -> None:
        """See `Journal.prune`."""


class NoJournal:
    """Of an engine that keeps what it promised itself."""

    sequence = 0

    def prune(self, floor_position: int) -> None:
        """There is nothing."""


OnCommitted = Callable[[Sequence[CommittedBlock]], None]


class Committer:
    """See the module's docstring. `on_failure` is told of whatever keeps the chain from disk."""

    def __init__(
        self,
        chain: Chain,
        executor: Executor,
        journal: CommitJournal,
        on_committed: OnCommitted,
        on_failure: Callable[[BaseException], None],
        snapshots: SnapshotShelf | None = None,
    ) -> None:
        self._chain = chain
        self._snapshots = snapshots
        self._executor = executor
        self._journal = journal
        self._on_committed = on_committed
        self._on_failure = on_failure
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._disk = DiskSpeed()
        self._waiting: list[tuple[list[FinalizedBlock], list[ShelvedBlock]]] = []
        self._old: tuple[PrunedBlocks, asyncio.Future[None]] | None = None
        self._prune_position = 0
        self.submitted_height = chain.height
        """Height of the newest block that was handed in."""
        self.submitted_digest = executor.final_digest
        self._task: asyncio.Task[None] | None = None
        self._failed = False
        self.writes = 0

    def submit(
        self,
        blocks: Sequence[ShelvedBlock],
        certificate: Certificate | None,
        closing: Sequence[Header] = (),
    ) -> None:
        """Commit executed blocks, ancestors first; the certificate names the last of them, or the
        last of the closing headers above it. Under an engine that keeps its own there is none.

        What was handed in before, on another way, is left out.
        """
        fresh = [block for block in blocks if block.header.height > self.submitted_height]
        if not fresh:
            return
        if fresh[0].header.height != self.submitted_height + 1:
            raise InvariantBroken("a commit would leave a gap in the chain")
        self.submitted_height = fresh[-1].header.height
        self.submitted_digest = fresh[-1].header.digest
        finalized = [finalized_block(block) for block in fresh]
        if fresh[-1] is blocks[-1]:
            finalized[-1] = _certified(finalized[-1], fresh[-1], certificate, tuple(closing))
        self._waiting.append((finalized, fresh))
        self._start()

    def prune_journal(self, floor_position: int) -> None:
        """Let the journal go up to this position, once all that was submitted is on disk."""
        self._prune_position = max(self._prune_position, floor_position)
        if self._task is None and not self._failed:
            self._journal.prune(self._prune_position)

    async def prune_blocks(self, old: PrunedBlocks) -> None:
        """Remove old blocks between two commits; returns once they are gone, or never will be."""
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._old = (old, gone)
        self._start()
        await gone

    async def drained(self) -> None:
        """Until everything submitted is on disk."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Finish what is being written; drop what waits."""
        self._drop_all()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=True)

    def _start(self) -> None:
        if self._failed:
            # What comes now stands on what was never written, whatever the disk says of it.
            self._drop_all()
        elif self._task is None and (self._waiting or self._old):
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting or self._old:
                waiting, self._waiting = self._waiting, []
                finalized = [block for group, _ in waiting for block in group]
                shelved = [block for _, group in waiting for block in group]
                if finalized:
                    await self._write(finalized, shelved)
                await self._remove_old()
            self._journal.prune(self._prune_position)
        except Exception as error:  # whatever it is, the chain must not go on without its disk
            self._failed = True
            self._drop_all()
            self._on_failure(error)
        finally:
            self._task = None

    async def _remove_old(self) -> None:
        if self._old is None:
            return
        old, gone = self._old
        changes = self._chain.forget(old)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._chain.write, changes)
        self._old = None
        self.writes += 1
        if not gone.done():
            gone.set_result(None)

    def _drop_all(self) -> None:
        self._waiting.clear()
        old, self._old = self._old, None
        if old is not None:
            old[1].cancel()

    async def _write(
        self, finalized: Sequence[FinalizedBlock], shelved: Sequence[ShelvedBlock]
    ) -> None:
        chain = self._chain
        receipts_before = chain.meta.receipts
        snapshot = self._due_snapshot(finalized)
        changes, meta = chain.batch(
            finalized,
            self._executor.commitment.tree.slot,
            completed_chunks(chain, self._executor, shelved),
            self._journal.sequence,
        )
        try:
            if self._disk.is_quick:
                self._put(changes)
            else:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._put, changes)
        except BaseException:
            if snapshot is not None:
                snapshot.objects.close()
            raise
        self.writes += 1
        chain.applied(finalized, meta)
        if snapshot is not None and self._snapshots is not None:
            self._snapshots.make(snapshot)
        committed: list[CommittedBlock] = []
        number = receipts_before
        for record, block in zip(finalized, shelved, strict=True):
            self._executor.commit(block)
            committed.append(CommittedBlock(block, record, number, _touched(record)))
            number += len(record.transactions)
        self._on_committed(committed)

    def _put(self, changes: list[Change]) -> None:
        """In the store's thread, or the loop's; never in both, since one write is under way."""
        started = time.monotonic()
        self._chain.write(changes)
        self._disk.note(time.monotonic() - started)

    def _due_snapshot(self, finalized: Sequence[FinalizedBlock]) -> Due | None:
        """The state before the first of these blocks that a snapshot belongs to."""
        newest = self._chain.newest
        if self._snapshots is None:
            return None
        if newest is None:
            # The first state of a successor follows from no genesis: others need it from here.
            if self._chain.base is None or not self._snapshots.may_make:
                return None
            return self._chain.pin_before(finalized[:1], self._executor.commitment.tree.slot)
        time_ms = newest.header.time_ms
        for index, block in enumerate(finalized):
            if self._snapshots.is_due(time_ms, block.header):
                slot_of = self._executor.commitment.tree.slot
                return self._chain.pin_before(finalized[: index + 1], slot_of)
            time_ms = block.header.time_ms
        return None


def completed_chunks(
    chain: Chain, executor: Executor, shelved: Sequence[ShelvedBlock]
) -> list[tuple[int, bytes]]:
    """Chunks of the receipt log that were completed since, but not by the last block."""
    proved = _candidate(shelved[-1]).first_number
    first = chain.receipts_proved >> CHUNK_DEPTH
    last = proved >> CHUNK_DEPTH
    if first == last:
        return []
    # Only this branch's log will do, so go there.
    roots = executor.chunk_roots_before(shelved[-1])
    return [(index, roots[index]) for index in range(first, last)]


def _candidate(block: ShelvedBlock) -> Candidate:
    if block.candidate is None:
        raise InvariantBroken("a block is committed that was not executed")
    return block.candidate


def finalized_block(block: ShelvedBlock) -> FinalizedBlock:
    """What the chain needs of an executed block; its certificate comes after."""
    candidate = _candidate(block)
    indexed = [
        IndexedTransaction(
            transaction.id,
            touched_accounts(transaction, candidate),
            transaction.device,
            transaction.number,
        )
        for transaction in block.transactions
    ]
    return FinalizedBlock(
        block.header,
        block.body,
        indexed,
        candidate.changes,
        created_keys(candidate),
        None,
    )


def _certified(
    finalized: FinalizedBlock,
    block: ShelvedBlock,
    certificate: Certificate | None,
    closing: tuple[Header, ...],
) -> FinalizedBlock:
    """With what makes it final, and what it begins if it is a boundary."""
    header = block.header
    begins = None
    if header.next_set_hash is not None:
        if block.next_terms is None:
            raise InvariantBroken("a boundary is committed that was not executed")
        proved = block.next_terms
        begins = EpochRecord(header, closing, certificate, proved.terms, proved)
    is_own = certificate is not None and certificate.digest == header.digest
    return replace(finalized, certificate=certificate if is_own else None, begins=begins)


def created_keys(candidate: Candidate) -> frozenset[bytes]:
    """Keys of the objects that a candidate makes new."""
    return frozenset([key for key, old in candidate.replaced.items() if old is None])


def _touched(block: FinalizedBlock) -> dict[bytes, tuple[int, ...]]:
    positions: dict[bytes, list[int]] = {}
    for index, transaction in enumerate(block.transactions):
        for account in transaction.accounts:
            positions.setdefault(account, []).append(index)
    return {account: tuple(indices) for account, indices in positions.items()}
