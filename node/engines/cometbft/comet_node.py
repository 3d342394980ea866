"""A node under CometBFT, as `node.territory` sees it (`EngineNode`): the ledger behind ABCI, the
`cometbft` process beside it, and what is told of both.

Rules of this file:
- What is on disk is told at once to who waits for a transaction; to who listens to blocks once
  CometBFT has given the header with its commit, in order.
- A start answers reads as soon as the data is open; it is ready when CometBFT says that it is not
  catching up, and enough members are connected.
"""

import asyncio
import secrets
from collections.abc import Sequence

import structlog

from consensus.cometbft.certified import SetChange
from consensus.cometbft.inclusion import prove
from consensus.evidence import DoubleVote
from ledger.transaction import Transaction
from node.answers import FinalBlock, FinalHeader, NodeStatus, PeerStatus
from node.committer import CommittedBlock
from node.engines.cometbft.comet_settings import comet_settings, node_ids
from node.engines.cometbft.comet_view import BEHIND_BLOCKS_MAX, CometWatch
from node.engines.cometbft.epoch_proofs import write_proofs
from node.engines.cometbft.ledger import CometLedger
from node.engines.cometbft.network_terms import chain_id_of, node_id_of
from node.engines.cometbft.own_signer import OwnSigner, Voters, record_opener
from node.engines.cometbft.pool_feeder import PoolFeeder
from node.engines.cometbft.process_care import ProcessCare
from node.engines.cometbft.program import check_program, find_program
from node.engines.cometbft.proof_book import ProofBook
from node.engines.cometbft.running import RunningComet
from node.engines.cometbft.set_changes import SetChanges
from node.engines.cometbft.signed_headers import SignedHeaders
from node.engines.cometbft.snapshot_serving import snapshot_heights
from node.engines.port import Told
from node.epoch_keeper import members_of
from node.key_ring import NodeKeys
from node.territory_options import TerritoryOptions, own_address
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SEED_BYTES, SigningKey

ASKED_AGAIN_SECONDS = 0.2


