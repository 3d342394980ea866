"""The parts of a territory's node, put together and taken apart in order."""

from collections.abc import Callable, Sequence

import structlog

from consensus.effects import CatchUp
from consensus.events import CaughtUp
from consensus.members import MemberSet
from ledger.execution import check
from ledger.rules import RuleSet
from ledger.transaction import Transaction, decode_transaction
from ledger.view import View
from node.bodies import Bodies
from node.bounds import frame_bytes_max
from node.catching_up import CatchingUp
from node.chain import Chain
from node.clock import now_ms
from node.committer import CommittedBlock, Committer
from node.engines.replicas import EngineParts
from node.engines.simplex import SimplexEngine
from node.epoch_keeper import EpochKeeper, EpochParts, members_of
from node.evidence_book import EvidenceBook
from node.fairness import WATCHED_MAX, Fairness
from node.intake import Intake
from node.journal import Journal
from node.mempool import Mempool
from node.migration import open_current_store
from node.observers import Observers
from node.own_identity import OwnIdentity
from node.peer_circle import PeerCircle
from node.peers.frames import WIRE_VERSION, Hello
from node.peers.network import PeerNetwork
from node.pool_care import PoolCare
from node.pruning import Pruner
from node.reads import Reads
from node.restoration import Restoration
from node.retention import Retention
from node.snapshots.serving import SnapshotServer
from node.snapshots.shelf import SnapshotShelf
from node.start import load_ledger
from node.state_sync.adoption import adopt
from node.state_sync.syncing import Syncing
from node.store import Store
from node.territory_options import TerritoryOptions, own_address
from node.traffic import Traffic
from node.verifier import Verifier
from node.voting import Voting
from primitives.errors import Refused

BEHIND_BLOCKS_MAX = 8
"""A node that lags its peers by more is not current."""


