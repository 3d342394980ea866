"""Blocks that are older than what this node keeps leave the store, a bounded batch at a time.

What goes of a block: its header, its body, and its entries in the accounts' histories. What stays
for ever: the state, how each epoch began (for light clients), the ids of all receipts with their
numbers, and the roots of the receipt log's full chunks, so that every receipt can still be found
and proved against any later header. Nothing goes that a newcomer needs who begins with one of the
snapshots held here, nor one of the newest `BLOCKS_KEPT_MIN`.

Of each account's history the newest entry that is too old stays until a newer one is. A listing
ends there: it knows that there was more, and reads nothing that was removed below.

Old blocks are read in a thread of its own. A batch is one write, made between two commits, with the
store's own record of where its blocks begin: after a crash it is there, or nothing of it is.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from ledger.commitment import LogReceipts
from ledger.rules import MS_PER_DAY, RuleSet
from ledger.state import State
from ledger.transaction import decode_transaction
from node.block_body import read_body
from node.chain import Chain
from node.chain_records import (
    ACCOUNT,
    BODY,
    BODY_BYTES_MAX,
    FIRST_NUMBER,
    HEADER,
    OBJECT,
    SLOT_BYTES,
    PrunedBlocks,
    StoredHeader,
    number_key,
)
from node.committer import Committer
from node.concerns import touched_accounts
from node.epoch_book import EpochBook
from node.retention import Retention, days_min
from node.snapshots.making import Abandoned, Pace
from node.snapshots.shelf import SnapshotShelf
from node.store import Change, Store
from node.territory_options import TerritoryOptions
from primitives.errors import InvariantBroken, Refused
from primitives.receipt_log import ReceiptLog

BLOCKS_KEPT_MIN = 1_024
"""Whoever is less behind takes blocks rather than a snapshot (`territory_options`)."""

SLACK_MS = 3_600_000
"""So much older than wanted the oldest block may be: pruning at each block would double the
writes."""

BATCH_BLOCKS_MAX = 256
BATCH_TRANSACTIONS_MAX = 2_000
REST_FACTOR = 4
"""So many times as long as a batch took, the next one waits."""

_ACCOUNTS_CACHED_MAX = 1_000
_FAILURES = (Refused, InvariantBroken)


class StoredObjects:
    """The objects on disk (`ledger.sources.ObjectSource`): all that old transactions concern."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def object(self, key: bytes) -> bytes | None:
        """See `ObjectSource`."""
        value = self._store.get(OBJECT + key)
        return None if value is None else value[SLOT_BYTES:]

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ObjectSource`."""
        return [self.object(key) for key in keys]


class OldBlocks:
    """Reads what is to go. Called in one thread, whichever: it looks at nothing but the store."""

    def __init__(self, store: Store, chain: Chain, epochs: EpochBook, network_id: bytes) -> None:
        self._store = store
        self._chain = chain
        self._epochs = epochs
        self._network_id = network_id

    def header(self, height: int) -> StoredHeader:
        """The header at a height that is kept."""
        stored = self._chain.stored_header(height)
        if stored is None:
            raise InvariantBroken(f"the header at height {height} is missing")
        return stored

    def next_batch(self, until_ms: int, end_height: int, pace: Pace) -> PrunedBlocks | None:
        """The oldest blocks, as far as they are below `end_height` and made before `until_ms`.

        Raises InvariantBroken and Refused for blocks that can't be read.
        """
        first = self._chain.meta.first_height
        changes: list[Change] = []
        numbers: dict[bytes, list[int]] = {}
        height, transactions, stored = first, 0, self.header(first)
        while (
            height < min(end_height, first + BATCH_BLOCKS_MAX)
            and stored.header.time_ms < until_ms
            and transactions < BATCH_TRANSACTIONS_MAX
        ):
            changes += [(number_key(HEADER, height), None), (number_key(BODY, height), None)]
            if stored.header.transactions_count:
                changes.append((number_key(FIRST_NUMBER, stored.first_number), None))
                transactions += stored.header.transactions_count
                self._gather(stored, numbers, pace)
            height += 1
            stored = self.header(height)
        if height == first:
            return None
        for account, of_account in numbers.items():
            pace.step()
            changes += self._of_history(account, of_account)
        return PrunedBlocks(changes, height, stored.first_number)

    def _gather(self, stored: StoredHeader, numbers: dict[bytes, list[int]], pace: Pace) -> None:
        """The receipt numbers of a block by the accounts that they concern."""
        rules = self._epochs.epoch(stored.header.epoch).rules
        view = self._view(rules)
        raws = read_body(self._chain.body(stored.header.height), BODY_BYTES_MAX)
        for number, raw in enumerate(raws, stored.first_number):
            pace.step()
            transaction = decode_transaction(raw, self._network_id, rules)
            for account in touched_accounts(transaction, view):
                numbers.setdefault(account, []).append(number)

    def _view(self, rules: RuleSet) -> State:
        """Only asked what never changes, so the newest state does for the oldest transaction. The
        running node's own belongs to another thread."""
        source, receipts = StoredObjects(self._store), LogReceipts(ReceiptLog())
        return State(source, receipts, rules, 0, accounts_cached_max=_ACCOUNTS_CACHED_MAX)

    def _of_history(self, account: bytes, numbers: Sequence[int]) -> list[Change]:
        """All of these but the newest, and what stayed for the same reason before."""
        prefix = ACCOUNT + account
        gone = [number_key(prefix, number) for number in numbers[:-1]]
        for key, _ in self._store.iterate(prefix, number_key(prefix, numbers[0]), reverse=True):
            gone.append(key)
            break
        return [(key, None) for key in gone]


class Pruner:
    """Prunes a running node; see the module's docstring."""

    def __init__(
        self,
        store: Store,
        chain: Chain,
        epochs: EpochBook,
        options: TerritoryOptions,
        snapshots: SnapshotShelf,
        committer: Committer,
    ) -> None:
        self._blocks = OldBlocks(store, chain, epochs, options.genesis.network_id)
        self._chain = chain
        self._epochs = epochs
        self._retention = Retention(options.retention_file)
        self._snapshots = snapshots
        self._committer = committer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pruning")
        self._task: asyncio.Task[None] | None = None
        self._oldest = (0, 0)
        self._failed = self._closing = False
        self._told_malformed = False
        self._log = structlog.get_logger("pruning")

    @property
    def keep_days(self) -> int | None:
        """How many days of blocks are kept, never fewer than the rules in force need; None for
        all."""
        try:
            days = self._retention.days()
        except (Refused, OSError) as error:
            if not self._told_malformed:
                self._told_malformed = True
                self._log.error("everything_is_kept", reason=str(error))
            return None
        if days is None:
            return None
        return max(days, days_min(self._epochs.current.terms.parameters))

    def after_commit(self) -> None:
        """Blocks are on disk; perhaps others are too old now."""
        if self._task is not None or self._failed or self._closing:
            return
        try:
            is_due = self._is_due()
        except _FAILURES as error:
            self._fail(error)
        else:
            if is_due:
                self._task = asyncio.get_running_loop().create_task(self._work())

    def _fail(self, error: Exception) -> None:
        """The chain goes on, and keeps what could not be read."""
        self._failed = True
        self._log.error("pruning_failed", reason=str(error))

    def _is_due(self) -> bool:
        until_ms = self._until_ms()
        first = self._chain.meta.first_height
        if until_ms is None or first >= self._end_height():
            return False
        if self._oldest[0] != first:
            self._oldest = (first, self._blocks.header(first).header.time_ms)
        return self._oldest[1] < until_ms - SLACK_MS

    def _until_ms(self) -> int | None:
        days, newest = self.keep_days, self._chain.newest
        if days is None or newest is None:
            return None
        return newest.header.time_ms - days * MS_PER_DAY

    def _end_height(self) -> int:
        """Blocks from here on are needed, whatever their age. Without a snapshot all are."""
        oldest = self._snapshots.oldest_height
        return 0 if oldest is None else min(oldest, self._chain.height - BLOCKS_KEPT_MIN)

    async def _work(self) -> None:
        loop, first = asyncio.get_running_loop(), self._chain.meta.first_height
        pace = Pace(lambda: not self._closing)
        try:
            while (until_ms := self._until_ms()) is not None and not self._closing:
                began = time.perf_counter()
                batch = await loop.run_in_executor(
                    self._thread, self._blocks.next_batch, until_ms, self._end_height(), pace
                )
                if batch is None:
                    break
                await self._committer.prune_blocks(batch)
                await asyncio.sleep((time.perf_counter() - began) * REST_FACTOR)
        except Abandoned:
            return
        except _FAILURES as error:
            self._fail(error)
        finally:
            self._task = None
        first_height = self._chain.meta.first_height
        self._log.info("blocks_pruned", blocks=first_height - first, first_height=first_height)

    async def stop(self) -> None:
        """No more; what is being written ends."""
        self._closing = True
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._thread.shutdown(wait=True)