class CometNode:
    """See the module's docstring. Raises `Refused`: `engine_keys_missing`, `cometbft_missing`,
    `cometbft_version_differs`, `signer_state_malformed`, and what `CometLedger` raises."""

    def __init__(self, options: TerritoryOptions, told: Told) -> None:
        self.options, self._told = options, told
        self._keys = options.keys_for_cometbft()
        program = find_program()
        check_program(program)
        self._log = structlog.get_logger("node")
        self._tell_later: asyncio.Queue[CommittedBlock] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        ledger = CometLedger(
            options,
            on_committed=self._committed,
            on_refused=told.on_settled,
            on_fatal=told.on_fatal,
            on_own=self._pass_on,
            is_current=self.is_current,
            prove_inclusion=lambda raws, index: prove(raws, index).encode(),
        )
        self.ledger = ledger
        self.chain, self.executor, self.epochs = ledger.chain, ledger.executor, ledger.epochs
        self.intake, self.reads = ledger.intake, ledger.reads
        # The key that names this node among its peers: taken, and shown, as under the other engine.
        self._ring = options.keys()
        self._take_name()
        self._name = self._ring.shown.voting
        bind = options.peer_bind or own_address(options.genesis, options.voting_key.public_key)
        self.peer_port = bind[1]
        self.sets = SetChanges(ledger.store, self.epochs)
        self._signer = self._make_signer()
        self.comet = RunningComet(
            program,
            lambda: comet_settings(
                options,
                self._ring.shown.voting_key,
                bind,
                ledger.known_members(),
                ledger.observers,
                self.epochs.current.terms.parameters,
            ),
            self._shown_name,
            ledger.application,
            self._signer,
            told.on_fatal,
        )
        self.proofs = ProofBook(ledger.store, self.epochs)
        self.headers = SignedHeaders(lambda: self.comet.rpc, self.chain, self.sets)
        self.feeder = PoolFeeder(lambda: self.comet.rpc, ledger.mempool)
        self.watch = CometWatch(self.comet.rpc)
        self._care = self._make_care()
        self._follow_voters()

    def _make_signer(self) -> OwnSigner:
        options, network_id = self.options, self.options.genesis.network_id
        chain_id = chain_id_of(network_id)
        return OwnSigner(
            chain_id,
            self._keys,
            Voters(self.chain.height + 1, self.sets.recent()),
            record_opener(options.journal_folder.parent, network_id, chain_id),
            SigningKey.from_seed(secrets.token_bytes(SEED_BYTES)),
        )

    def _make_care(self) -> ProcessCare:
        return ProcessCare(
            lambda: self.watch.view,
            self._begin_comet_anew,
            is_lonely=lambda: not self._has_peers(),
            has_strangers=lambda: self.is_current() and not self._knows_all_peers(),
            has_old_key=lambda: (
                self._signer.told != self._signer.next_told()
                or self._name.public_key != self._ring.shown.voting_key
            ),
        )

    # -- beginning and end --------------------------------------------------------------------

    async def start(self) -> None:
        """See `EngineNode`. Returns before CometBFT has caught up."""
        try:
            await self.comet.start()
        except BaseException:
            await self.stop()
            raise
        self.feeder.begin()
        self.watch.begin()
        self._care.begin()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tell_blocks())]

    async def stop(self) -> None:
        """See `EngineNode`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._care.end()
        await self.watch.end()
        await self.feeder.end()
        await self.comet.stop()
        await self.ledger.close()

    # -- transactions and blocks ----------------------------------------------------------------

    def _pass_on(self, transactions: Sequence[Transaction]) -> None:
        self.feeder.add(transactions)

    def _take_name(self) -> None:
        self._ring.take([each.voting_key for each in self.epochs.current.terms.members])

    def _shown_name(self) -> SigningKey:
        self._name = self._ring.shown.voting
        return self._name

    async def _begin_comet_anew(self, reason: str) -> None:
        if reason == "too_few_peers":
            self._ring.show_other()  # which name is let in depends on how far the others are
        await self.comet.supervisor.restart(reason)

    def _follow_voters(self) -> None:
        """A block is on disk: who votes at the next height, and whether a key of ours takes the
        other's place there. Before CometBFT hears that the block is committed."""
        voters = Voters(self.chain.height + 1, self.sets.recent())
        self._signer.voters = voters
        self._take_name()
        mine = self._keys.meet(voters.at(voters.next_height))
        if mine is not None and self._keys.take(mine.public_key):
            self._log.warning("cometbft_key_replaced", key=mine.public_key.hex()[:16])

    def _committed(self, blocks: Sequence[CommittedBlock]) -> None:
        self._follow_voters()
        for committed in blocks:
            self._tell_later.put_nowait(committed)
            self._told.on_settled([each.id for each in committed.finalized.transactions])

    async def _tell_blocks(self) -> None:
        """One after the other, each with its header; what can't be had yet is waited for."""
        while True:
            committed = await self._tell_later.get()
            header = await self._header_of(committed.block.header.height)
            finalized = committed.finalized
            ids = tuple([each.id for each in finalized.transactions])
            height, first = finalized.header.height, committed.first_number
            self._told.on_final(FinalBlock(height, header, ids, first, committed.touched))
            await self.headers.keep_set_changes()
            await self.headers.keep_epoch_proofs(self.proofs)

    async def _header_of(self, height: int) -> FinalHeader:
        while True:
            try:
                return await self.headers.at(height)
            except Refused:
                await asyncio.sleep(ASKED_AGAIN_SECONDS)
            except InvariantBroken as broken:
                self._told.on_fatal(broken.reason)
                raise

    def check(self, raw: bytes) -> None:
        """See `EngineNode`."""
        self.ledger.check(raw)

    # -- what is told -----------------------------------------------------------------------------

    async def certified(self, height: int | None) -> FinalHeader | None:
        """See `EngineNode`."""
        wanted = self.chain.height if height is None else height
        first = self.chain.meta.first_height
        if self.chain.newest is None or not first <= wanted <= self.chain.height:
            return None
        return await self.headers.at(wanted)

    def set_changes(self, above: int) -> list[SetChange]:
        """See `EngineNode`."""
        return self.sets.above(above)

    def epoch_proofs(self, first: int) -> bytes:
        """See `EngineNode`."""
        return write_proofs(self.proofs.from_epoch(first))

    def snapshot_heights(self) -> list[int]:
        """See `EngineNode`."""
        return snapshot_heights(self.ledger.snapshots, self.chain, self.options.genesis)

    def is_current(self) -> bool:
        """See `EngineNode`."""
        view = self.watch.view
        is_near = self.chain.height + BEHIND_BLOCKS_MAX >= view.height
        return view.is_there and not view.catching_up and is_near

    def is_ready(self) -> bool:
        """See `EngineNode`: without a vote one member is enough."""
        return self._has_peers() and self.is_current()

    def _has_peers(self) -> bool:
        members = self.epochs.current.members
        ids = node_ids(self.epochs.current.terms.members) - {self._own_id}
        needed = members.quorum - 1 if self._votes else 1
        return len(ids & self.watch.view.peers) >= needed

    def _knows_all_peers(self) -> bool:
        return self.watch.view.peers <= self.ledger.admitted()

    @property
    def _own_id(self) -> str:
        return node_id_of(self._name.public_key)

    @property
    def _votes(self) -> bool:
        return self._signer.key_at(self.chain.height + 1) is not None

    @property
    def observing_reason(self) -> str | None:
        """Why this node does not vote; None if it does."""
        if self._votes:
            return None
        mine = self._keys.among(self._signer.voters.at(self.chain.height + 1))
        if mine is None:
            return "this node's key is not in the validator set"
        return "what this node's key signed last is gone: renew it (node keys renew cometbft)"

    def _peers(self) -> tuple[PeerStatus, ...]:
        connected = self.watch.view.peers
        found: dict[bytes, PeerStatus] = {}
        for each in members_of(self.epochs, self.executor):
            is_there = bool(node_ids([each]) & connected)
            found[each.voting_key] = PeerStatus(each.voting_key, each.prefix, each.peer, is_there)
        observers, _ = self.ledger.observers.readable()
        for one in observers:
            is_there = bool(node_ids([one]) & connected)
            status = PeerStatus(one.voting_key, one.prefix, one.peer, is_there, True)
            found.setdefault(one.voting_key, status)
        found.pop(self._name.public_key, None)
        return tuple(sorted(found.values(), key=lambda status: status.prefix))

    def status(self) -> NodeStatus:
        """See `EngineNode`. `view` is CometBFT's round at the height that is being decided."""
        ledger, newest, epoch = self.ledger, self.chain.newest, self.epochs.current
        view = self.watch.view
        return NodeStatus(
            network_id=self.options.genesis.network_id,
            engine=self.options.engine,
            epoch=epoch.number,
            height=self.chain.height,
            view=view.round,
            state_root=b"" if newest is None else newest.header.state_root,
            header_time_ms=0 if newest is None else newest.header.time_ms,
            peers=self._peers(),
            mempool_transactions=len(ledger.mempool),
            mempool_bytes=ledger.mempool.bytes_held,
            ready=self.is_ready(),
            observing=not self._votes,
            observing_reason=self.observing_reason,
            catching_up=view.is_there and view.catching_up,
            members=len(epoch.members.members),
            epoch_ends_ms=epoch.ends_ms,
            rule_version=epoch.terms.rule_version,
            rule_version_unknown=ledger.turns.unknown_version,
            first_height=self.chain.meta.first_height,
            keep_days=ledger.pruner.keep_days,
            missing_height=None,
        )

    def counters(self) -> dict[str, float]:
        """See `EngineNode`. What CometBFT's own process does, its own metrics say."""
        ledger = self.ledger
        return {
            "transactions_accepted": self.intake.accepted,
            "transactions_refused": self.intake.refused,
            "transactions_pending": self.intake.waiting,
            "transactions_final": self.chain.meta.receipts,
            "transactions_handed_in": self.feeder.handed_in,
            "signatures_verified": ledger.verifier.verified,
            "signatures_refused": ledger.verifier.refused,
            "signatures_withheld": self._signer.withheld,
            "peers_connected": len(self.watch.view.peers),
            "store_commits": ledger.committer.writes,
            "engine_ends": self.comet.supervisor.ends,
            "mempool_bytes_held": ledger.mempool.bytes_held,
        }

    def double_votes(self) -> list[DoubleVote]:
        """See `EngineNode`: CometBFT keeps its own evidence, in its own form."""
        return []

    def renew_keys(self, current: NodeKeys, pending: NodeKeys | None) -> None:
        """See `EngineNode`. There is no transport key; the voting key names the node among its
        peers."""
        self._ring.put(current, pending)
