"""The calls that CometBFT makes, and what it demands of each.

CometBFT opens four connections: consensus (InitChain, PrepareProposal, ProcessProposal,
FinalizeBlock, Commit), mempool (CheckTx), query (Info, Query) and snapshot. `server` awaits the
calls of one connection one after another, in order; calls of different connections happen on the
same thread and interleave only where they await. CheckTx alone may run several at a time, at most
a bounded number, so that signatures can be verified together; they are answered in order.

Around Commit CometBFT locks its mempool: all CheckTx calls are answered before Commit comes, and no
new ones begin before it returned; then the pool's rest comes as RECHECK. So Commit must never wait
for something that hands a transaction to CometBFT: it would wait for itself.

An exception out of any method is answered as ResponseException, which makes CometBFT stop, and is
told to the node as fatal: nothing is decided by a process that doesn't know what it did.

ExtendVote and VerifyVoteExtension are not here: `vote_extensions_enable_height` stays 0, and the
server answers both with an exception.

Source: CometBFT v0.38, `spec/abci/abci++_methods.md`, `abci++_app_requirements.md` and
`abci++_comet_expected_behavior.md`.
"""

from typing import Protocol

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


class Application(Protocol):
    """The ledger, as CometBFT sees it."""

    # -- query connection ---------------------------------------------------------------------

    async def info(self, request: RequestInfo) -> ResponseInfo:
        """How far are we, on disk? Asked at each start of CometBFT and at the end of a state sync.

        CometBFT compares with its own store and sends again what we lack: nothing, one block or
        many (each FinalizeBlock, Commit). It refuses to start if we are ahead of its blocks, or if
        `last_block_app_hash` is not what it has for that height. After a state sync height, hash
        and `app_version` must be those of the snapshot. At height 0 InitChain follows.
        """

    async def query(self, request: RequestQuery) -> ResponseQuery:
        """A question. With `filter_peers`, CometBFT asks `/p2p/filter/addr/<IP:PORT>` and
        `/p2p/filter/id/<node id in hex>` for each peer, before any message of it is read; a code
        other than 0 closes the connection, and so does no answer within five seconds."""

    # -- consensus connection -----------------------------------------------------------------

    async def init_chain(self, request: RequestInitChain) -> ResponseInitChain:
        """Once, at the beginning of the chain; **again** if one side died before block 1 was
        committed: must give the same answer, and change nothing on disk that Commit of block 1
        does not make good. Raise to refuse the genesis: CometBFT then stops."""

    async def prepare_proposal(self, request: RequestPrepareProposal) -> ResponsePrepareProposal:
        """We are the proposer: choose, leave out, add, order. May depend on anything.

        Must change no state. Every honest node must ACCEPT what it gives, on the same committed
        state. May be called several times at a height (rounds), or never. Others prevote nil after
        `timeout_propose`, so this time and theirs must fit in it.
        """

    async def process_proposal(self, request: RequestProcessProposal) -> ResponseProcessProposal:
        """A block was proposed (also by ourselves): shall we prevote for it?

        A function of the request and of the last committed state alone: neither of a clock nor of
        what is in the pool, else honest nodes differ and the network halts. Must change no state;
        many blocks may come for one height, of which at most one is decided, and a block that was
        never shown here may be decided (replays; the node lagged).
        """

    async def finalize_block(self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock:
        """A block was decided: execute it, in memory. Writes nothing to disk.

        All of the response but `log` must be the same on every node. More than a third refused it?
        Then it can't be decided; so a block that does not apply here means a bug or more than f
        faulty: raise. After a crash between this call and the end of Commit the same block comes
        again. `tx_results` has exactly one entry per transaction, or CometBFT stops.
        """

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        """Make the last finalized block durable, then answer: after a crash from here on, `info`
        names this height. CometBFT's own state is written before this call and after it."""

    # -- mempool connection -------------------------------------------------------------------

    async def check_tx(self, request: RequestCheckTx) -> ResponseCheckTx:
        """May it be in the pool? A weak filter: execution decides. What is refused is dropped and
        remembered neither by CometBFT (`keep-invalid-txs-in-cache` is off), so it may come again.
        One transaction may come again after it was committed, and be proposed twice by the pool.
        RECHECK comes for all that is in the pool after each block: answer from what is known."""

    # -- snapshot connection ------------------------------------------------------------------

    async def list_snapshots(self, request: RequestListSnapshots) -> ResponseListSnapshots:
        """For a peer that syncs."""

    async def load_snapshot_chunk(
        self, request: RequestLoadSnapshotChunk
    ) -> ResponseLoadSnapshotChunk:
        """For a peer that syncs. Unknown ones: an empty chunk, no exception, since any peer may ask
        for anything. But that peer then waits two minutes before it looks for another snapshot, so
        what was listed is to be kept for as long as a sync may take."""

    async def offer_snapshot(self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot:
        """We sync: is this snapshot good? Only `app_hash` was verified. Drop what an earlier offer
        left behind."""

    async def apply_snapshot_chunk(
        self, request: RequestApplySnapshotChunk
    ) -> ResponseApplySnapshotChunk:
        """The next chunk, in order from 0. After the last, CometBFT calls Info and compares.

        A chunk that can't be trusted: `reject_senders`, with REJECT_SNAPSHOT to take another
        snapshot, or RETRY with `refetch_chunks` to go on with this one. With RETRY, CometBFT waits
        two minutes if nobody else offered this very snapshot (seen, v0.38.25).
        """
