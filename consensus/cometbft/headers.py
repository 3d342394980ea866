"""CometBFT's header: its bytes, its hash, and what it says of the ledger.

The hash is the RFC 6962 root over the protobuf forms of its 14 fields (`types/block.go`,
`Header.Hash`; `spec/core/data_structures.md`). What the built-in engine's header calls otherwise
has that name here too, so that a proof is checked against either.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.cometbft import merkle
from consensus.cometbft.block_ids import HASH_SIZES, BlockId
from consensus.cometbft.timestamps import NS_PER_MS, decode_time, encode_time
from consensus.cometbft.wire import (
    BYTES,
    VARINT,
    Message,
    bytes_field,
    check_canonical,
    check_size,
    message_field,
    number_field,
)

BLOCK_PROTOCOL = 11
"""`version.block` of CometBFT v0.38."""
HEADER_BYTES_MAX = 626
"""As CometBFT's `MaxHeaderBytes`."""
CHAIN_ID_BYTES_MAX = 50
APP_HASH_BYTES_MAX = 32
"""CometBFT has no bound of its own; a state root has 32 bytes."""
ADDRESS_BYTES = 20
_APP_HASH_SIZES = frozenset(range(APP_HASH_BYTES_MAX + 1))
_ADDRESS_SIZES = frozenset({ADDRESS_BYTES})
_KINDS = {1: BYTES, 2: BYTES, 3: VARINT, **dict.fromkeys(range(4, 15), BYTES)}


@dataclass(frozen=True, slots=True)
class Header:
    """One block's header. `version_app` and all that follows `time_ns` (Unix time in nanoseconds)
    as in CometBFT; a hash that does not exist yet is empty. `hash` is the header's own, empty
    without `validators_hash`, as CometBFT has it."""

    version_block: int
    version_app: int
    chain_id: str
    height: int
    time_ns: int
    last_block_id: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes
    hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", self._hash() if self.validators_hash else b"")

    # -- as a header of the built-in engine calls it ------------------------------------------

    @property
    def digest(self) -> bytes:
        """What certificates bind."""
        return self.hash

    @property
    def parent_digest(self) -> bytes:
        """The digest of the block below; empty for the first."""
        return self.last_block_id.hash

    @property
    def time_ms(self) -> int:
        """The block's time as transactions are held against it: whole milliseconds."""
        return self.time_ns // NS_PER_MS

    @property
    def rule_version(self) -> int:
        """The rules that the block was executed under."""
        return self.version_app

    @property
    def state_root(self) -> bytes:
        """The state after the block below."""
        return self.app_hash

    # -- bytes ---------------------------------------------------------------------------------

    def _hash(self) -> bytes:
        """Each field as protobuf would wrap it alone: `google.protobuf.StringValue` and so on."""
        return merkle.root(
            [
                self._version(),
                bytes_field(1, self.chain_id.encode()),
                number_field(1, self.height),
                encode_time(self.time_ns),
                self.last_block_id.encode(),
                *[bytes_field(1, raw) for raw in self._tail()],
            ]
        )

    def _version(self) -> bytes:
        return number_field(1, self.version_block) + number_field(2, self.version_app)

    def _tail(self) -> tuple[bytes, ...]:
        return (
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
            self.app_hash,
            self.last_results_hash,
            self.evidence_hash,
            self.proposer_address,
        )

    def encode(self) -> bytes:
        """The content of a `tendermint.types.Header`."""
        tail = [bytes_field(place, raw) for place, raw in enumerate(self._tail(), start=6)]
        return b"".join(
            [
                message_field(1, self._version()),
                bytes_field(2, self.chain_id.encode()),
                number_field(3, self.height),
                message_field(4, encode_time(self.time_ns)),
                message_field(5, self.last_block_id.encode()),
                *tail,
            ]
        )

    @staticmethod
    def decode(raw: bytes) -> Header:
        """Read a header from anyone. Raises `Refused("encoding_not_canonical")`."""
        check_size(raw, HEADER_BYTES_MAX, "a header")
        message = Message(raw, _KINDS, "a header")
        version = Message(message.message(1), {1: VARINT, 2: VARINT}, "a version")
        header = Header(
            version.unsigned(1),
            version.unsigned(2),
            message.text(2, CHAIN_ID_BYTES_MAX),
            message.number(3, least=1),
            decode_time(message.message(4)),
            BlockId.decode(message.message(5)),
            message.raw(6, HASH_SIZES),
            message.raw(7, HASH_SIZES),
            message.raw(8, HASH_SIZES),
            message.raw(9, HASH_SIZES),
            message.raw(10, HASH_SIZES),
            message.raw(11, _APP_HASH_SIZES),
            message.raw(12, HASH_SIZES),
            message.raw(13, HASH_SIZES),
            message.raw(14, _ADDRESS_SIZES),
        )
        check_canonical(raw, header.encode(), "a header")
        return header
