"""What names a block in votes and headers: its header's hash, and that of its parts.

CometBFT's `BlockID` and `PartSetHeader` (`spec/core/data_structures.md`). The parts are how a block
travels; who votes names both.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.cometbft.wire import BYTES, VARINT, Message, bytes_field, message_field, number_field

HASH_SIZES = frozenset({0, 32})
PARTS_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class BlockId:
    """`hash` is the header's, `parts_total` and `parts_hash` are of the part set. All empty where
    no block is named: before the first, or in a vote for nil."""

    hash: bytes = b""
    parts_total: int = 0
    parts_hash: bytes = b""

    @property
    def is_nil(self) -> bool:
        """Whether no block is named."""
        return not (self.hash or self.parts_total or self.parts_hash)

    @property
    def is_complete(self) -> bool:
        """Whether it names a block, as a commit must."""
        return bool(self.hash and self.parts_total and self.parts_hash)

    def encode(self) -> bytes:
        """The content of a `BlockID`, and of a `CanonicalBlockID`: they have the same form."""
        parts = number_field(1, self.parts_total) + bytes_field(2, self.parts_hash)
        return bytes_field(1, self.hash) + message_field(2, parts)

    @staticmethod
    def decode(raw: bytes) -> BlockId:
        """Read one. Raises `Refused("encoding_not_canonical")`."""
        message = Message(raw, {1: BYTES, 2: BYTES}, "a block id")
        parts = Message(message.message(2), {1: VARINT, 2: BYTES}, "a part set header")
        return BlockId(
            message.raw(1, HASH_SIZES), parts.number(1, most=PARTS_MAX), parts.raw(2, HASH_SIZES)
        )
