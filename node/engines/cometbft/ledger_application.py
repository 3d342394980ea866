"""The ledger as CometBFT's application: `application.Application` over this node's parts.

Rules of this file:
- Commit is the only call that writes. FinalizeBlock executes in memory, so a process killed between
  the two finds the block before, and gets the same block again.
- CheckTx goes the way of every transaction (`node.intake`): bounded, decoded, checked, verified
  once. A recheck answers from the pool, and verifies nothing.
- What can't be on an honest chain is raised: CometBFT stops then, and so does the node.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from ledger.genesis import Genesis
from ledger.transaction import Transaction
from node.answers import Submission
from node.block_shelf import ShelvedBlock
from node.chain import Chain
from node.committer import Committer
from node.engines.cometbft.comet_genesis import genesis_of
from node.engines.cometbft.ledger_blocks import LedgerBlocks
from node.engines.cometbft.messages import NANOSECONDS_PER_MS, ExecTxResult, time_ms_of
from node.engines.cometbft.network_terms import (
    chain_id_of,
    consensus_params,
    first_validators,
)
from node.engines.cometbft.requests import (
    CheckTxType,
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
    ProposalStatus,
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
from node.engines.cometbft.result_codes import OTHER, number_of
from node.engines.cometbft.snapshot_serving import SnapshotServing
from node.executor import BlockUnsound
from node.intake import Intake
from node.mempool import Mempool
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes

CODESPACE = "democite"
FILTER_ADDRESS = "/p2p/filter/addr/"
FILTER_ID = "/p2p/filter/id/"


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """What the application works with. `admitted` gives the ids of the nodes that may connect."""

    genesis: Genesis
    chain: Chain
    blocks: LedgerBlocks
    mempool: Mempool
    intake: Intake
    committer: Committer
    admitted: Callable[[], frozenset[str]]
    serving: SnapshotServing


class LedgerApplication:
    """See the module's docstring."""

    def __init__(self, parts: LedgerParts) -> None:
        self._parts = parts
        self._finalized: ShelvedBlock | None = None
        self.checking: Counter[bytes] = Counter()
        """Ids of what CometBFT asks about now: it has these, and needs not be told of them."""
        self._halted: str | None = None
        self._log = structlog.get_logger("engine")

    def halt(self, reason: str) -> None:
        """Decide nothing more: the node stops for this reason, and CometBFT must not go on."""
        self._halted = reason

    def _check_going_on(self) -> None:
        if self._halted is not None:
            raise InvariantBroken(self._halted)

    # -- query connection ---------------------------------------------------------------------

    async def info(self, request: RequestInfo) -> ResponseInfo:
        """See `Application`."""
        parts = self._parts
        version = parts.blocks.epoch.terms.rule_version
        if parts.chain.height <= parts.genesis.height:
            return ResponseInfo(0, b"", version, data=CODESPACE)
        return ResponseInfo(
            parts.chain.height, parts.blocks.committed_root, version, data=CODESPACE
        )

    async def query(self, request: RequestQuery) -> ResponseQuery:
        """See `Application`. Nothing but who may connect is answered here: reading goes over our
        own API, with its rights."""
        path = request.path
        if path.startswith(FILTER_ADDRESS):
            return ResponseQuery()  # who it is counts, not from where
        if path.startswith(FILTER_ID):
            if path.removeprefix(FILTER_ID) in self._parts.admitted():
                return ResponseQuery()
            return ResponseQuery(OTHER, log="not a member", codespace=CODESPACE)
        return ResponseQuery(OTHER, log="unknown path", codespace=CODESPACE)

    # -- consensus connection -----------------------------------------------------------------

    async def init_chain(self, request: RequestInitChain) -> ResponseInitChain:
        """See `Application`. Raises `Refused` for the genesis of another network."""
        genesis, parts = self._parts.genesis, self._parts
        if parts.chain.height > genesis.height:
            raise InvariantBroken("CometBFT would begin a chain that has blocks here already")
        told = hash_bytes("genesis", genesis_of(request.app_state))
        if told != genesis.network_id:
            raise Refused("data_of_other_network", told.hex(), field="app_state")
        if request.chain_id != chain_id_of(genesis.network_id):
            raise Refused("data_of_other_network", request.chain_id[:60], field="chain_id")
        if request.initial_height != genesis.height + 1:
            raise Refused("genesis_invalid", "another first height", field="initial_height")
        if request.time_ns != genesis.time_ms * NANOSECONDS_PER_MS:
            raise Refused("genesis_invalid", "another time of beginning", field="genesis_time")
        terms = parts.blocks.epoch.terms
        params = consensus_params(terms, parts.blocks.epoch.number)
        return ResponseInitChain(parts.blocks.committed_root, first_validators(terms), params)

    async def prepare_proposal(self, request: RequestPrepareProposal) -> ResponsePrepareProposal:
        """See `Application`: the oldest that wait here first, accounts in turn, then what only
        CometBFT's pool holds."""
        parts = self._parts
        waiting = parts.mempool.take(len(parts.mempool), ())
        held = {transaction.id for transaction in waiting}
        others = [raw for raw in request.txs if hash_bytes("tx", raw) not in held]
        candidates = [*waiting, *await self._readable(others)]
        # What is left out stays in the pool: a block's time lags behind, so that it may only come
        # too early. After each commit the pool is judged anew, at this node's own time.
        accepted = parts.blocks.choose(
            candidates, time_ms_of(request.time_ns), request.max_tx_bytes
        )
        return ResponsePrepareProposal(tuple([transaction.raw for transaction in accepted]))

    async def _readable(self, raws: Sequence[bytes]) -> list[Transaction]:
        found: list[Transaction] = []
        for raw in raws:
            try:
                found += await self._parts.blocks.read([raw])
            except Refused:
                continue  # one that was final already, of older rules, or a liar's
        return found

    async def process_proposal(self, request: RequestProcessProposal) -> ResponseProcessProposal:
        """See `Application`."""
        self._check_going_on()
        try:
            await self._parts.blocks.execute(
                request.hash, request.height, time_ms_of(request.time_ns), request.txs
            )
        except (Refused, BlockUnsound) as error:
            is_alarm = isinstance(error, BlockUnsound) and error.is_alarm
            self._log.error(
                "block_unsound",
                height=request.height,
                proposer=request.proposer_address.hex(),
                reason=str(error),
                alarm=is_alarm,
            )
            return ResponseProcessProposal(ProposalStatus.REJECT)
        return ResponseProcessProposal(ProposalStatus.ACCEPT)

    async def finalize_block(self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock:
        """See `Application`."""
        self._check_going_on()
        try:
            block = await self._parts.blocks.execute(
                request.hash, request.height, time_ms_of(request.time_ns), request.txs
            )
        except (Refused, BlockUnsound) as error:
            raise InvariantBroken(
                f"the decided block {request.height} does not hold here: {error}"
            ) from error
        root = self._parts.blocks.root_after(block)
        turn = self._parts.blocks.turn(block)
        self._finalized = block
        return ResponseFinalizeBlock(
            tuple([ExecTxResult()] * len(request.txs)), root, turn.validators, turn.params
        )

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        """See `Application`."""
        self._check_going_on()
        parts, block = self._parts, self._finalized
        if block is None:
            raise InvariantBroken("CometBFT commits what was not finalized")
        parts.committer.submit([block], None)
        await parts.committer.drained()
        if parts.chain.height != block.header.height:
            raise InvariantBroken(f"block {block.header.height} could not be written")
        self._finalized = None
        parts.blocks.committed()
        first = parts.chain.meta.first_height
        return ResponseCommit(first if first > parts.genesis.height + 1 else 0)

    # -- snapshot connection ------------------------------------------------------------------

    async def list_snapshots(self, request: RequestListSnapshots) -> ResponseListSnapshots:
        """See `Application`."""
        return ResponseListSnapshots(self._parts.serving.offered())

    async def load_snapshot_chunk(
        self, request: RequestLoadSnapshotChunk
    ) -> ResponseLoadSnapshotChunk:
        """See `Application`."""
        found = await self._parts.serving.part(request.height, request.format, request.chunk)
        return ResponseLoadSnapshotChunk(found)

    async def offer_snapshot(self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot:
        """See `Application`. Not asked for: a node that has a ledger takes no snapshot; who has
        none answers through `SyncApplication`."""
        return ResponseOfferSnapshot(OfferSnapshotResult.ABORT)

    async def apply_snapshot_chunk(
        self, request: RequestApplySnapshotChunk
    ) -> ResponseApplySnapshotChunk:
        """See `Application`."""
        return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.ABORT)

    # -- mempool connection -------------------------------------------------------------------

    async def check_tx(self, request: RequestCheckTx) -> ResponseCheckTx:
        """See `Application`."""
        mempool, identity = self._parts.mempool, hash_bytes("tx", request.tx)
        if identity in mempool:
            return ResponseCheckTx()
        if request.type is CheckTxType.RECHECK:
            refusal = mempool.refusal(identity)
            return _refused(refusal or Refused("number_used", "it is not waiting here"))
        self.checking[identity] += 1
        try:
            submission = await self._judge(request.tx)
        finally:
            self.checking -= Counter({identity: 1})
        if identity in mempool:
            return ResponseCheckTx()
        return _refused(submission.refusal or Refused("number_used", "it is final"))

    async def _judge(self, raw: bytes) -> Submission:
        answer: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()

        def on_done(submission: Submission) -> None:
            if not answer.done():
                answer.set_result(submission)

        self._parts.intake.submit(raw, on_done)
        return await answer


def _refused(refusal: Refused) -> ResponseCheckTx:
    return ResponseCheckTx(number_of(refusal.code), log=refusal.code, codespace=CODESPACE)
