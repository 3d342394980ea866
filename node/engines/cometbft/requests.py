"""The requests of ABCI 2.0, as CometBFT sends them. See `application` for when.

Source: CometBFT v0.38, `proto/tendermint/abci/types.proto`.
"""

from dataclasses import dataclass
from enum import IntEnum

from node.engines.cometbft.messages import (
    CommitInfo,
    ConsensusParams,
    Misbehavior,
    Snapshot,
    ValidatorUpdate,
)


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """Which CometBFT asks. Called at each start and after a state sync."""

    version: str
    block_version: int
    p2p_version: int
    abci_version: str


@dataclass(frozen=True, slots=True)
class RequestInitChain:
    """CometBFT's genesis. `app_state` is the JSON value of its `app_state` field, as bytes."""

    time_ns: int
    chain_id: str
    consensus_params: ConsensusParams
    validators: tuple[ValidatorUpdate, ...]
    app_state: bytes
    initial_height: int


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """A question to the application; `height` 0 means the newest committed one."""

    path: str
    data: bytes
    height: int
    prove: bool


class CheckTxType(IntEnum):
    """Whether a transaction just came, or a block was committed and it is still in the pool."""

    NEW = 0
    RECHECK = 1


@dataclass(frozen=True, slots=True)
class RequestCheckTx:
    """May this transaction be in the pool?"""

    tx: bytes
    type: CheckTxType


@dataclass(frozen=True, slots=True)
class RequestCommit:
    """Put what the last `FinalizeBlock` did on disk."""


@dataclass(frozen=True, slots=True)
class RequestListSnapshots:
    """Which snapshots are there?"""


@dataclass(frozen=True, slots=True)
class RequestOfferSnapshot:
    """A snapshot of a peer. Only `app_hash` is verified, by CometBFT's light client."""

    snapshot: Snapshot
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class RequestLoadSnapshotChunk:
    """A chunk of an own snapshot, for a peer."""

    height: int
    format: int
    chunk: int


@dataclass(frozen=True, slots=True)
class RequestApplySnapshotChunk:
    """A chunk of the accepted snapshot, in order; `sender` is a peer's node id in hex."""

    index: int
    chunk: bytes
    sender: str


@dataclass(frozen=True, slots=True)
class RequestPrepareProposal:
    """What a block could be made of.

    `max_tx_bytes` bounds the transactions as they are encoded in the block, where each has its key
    and its length in front.
    """

    max_tx_bytes: int
    txs: tuple[bytes, ...]
    local_last_commit: CommitInfo
    misbehavior: tuple[Misbehavior, ...]
    height: int
    time_ns: int
    next_validators_hash: bytes
    proposer_address: bytes


@dataclass(frozen=True, slots=True)
class RequestProcessProposal:
    """A block that was proposed. `hash` is its header's."""

    txs: tuple[bytes, ...]
    proposed_last_commit: CommitInfo
    misbehavior: tuple[Misbehavior, ...]
    hash: bytes
    height: int
    time_ns: int
    next_validators_hash: bytes
    proposer_address: bytes


@dataclass(frozen=True, slots=True)
class RequestFinalizeBlock:
    """A block that was decided. `hash` is its header's."""

    txs: tuple[bytes, ...]
    decided_last_commit: CommitInfo
    misbehavior: tuple[Misbehavior, ...]
    hash: bytes
    height: int
    time_ns: int
    next_validators_hash: bytes
    proposer_address: bytes


Request = (
    RequestInfo
    | RequestInitChain
    | RequestQuery
    | RequestCheckTx
    | RequestCommit
    | RequestListSnapshots
    | RequestOfferSnapshot
    | RequestLoadSnapshotChunk
    | RequestApplySnapshotChunk
    | RequestPrepareProposal
    | RequestProcessProposal
    | RequestFinalizeBlock
)