class Machinery:
    """Everything behind `node.territory`. Raises Refused for data that can't be used; nothing
    stays open then."""

    def __init__(
        self,
        options: TerritoryOptions,
        on_committed: Callable[[Sequence[CommittedBlock]], None],
        on_refused: Callable[[Sequence[bytes]], None],
        on_fatal: Callable[[str | Refused], None],
        on_synced: Callable[[], None],
    ) -> None:
        self.options = options
        self.genesis = options.genesis
        self.keys = options.keys()
        self._on_committed = on_committed
        self._on_refused = on_refused
        self._on_fatal = on_fatal
        self._on_synced = on_synced
        self._postponed: CatchUp | None = None
        self._log = structlog.get_logger("node")
        keeps_all = Retention(options.retention_file).keeps_all()
        adopt(options.store_folder, options.store_kind, keeps_all=keeps_all)
        self.store: Store = open_current_store(options.store_folder, options.store_kind)
        try:
            self._open_data()
        except BaseException:
            self.store.close()
            raise

    def _open_data(self) -> None:
        options, genesis = self.options, self.genesis
        self.chain = Chain(self.store)
        loaded = load_ledger(self.chain, genesis, options.tree_images)
        self.store.release_memory()  # all objects were read
        self.executor, self.shelf, self.epochs = loaded.executor, loaded.shelf, loaded.epochs
        self.keys.take([each.voting_key for each in self.epochs.current.terms.members])
        meta = self.chain.meta
        self.journal = Journal(options.journal_folder, meta.journal_id, meta.journal_sequence)
        self.voting = Voting(
            self.keys, self.chain, self.epochs, self.journal, observe_only=options.observe_only
        )
        try:
            self._assemble_pool(self.epochs.current.rules)
            self._assemble_peers()
            self._assemble_engine()
        except BaseException:
            self.journal.close()
            raise
        if self.engine.replica.observing:
            self._log.error("observing_only", reason=self.observing_reason)

    def _assemble_pool(self, rules: RuleSet) -> None:
        """What transactions go through."""
        genesis, options = self.genesis, self.options
        self.mempool = Mempool(options.mempool_bounds, self._on_refused)
        self.verifier = Verifier()
        self.intake = Intake(genesis.network_id, rules, self.mempool, self.verifier, self)
        self.bodies = Bodies(genesis.network_id, rules, self.shelf, self.mempool, self.verifier)
        self.snapshots = SnapshotShelf(
            options.snapshots_folder,
            options.snapshot_ms,
            self.chain.ids_between,
            self.chain.chunk_roots,
        )
        self.committer = Committer(
            self.chain, self.executor, self.journal, self._committed, self._broken, self.snapshots
        )
        self.pruner = Pruner(
            self.store, self.chain, self.epochs, options, self.snapshots, self.committer
        )
        self.pool_care = PoolCare(self.mempool, self.executor)
        self.reads = Reads(
            genesis.network_id, self.epochs, self.chain, self.executor, self.mempool, self.intake
        )
        figures = rules.parameters
        self.fairness = Fairness(self.members, figures.delta_ms, figures.block_work_max)

    def _assemble_peers(self) -> None:
        """What talks to other members."""
        genesis, options = self.genesis, self.options
        self.traffic = Traffic(
            genesis.network_id,
            self.epochs.current,
            self.chain,
            self.shelf,
            self.bodies,
            self.mempool,
            self.intake,
            self.verifier,
        )
        self.circle = PeerCircle(
            self.keys.owns,
            options.peer_addresses or {},
            Observers(options.observers_folder),
            lambda: members_of(self.epochs, self.executor),
        )
        shown = self.keys.shown
        self.network = PeerNetwork(
            shown.voting_key,
            shown.transport.key_pem,
            shown.transport.certificate_pem,
            self.circle.addresses(),
            self.hello,
            self.traffic,
            frame_bytes_max=frame_bytes_max(self.epochs.current.rules),
            is_member=self.circle.is_member,
            anyone_at=options.join_from,
        )
        self.identity = OwnIdentity(self.keys, self.network, lambda: self.members.quorum - 1)

    def _assemble_engine(self) -> None:
        """What agrees, and what catches up; peers are told of both."""
        options = self.options
        self.evidence = EvidenceBook(options.evidence_folder)
        parts = EngineParts(
            self.genesis.network_id,
            self.epochs,
            self.chain,
            self.executor,
            self.shelf,
            self.bodies,
            self.journal,
            self.mempool,
            self.verifier,
            self.committer,
            self.network,
        )
        self.engine = SimplexEngine(
            parts,
            lambda: self.keys.current.voting,
            self._catch_up,
            self._fatal,
            voting=self.voting.standing,
            on_evidence=self.evidence.keep,
        )
        self.catching_up = CatchingUp(
            self.genesis.network_id,
            self.epochs.current,
            self.bodies,
            self.executor,
            self.committer,
            self.network,
            self._caught_up,
            self._fatal,
            self._blocks_pruned,
        )
        self.snapshot_server = SnapshotServer(
            self.snapshots, self.chain.certified, self.network.send
        )
        self.syncing = Syncing(
            options,
            self.chain,
            self.network,
            self.circle,
            self.journal,
            lambda: self.epochs.current,
            self._on_synced,
            self._catch_up_by_blocks,
            self._fatal,
        )
        self.traffic.engine, self.traffic.network = self.engine, self.network
        self.traffic.catch_up, self.traffic.syncing = self.catching_up.run, self.syncing
        self.traffic.snapshots = self.snapshot_server
        self._assemble_turns()

    def _assemble_turns(self) -> None:
        """What happens from one epoch to the next."""
        self.restoration = Restoration(
            lambda: self.own_key,
            self.chain,
            self.epochs,
            self.journal,
            self.committer,
            self.network,
            lambda: self.engine.replica,
            is_wanted=not self.options.observe_only,
        )
        self.traffic.restoration = self.restoration
        self.keeper = EpochKeeper(
            EpochParts(
                self.genesis.network_id,
                self.chain,
                self.epochs,
                self.executor,
                self.intake,
                self.bodies,
                self.pool_care,
                self.fairness,
                self.traffic,
                self.catching_up,
                self.network,
                self.circle,
                self.identity,
                self.restoration,
                self.engine,
            ),
            self._fatal,
        )

    @property
    def own_key(self) -> bytes:
        """The voting key of this node, public half."""
        return self.keys.current.voting_key

    @property
    def members(self) -> MemberSet:
        """Those that vote in the present epoch."""
        return self.epochs.current.members

    # -- beginning and end --------------------------------------------------------------------

    async def start(self) -> None:
        """Listen and begin to take part. Refuses `port_in_use`; everything is closed then."""
        host, port = self.options.peer_bind or own_address(
            self.genesis, self.options.voting_key.public_key
        )
        try:
            self.peer_port = await self.network.start(host, port)
        except Refused:
            await self.stop()
            raise
        self.circle.begin(self.network)
        self.identity.begin()
        self.restoration.begin()
        self.engine.start()

    async def stop(self) -> None:
        """Take part no more, let what is being written finish, and close the data."""
        self.engine.stop()
        self.traffic.close()
        await self.catching_up.stop()
        await self.restoration.end()
        await self.syncing.stop()
        await self.circle.end()
        await self.identity.end()
        await self.network.stop()
        self.verifier.close()
        self.intake.close()
        await self.pruner.stop()
        await self.committer.close()
        await self.snapshot_server.close()
        self.snapshots.close()
        self.journal.close()
        self.store.close()

    def hello(self) -> Hello:
        """How this node introduces itself."""
        network_id, epoch = self.genesis.network_id, self.epochs.current.number
        return Hello(WIRE_VERSION, network_id, self.options.engine, self.chain.height, epoch)

    @property
    def observing_reason(self) -> str | None:
        """Why this node does not vote; None if it does."""
        return self.voting.observing_reason(self.engine)

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
        # f + 1 of them: at least one is honest, so nobody can keep us from being current.
        heights = sorted(self.network.heights(), reverse=True)
        faults = self.members.faults
        told = heights[faults] if len(heights) > faults else 0
        return not self.is_catching_up and self.chain.height + BEHIND_BLOCKS_MAX >= told

    @property
    def is_catching_up(self) -> bool:
        """Whether blocks or a snapshot are being fetched."""
        return self.catching_up.run.target_height is not None or self.syncing.is_running

    def transactions_judged(self, ids: Sequence[bytes], *, any_added: bool) -> None:
        """See `IntakeContext`."""
        self.traffic.proposals.arrived(ids)
        self.fairness.came([each for each in ids if each in self.mempool], now_ms())
        self.engine.transactions_judged(any_added=any_added)

    def pass_on(self, transactions: Sequence[Transaction]) -> None:
        """See `IntakeContext`."""
        self.traffic.pass_on(transactions)

    def check(self, raw: bytes) -> None:
        """Whether these bytes would apply on the newest state. Raises `Refused`."""
        transaction = decode_transaction(raw, self.genesis.network_id, self.epochs.current.rules)
        check(self.newest_view(), transaction, now_ms())

    # -- committing ---------------------------------------------------------------------------

    def _committed(self, blocks: Sequence[CommittedBlock]) -> None:
        for committed in blocks:
            ids = [each.id for each in committed.block.transactions]
            self.intake.became_final(committed.block.header.time_ms, ids)
            self.fairness.gone(ids)
        self.traffic.proposals.forget(blocks[-1].block.header.view)
        in_blocks = self.shelf.branch_ids(self.executor.newest_digest)
        self.pool_care.after_commit(in_blocks)
        newest = blocks[-1].block
        self.traffic.tell_final(blocks[-1].finalized)
        self.fairness.judge(
            newest.header, newest.transactions, self.mempool.oldest(WATCHED_MAX), in_blocks
        )
        self.engine.work_changed()
        self._on_committed(blocks)
        self.keeper.after_commit()
        self.pruner.after_commit()

    def _broken(self, error: BaseException) -> None:
        self._fatal(f"the chain can't be written: {error}")

    def _fatal(self, reason: str | Refused) -> None:
        self._log.critical("stopping", reason=str(reason))
        self.engine.stop()
        self._on_fatal(reason)

    def _catch_up(self, request: CatchUp) -> None:
        self._postponed = request
        if not self.syncing.takes(request.header.height):
            self.catching_up.ask(request)

    def _catch_up_by_blocks(self) -> None:
        if self._postponed is not None:
            self._catch_up(self._postponed)

    def _blocks_pruned(self) -> None:
        if self.syncing.blocks_pruned():
            self.catching_up.run.forget()
            self._catch_up_by_blocks()

    def _caught_up(self, event: CaughtUp) -> None:
        self.engine.tell(event)
        self.keeper.turn()
