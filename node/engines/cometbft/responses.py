"""The responses of ABCI 2.0, as an application gives them. See `application` for when.

Source: CometBFT v0.38, `proto/tendermint/abci/types.proto`.
"""

from dataclasses import dataclass
from enum import IntEnum

from node.engines.cometbft.messages import (
    ConsensusParams,
    ExecTxResult,
    Snapshot,
    ValidatorUpdate,
)


@dataclass(frozen=True, slots=True)
class ResponseInfo:
    """How far the application is **on disk**: height 0 and no hash before the first commit.

    CometBFT sends again every block above `last_block_height`.
    """

    last_block_height: int
    last_block_app_hash: bytes
    app_version: int
    data: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ResponseInitChain:
    """`validators` empty: those of the request. `app_hash` stands in the header of block 1."""

    app_hash: bytes
    validators: tuple[ValidatorUpdate, ...] = ()
    consensus_params: ConsensusParams | None = None


@dataclass(frozen=True, slots=True)
class ResponseQuery:
    """`code` 0: here it is. For `/p2p/filter/…`, any other code keeps the peer out."""

    code: int = 0
    value: bytes = b""
    key: bytes = b""
    height: int = 0
    log: str = ""
    codespace: str = ""


@dataclass(frozen=True, slots=True)
class ResponseCheckTx:
    """`code` 0: it may be in the pool and goes to the peers. `log` is shown to who sent it."""

    code: int = 0
    data: bytes = b""
    log: str = ""
    codespace: str = ""


@dataclass(frozen=True, slots=True)
class ResponseCommit:
    """CometBFT may forget blocks below `retain_height`; 0: none."""

    retain_height: int = 0


@dataclass(frozen=True, slots=True)
class ResponseListSnapshots:
    """Those that peers may fetch."""

    snapshots: tuple[Snapshot, ...] = ()


class OfferSnapshotResult(IntEnum):
    """What to do with an offered snapshot."""

    ACCEPT = 1
    ABORT = 2
    REJECT = 3
    REJECT_FORMAT = 4
    REJECT_SENDER = 5


@dataclass(frozen=True, slots=True)
class ResponseOfferSnapshot:
    """See `OfferSnapshotResult`."""

    result: OfferSnapshotResult


@dataclass(frozen=True, slots=True)
class ResponseLoadSnapshotChunk:
    """Empty where the chunk is not there any more."""

    chunk: bytes


class ApplySnapshotChunkResult(IntEnum):
    """What became of a chunk."""

    ACCEPT = 1
    ABORT = 2
    RETRY = 3
    RETRY_SNAPSHOT = 4
    REJECT_SNAPSHOT = 5


@dataclass(frozen=True, slots=True)
class ResponseApplySnapshotChunk:
    """Chunks to fetch and apply again, and senders to ban, whatever the result."""

    result: ApplySnapshotChunkResult
    refetch_chunks: tuple[int, ...] = ()
    reject_senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponsePrepareProposal:
    """The block's transactions, in order, together within `max_tx_bytes`."""

    txs: tuple[bytes, ...]


class ProposalStatus(IntEnum):
    """Whether to prevote for a block."""

    ACCEPT = 1
    REJECT = 2


@dataclass(frozen=True, slots=True)
class ResponseProcessProposal:
    """See `ProposalStatus`."""

    status: ProposalStatus


@dataclass(frozen=True, slots=True)
class ResponseFinalizeBlock:
    """One result for each transaction, in order; the root after this block.

    `validator_updates` of block H sign from H + 2 on. `consensus_param_updates` are in force from
    H + 1 on.
    """

    tx_results: tuple[ExecTxResult, ...]
    app_hash: bytes
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    consensus_param_updates: ConsensusParams | None = None


Response = (
    ResponseInfo
    | ResponseInitChain
    | ResponseQuery
    | ResponseCheckTx
    | ResponseCommit
    | ResponseListSnapshots
    | ResponseOfferSnapshot
    | ResponseLoadSnapshotChunk
    | ResponseApplySnapshotChunk
    | ResponsePrepareProposal
    | ResponseProcessProposal
    | ResponseFinalizeBlock
)
