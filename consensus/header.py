"""Headers and blocks: what is voted on.

The consensus knows a block's body only as bytes; the roots in a header are the ledger's business
and opaque here. Layout: `docs/protocol.md` §4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES, hash_bytes

HEADER_BYTES_MAX = 512
_DECODED_KEPT = 16
"""The same header comes with its proposal, and with certificates from every member."""
_INTEGER_MAX = 2**53 - 1


def genesis_digest(network_id: bytes) -> bytes:
    """The digest that stands for the parent of the first block."""
    return hash_bytes("genesis_block", network_id)


@dataclass(frozen=True, slots=True)
class Header:
    """What a block's votes and certificates bind.

    `view` is the round it was proposed in, `parent_view` and `parent_digest` name the block it
    builds on, `height` is one more than the parent's, `time_ms` (Unix time) is above it.
    `state_root` is the one after the *parent*. A header with `next_set_hash`, the hash of the next
    epoch's member set, is its epoch's *boundary*: the last block of it that joins the chain. Above
    it stand *closing* blocks, which are empty, have its height and only help to make it final.
    """

    network_id: bytes
    epoch: int
    view: int
    parent_view: int
    parent_digest: bytes
    height: int
    time_ms: int
    rule_version: int
    transactions_root: bytes
    transactions_count: int
    state_root: bytes
    next_set_hash: bytes | None = None
    closing: bool = False
    digest: bytes = field(init=False, repr=False, compare=False)
    _encoded: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_encoded", encode(self.value()))
        object.__setattr__(self, "digest", hash_bytes("header", self._encoded))

    def value(self) -> Value:
        """The header as the array that is encoded."""
        return (
            "header", 1, self.network_id, self.epoch, self.view, self.parent_view,
            self.parent_digest, self.height, self.time_ms, self.rule_version,
            self.transactions_root, self.transactions_count, self.state_root,
            self.next_set_hash, self.closing,
        )  # fmt: skip

    def encode(self) -> bytes:
        """The canonical bytes that the digest is over."""
        return self._encoded

    @property
    def ends_epoch(self) -> bool:
        """Whether above this block only closing ones may stand, until the next epoch begins."""
        return self.next_set_hash is not None or self.closing

    @staticmethod
    @lru_cache(_DECODED_KEPT)
    def decode(raw: bytes) -> Header:
        """Read a header from anyone; refuses `encoding_not_canonical` and `version_unknown`."""
        return Header.from_value(decode(raw, bytes_max=HEADER_BYTES_MAX))

    @staticmethod
    def from_value(value: Value) -> Header:
        """Read a decoded header, checking every field's type and range."""
        if not isinstance(value, tuple) or len(value) != 15 or value[0] != "header":
            raise Refused("encoding_not_canonical", "not a header")
        if type(value[1]) is not int or value[1] != 1:  # true equals 1, and is another form
            raise Refused("version_unknown", f"header version {value[1]!r}")
        hashes = (value[2], value[6], value[10], value[12])
        numbers = (value[3], value[4], value[5], value[7], value[8], value[9], value[11])
        if not all(type(item) is bytes and len(item) == HASH_BYTES for item in hashes):
            raise Refused("encoding_not_canonical", "a hash in a header is 32 bytes")
        if not all(type(item) is int and 0 <= item <= _INTEGER_MAX for item in numbers):
            raise Refused("encoding_not_canonical", "a number in a header is out of range")
        following = value[13]
        if following is not None and not (
            type(following) is bytes and len(following) == HASH_BYTES
        ):
            raise Refused("encoding_not_canonical", "next_set_hash is 32 bytes or nil")
        if type(value[14]) is not bool:
            raise Refused("encoding_not_canonical", "closing is true or false")
        return Header(*value[2:])


@dataclass(frozen=True, slots=True)
class Block:
    """A header with its body, which only the ledger reads."""

    header: Header
    body: bytes

    @property
    def digest(self) -> bytes:
        """The header's digest; the header commits to the body through its transactions root."""
        return self.header.digest
