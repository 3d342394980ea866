"""Everything of a node but the engine itself, put together for CometBFT: store, ledger, pool,
reads, and the application that CometBFT calls.

What the built-in engine has beside these (journal, peers, replicas, catching up) is CometBFT's own
here. What it decides comes through `LedgerApplication`; what is on disk is told to `on_committed`.
"""

from collections.abc import Callable, Sequence

import structlog

from ledger.execution import check
from ledger.terms import NetworkMember
from ledger.transaction import Transaction, decode_transaction
from ledger.view import View
from node.chain import Chain
from node.clock import now_ms
from node.committer import CommittedBlock, Committer, NoJournal
from node.engines.cometbft.epoch_turns import EpochTurns
from node.engines.cometbft.ledger_application import LedgerApplication, LedgerParts
from node.engines.cometbft.ledger_blocks import LedgerBlocks
from node.engines.cometbft.network_terms import node_ids_of
from node.engines.cometbft.snapshot_serving import SnapshotServing
from node.epoch_keeper import members_of
from node.intake import Intake
from node.mempool import Mempool
from node.migration import open_current_store
from node.observers import Observers
from node.pool_care import PoolCare
from node.pruning import Pruner
from node.reads import Reads
from node.snapshots.shelf import SnapshotShelf
from node.start import load_ledger
from node.store import Store
from node.territory_options import TerritoryOptions
from node.verifier import Verifier
from primitives.errors import Refused


class CometLedger:
    """See the module's docstring. Raises `Refused` for data that can't be used; nothing stays open
    then. `on_own` is handed what came in here and CometBFT does not have yet; `is_current` says
    whether CometBFT is as far as its peers."""

    def __init__(
        self,
        options: TerritoryOptions,
        *,
        on_committed: Callable[[Sequence[CommittedBlock]], None],
        on_refused: Callable[[Sequence[bytes]], None],
        on_fatal: Callable[[str | Refused], None],
        on_own: Callable[[Sequence[Transaction]], None],
        is_current: Callable[[], bool],
        prove_inclusion: Callable[[Sequence[bytes], int], bytes],
    ) -> None:
        self.options, self.genesis = options, options.genesis
        self._on_committed, self._on_refused = on_committed, on_refused
        self._on_fatal, self._on_own, self._is_current = on_fatal, on_own, is_current
        self._prove_inclusion = prove_inclusion
        self._log = structlog.get_logger("node")
        self.store: Store = open_current_store(options.store_folder, options.store_kind)
        try:
            self._open_data()
        except BaseException:
            self.store.close()
            raise

    def _open_data(self) -> None:
        options, genesis = self.options, self.genesis
        network_id = genesis.network_id
        self.chain = Chain(self.store)
        loaded = load_ledger(self.chain, genesis, options.tree_images)
        self.store.release_memory()  # all objects were read
        self.executor, self.epochs = loaded.executor, loaded.epochs
        self.mempool = Mempool(options.mempool_bounds, self._on_refused)
        self.verifier = Verifier()
        self.intake = Intake(
            network_id, self.epochs.current.rules, self.mempool, self.verifier, self
        )
        self.snapshots = SnapshotShelf(
            options.snapshots_folder,
            options.snapshot_ms,
            self.chain.ids_between,
            self.chain.chunk_roots,
        )
        self.committer = Committer(
            self.chain, self.executor, NoJournal(), self._committed, self._broken, self.snapshots
        )
        self.pruner = Pruner(
            self.store, self.chain, self.epochs, options, self.snapshots, self.committer
        )
        self.pool_care = PoolCare(self.mempool, self.executor)
        self.reads = Reads(
            network_id,
            self.epochs,
            self.chain,
            self.executor,
            self.mempool,
            self.intake,
            self._prove_inclusion,
        )
        self.turns = EpochTurns(
            network_id, self.chain, self.epochs, self.executor, self.intake, self.pool_care
        )
        self.observers = Observers(options.observers_folder)
        self.blocks = LedgerBlocks(
            network_id, self.chain, self.executor, self.mempool, self.verifier
        )
        parts = LedgerParts(
            genesis,
            self.chain,
            self.blocks,
            self.mempool,
            self.intake,
            self.committer,
            self.admitted,
            SnapshotServing(self.snapshots, self.chain, genesis),
        )
        self.application = LedgerApplication(parts)

    async def close(self) -> None:
        """Let what is being written finish, and close the data."""
        self.verifier.close()
        self.intake.close()
        await self.pruner.stop()
        await self.committer.close()
        self.snapshots.close()
        self.store.close()

    def admitted(self) -> frozenset[str]:
        """Ids of the nodes that may connect: of members now and of those voted since, and of
        observers whose cards the operator added. A founder that left is none of them."""
        now = members_of(self.epochs, self.executor)
        members = [each.voting_key for each in now]
        observers, _ = self.observers.readable()
        return node_ids_of([*members, *[each.voting_key for each in observers]])

    def known_members(self) -> tuple[NetworkMember, ...]:
        """Of the genesis, of the epoch in force, and of the terms voted since, newest last: a node
        that begins with the genesis needs peers before it knows the others."""
        first = self.epochs.epoch(self.epochs.first).terms.members
        return (*first, *members_of(self.epochs, self.executor))

    def check(self, raw: bytes) -> None:
        """Whether these bytes would apply on the newest state. Raises `Refused`."""
        transaction = decode_transaction(raw, self.genesis.network_id, self.epochs.current.rules)
        check(self.newest_view(), transaction, now_ms())

    # -- intake (`IntakeContext`) -------------------------------------------------------------

    def newest_view(self) -> View:
        """See `IntakeContext`."""
        return self.executor.newest_state()

    def read_ahead(self, accounts: Sequence[bytes]) -> None:
        """See `IntakeContext`."""
        self.executor.newest_state().read_ahead(accounts)

    def is_final(self, transaction_id: bytes) -> bool:
        """See `IntakeContext`."""
        return self.chain.number_of(transaction_id) is not None

    def is_current(self) -> bool:
        """See `IntakeContext`."""
        return self._is_current()

    def transactions_judged(self, ids: Sequence[bytes], *, any_added: bool) -> None:
        """See `IntakeContext`: CometBFT learns of them by `pass_on`, or asked itself."""

    def pass_on(self, transactions: Sequence[Transaction]) -> None:
        """See `IntakeContext`."""
        checking = self.application.checking
        own = [each for each in transactions if each.id not in checking]
        if own:
            self._on_own(own)

    # -- committing ---------------------------------------------------------------------------

    def _committed(self, blocks: Sequence[CommittedBlock]) -> None:
        for committed in blocks:
            block = committed.block
            ids = [each.id for each in block.transactions]
            self.intake.became_final(block.header.time_ms, ids)
        unknown = self.turns.after_commit()
        self.pool_care.after_commit(())
        self._on_committed(blocks)
        self.pruner.after_commit()
        if unknown is not None:
            self._fatal(unknown)

    def _broken(self, error: BaseException) -> None:
        self._fatal(f"the chain can't be written: {error}")

    def _fatal(self, reason: str | Refused) -> None:
        self._log.critical("stopping", reason=str(reason))
        self.application.halt(str(reason))
        self._on_fatal(reason)
