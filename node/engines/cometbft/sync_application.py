"""What CometBFT calls while a node has no state yet and takes a snapshot.

Rules of this file:
- Of an offer nothing is believed but what a final header names: its roots must give that header's
  state root, which CometBFT's light client and `ProvedEpochs` verified, each on its own.
- A part is checked before it is kept. Who sent a wrong one is rejected, and the part fetched anew.
- Blocks above the snapshot are executed on the new store by the very ledger that a node has. Once
  the first is on disk, `decided` is set: then both sides can be started again.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from consensus.cometbft.headers import Header
from consensus.header import Header as OwnHeader
from consensus.header import genesis_digest
from node.block_body import transactions_root
from node.engines.cometbft.epoch_proofs import ProvedEpochs
from node.engines.cometbft.ledger import CometLedger
from node.engines.cometbft.ledger_application import FILTER_ADDRESS, FILTER_ID, LedgerApplication
from node.engines.cometbft.light_answers import LightAnswers
from node.engines.cometbft.members_asked import NoAnswer
from node.engines.cometbft.requests import (
    RequestApplySnapshotChunk,
    RequestCheckTx,
    RequestCommit,
    RequestFinalizeBlock,
    RequestInfo,
    RequestInitChain,
    RequestListSnapshots,
    RequestLoadSnapshotChunk,
    RequestOfferSnapshot,
    RequestPrepareProposal,
    RequestProcessProposal,
    RequestQuery,
)
from node.engines.cometbft.responses import (
    ApplySnapshotChunkResult,
    OfferSnapshotResult,
    ResponseApplySnapshotChunk,
    ResponseCheckTx,
    ResponseCommit,
    ResponseFinalizeBlock,
    ResponseInfo,
    ResponseInitChain,
    ResponseListSnapshots,
    ResponseLoadSnapshotChunk,
    ResponseOfferSnapshot,
    ResponsePrepareProposal,
    ResponseProcessProposal,
    ResponseQuery,
)
from node.engines.cometbft.result_codes import OTHER
from node.engines.cometbft.snapshot_serving import FORMAT, manifest_of
from node.engines.cometbft.snapshot_store import SnapshotStore
from primitives.errors import InvariantBroken, Refused

T = TypeVar("T")


class SyncApplication:
    """See the module's docstring. `admitted`: ids of nodes that may connect; `open_ledger` opens
    one on the store that was made."""

    def __init__(
        self,
        network_id: bytes,
        proved: ProvedEpochs,
        answers: LightAnswers,
        store: SnapshotStore,
        admitted: Callable[[], frozenset[str]],
        open_ledger: Callable[[], CometLedger],
    ) -> None:
        self._network_id = network_id
        self._proved = proved
        self._answers = answers
        self._store = store
        self._admitted = admitted
        self._open_ledger = open_ledger
        self._header: Header | None = None
        self._ledger: CometLedger | None = None
        self._log = structlog.get_logger("state_sync")
        self.decided = asyncio.Event()
        self.steps = 0
        """Of whatever kind; who watches sees whether it goes on."""
        self.parts_taken = 0

    async def begin_anew(self) -> None:
        """Another process of CometBFT begins from nothing, and so must this side."""
        await self.close()
        await asyncio.to_thread(self._store.throw_away)
        self._header = None

    async def close(self) -> None:
        """Let the ledger and its store go; what is in it stays."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            await ledger.close()
        await asyncio.to_thread(self._store.close)

    # -- snapshot connection --------------------------------------------------------------------

    async def offer_snapshot(self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot:
        """See `Application`."""
        self.steps += 1
        snapshot = request.snapshot
        if snapshot.format != FORMAT:
            return ResponseOfferSnapshot(OfferSnapshotResult.REJECT_FORMAT)
        await self.begin_anew()
        try:
            signed = await self._answers.patient_header(snapshot.height + 1)
        except (NoAnswer, Refused) as error:
            self._log.warning("snapshot_unproved", height=snapshot.height, reason=str(error))
            return ResponseOfferSnapshot(OfferSnapshotResult.REJECT)
        header = signed.header
        if header.app_hash != request.app_hash:
            # More than two thirds of two sets that both follow from the genesis.
            raise InvariantBroken(f"two headers are final at height {header.height}")
        try:
            manifest = manifest_of(snapshot, self._own_header(header))
        except Refused as refusal:
            self._log.error("snapshot_refused", height=snapshot.height, reason=str(refusal))
            return ResponseOfferSnapshot(OfferSnapshotResult.REJECT_SENDER)
        await self._on_disk(self._store.begin, manifest)
        self._header = header
        self._log.info("snapshot_chosen", height=snapshot.height, parts=manifest.parts)
        return ResponseOfferSnapshot(OfferSnapshotResult.ACCEPT)

    async def apply_snapshot_chunk(
        self, request: RequestApplySnapshotChunk
    ) -> ResponseApplySnapshotChunk:
        """See `Application`."""
        self.steps += 1
        if self._header is None:
            raise InvariantBroken("CometBFT applies a part of what was not accepted")
        try:
            await self._on_disk(self._store.put, request.index, request.chunk)
        except Refused as refusal:
            self._log.error("peer_set_aside", peer=request.sender, reason=str(refusal))
            return ResponseApplySnapshotChunk(
                ApplySnapshotChunkResult.RETRY, (request.index,), (request.sender,)
            )
        self.parts_taken += 1
        if self._store.missing:
            return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.ACCEPT)
        try:
            await self._on_disk(self._store.finish, self._header, self._proved)
            self._ledger = self._open_ledger()
        except Refused as refusal:
            self._log.error("snapshot_refused", reason=str(refusal))
            await self.begin_anew()
            return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.REJECT_SNAPSHOT)
        self._log.info("snapshot_fetched", height=self._header.height - 1)
        return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.ACCEPT)

    async def list_snapshots(self, request: RequestListSnapshots) -> ResponseListSnapshots:
        """See `Application`: there is nothing here."""
        return ResponseListSnapshots()

    async def load_snapshot_chunk(
        self, request: RequestLoadSnapshotChunk
    ) -> ResponseLoadSnapshotChunk:
        """See `Application`."""
        return ResponseLoadSnapshotChunk(b"")

    def _own_header(self, header: Header) -> OwnHeader:
        """Our record of a block that is not here, as far as a manifest needs one."""
        return OwnHeader(
            network_id=self._network_id,
            epoch=self._proved.epoch_of(header.height).number,
            view=0,
            parent_view=0,
            parent_digest=genesis_digest(self._network_id),
            height=header.height,
            time_ms=header.time_ms,
            rule_version=header.rule_version,
            transactions_root=transactions_root(()),
            transactions_count=0,
            state_root=header.app_hash,
        )

    async def _on_disk(self, work: Callable[..., T], *words: object) -> T:
        try:
            return await asyncio.to_thread(work, *words)
        except OSError as error:
            raise InvariantBroken(f"the snapshot can't be written: {error}") from error

    # -- query connection -----------------------------------------------------------------------

    async def info(self, request: RequestInfo) -> ResponseInfo:
        """See `Application`."""
        self.steps += 1
        if self._ledger is not None:
            return await self._ledger.application.info(request)
        return ResponseInfo(0, b"", self._proved.epochs[0].terms.rule_version)

    async def query(self, request: RequestQuery) -> ResponseQuery:
        """See `Application`: who may connect."""
        path = request.path
        if path.startswith(FILTER_ADDRESS):
            return ResponseQuery()
        if path.startswith(FILTER_ID) and path.removeprefix(FILTER_ID) in self._admitted():
            return ResponseQuery()
        return ResponseQuery(OTHER, log="not a member")

    # -- once there is a state ------------------------------------------------------------------

    @property
    def _begun(self) -> LedgerApplication:
        if self._ledger is None:
            raise InvariantBroken("CometBFT decides on a state that is not here")
        return self._ledger.application

    async def init_chain(self, request: RequestInitChain) -> ResponseInitChain:
        """See `Application`: a chain is not begun by who takes a snapshot of it."""
        raise InvariantBroken("CometBFT would begin a chain that others have begun")

    async def prepare_proposal(self, request: RequestPrepareProposal) -> ResponsePrepareProposal:
        """See `Application`."""
        return await self._begun.prepare_proposal(request)

    async def process_proposal(self, request: RequestProcessProposal) -> ResponseProcessProposal:
        """See `Application`."""
        return await self._begun.process_proposal(request)

    async def finalize_block(self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock:
        """See `Application`."""
        self.steps += 1
        return await self._begun.finalize_block(request)

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        """See `Application`."""
        answer = await self._begun.commit(request)
        self.decided.set()
        return answer

    async def check_tx(self, request: RequestCheckTx) -> ResponseCheckTx:
        """See `Application`. Nothing is judged without a state."""
        if self._ledger is None:
            return ResponseCheckTx(OTHER, log="node_not_ready")
        return await self._ledger.application.check_tx(request)
