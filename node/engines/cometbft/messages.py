"""What requests and responses of ABCI 2.0 are made of.

Times are nanoseconds since 1970 (`time_ns`), as exact as CometBFT has them; `time_ms_of` gives what
the ledger works with. Addresses are the first 20 bytes of SHA-256 of a validator's public key.
Source: CometBFT v0.38, `proto/tendermint/abci/types.proto` and `types/params.proto`.
"""

from dataclasses import dataclass
from enum import IntEnum

ADDRESS_BYTES = 20
KEY_TYPE = "ed25519"
PUBLIC_KEY_BYTES = 32
NANOSECONDS_PER_MS = 1_000_000
NANOSECONDS_PER_SECOND = 1_000_000_000


def time_ms_of(time_ns: int) -> int:
    """Whole milliseconds, rounded down."""
    return time_ns // NANOSECONDS_PER_MS


class BlockIDFlag(IntEnum):
    """How a validator voted on the block before."""

    UNKNOWN = 0
    ABSENT = 1
    COMMIT = 2
    NIL = 3


class MisbehaviorType(IntEnum):
    """What CometBFT holds evidence of."""

    UNKNOWN = 0
    DUPLICATE_VOTE = 1
    LIGHT_CLIENT_ATTACK = 2


@dataclass(frozen=True, slots=True)
class ValidatorUpdate:
    """A validator's new power; 0 removes it. `public_key` is Ed25519, 32 bytes."""

    public_key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class VoteInfo:
    """One validator of the set that decided the block before, and how it voted."""

    address: bytes
    power: int
    block_id_flag: BlockIDFlag


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """The votes that decided the block before, in the order of its validator set."""

    round: int
    votes: tuple[VoteInfo, ...]


@dataclass(frozen=True, slots=True)
class Misbehavior:
    """Evidence that stands in a block. `time_ns` is the time of the block at `height`."""

    type: MisbehaviorType
    address: bytes
    power: int
    height: int
    time_ns: int
    total_voting_power: int


@dataclass(frozen=True, slots=True)
class BlockParams:
    """`max_bytes` bounds the whole block, header and last commit included; `max_gas` −1: none."""

    max_bytes: int
    max_gas: int = -1


@dataclass(frozen=True, slots=True)
class EvidenceParams:
    """How old evidence may be (too old is what is past both ages), and how much is in a block."""

    max_age_num_blocks: int
    max_age_duration_ns: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """What all validators must agree on. In an update, None leaves a part as it was.

    `app_version` is the header's `version.app`. Block parts and `max_gas` are hashed into the
    header's `consensus_hash`, the others are not. `vote_extensions_enable_height` 0: never.
    """

    block: BlockParams | None = None
    evidence: EvidenceParams | None = None
    public_key_types: tuple[str, ...] | None = None
    app_version: int | None = None
    vote_extensions_enable_height: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of the application's state after the block at `height`.

    Two are the same only if all fields are. The whole message is at most 4 MB between peers, a
    chunk at most 16 MB with what surrounds it.
    """

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes = b""


@dataclass(frozen=True, slots=True)
class ExecTxResult:
    """What became of one transaction of a decided block; `code` 0: applied.

    `code` and `data` (and gas, which we leave 0) are hashed into the next header's
    `last_results_hash`, so they must be the same on every node. `log` is not hashed.
    """

    code: int = 0
    data: bytes = b""
    log: str = ""
    codespace: str = ""
