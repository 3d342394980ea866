"""Proofs as they travel, and what they prove (docs/protocol.md, section 3).

A wallet decodes what a node sent it and verifies it against a header that it believes. Decoding
refuses wrong shapes; `verify` never raises and says yes only for what follows from the roots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.shapes import (
    HASH_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_object,
    wrong_shape,
)
from primitives.encoding import Value, decode, encode
from primitives.hashing import hash_bytes, hash_each
from primitives.merkle import depth_of, is_path, root_from_path
from primitives.receipt_log import ReceiptPath, receipt_root
from primitives.state_root import state_root
from primitives.tree_proofs import Absence, Presence, absence_root, presence_root, value_hash_of

PROOF_VERSION = 1
PROOF_BYTES_MAX = 16_384
PATH_HASHES_MAX = 64
INCLUDED_LEAF_TAG = "included"
INCLUDED_NODE_TAG = "included_node"


def included_leaf(transaction_id: bytes) -> bytes:
    """A transaction's leaf under the transaction root of its block."""
    return hash_bytes(INCLUDED_LEAF_TAG, transaction_id)


def included_leaves(transaction_ids: Iterable[bytes]) -> list[bytes]:
    """The same of each, in order."""
    return hash_each(INCLUDED_LEAF_TAG, transaction_ids)


@dataclass(frozen=True, slots=True)
class StateProof:
    """An object stands in the state."""

    presence: Presence
    log_root: bytes

    def encode(self) -> bytes:
        """The wire form."""
        proof = self.presence
        return encode(
            (
                "state_proof",
                PROOF_VERSION,
                proof.slot,
                proof.next_key,
                proof.count,
                proof.path,
                self.log_root,
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> StateProof:
        """Read the wire form; raises `Refused`."""
        value = _read(raw, "state_proof", 7)
        presence = Presence(
            expect_count(value[2], "slot"),
            expect_bytes(value[3], HASH_BYTES, "next_key"),
            expect_count(value[4], "count"),
            _path(value[5]),
        )
        return cls(presence, expect_bytes(value[6], HASH_BYTES, "log_root"))

    def verify(self, root: bytes, key: bytes, raw: bytes) -> bool:
        """Whether the object `raw` stands at `key` in the state with this root."""
        tree_root = presence_root(key, value_hash_of(raw), self.presence)
        return _leads_to(root, self.presence.count, tree_root, self.log_root)


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """Nothing stands at a key of the state."""

    absence: Absence
    log_root: bytes

    def encode(self) -> bytes:
        """The wire form."""
        proof = self.absence
        return encode(
            (
                "absence_proof",
                PROOF_VERSION,
                proof.slot,
                proof.key,
                proof.next_key,
                proof.value_hash,
                proof.count,
                proof.path,
                self.log_root,
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> AbsenceProof:
        """Read the wire form; raises `Refused`."""
        value = _read(raw, "absence_proof", 9)
        absence = Absence(
            expect_count(value[2], "slot"),
            expect_bytes(value[3], HASH_BYTES, "key"),
            expect_bytes(value[4], HASH_BYTES, "next_key"),
            expect_bytes(value[5], HASH_BYTES, "value_hash"),
            expect_count(value[6], "count"),
            _path(value[7]),
        )
        return cls(absence, expect_bytes(value[8], HASH_BYTES, "log_root"))

    def verify(self, root: bytes, key: bytes) -> bool:
        """Whether nothing stands at `key` in the state with this root."""
        tree_root = absence_root(key, self.absence)
        return _leads_to(root, self.absence.count, tree_root, self.log_root)


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """A transaction has a number in the receipt log."""

    number: int
    path: ReceiptPath
    count: int
    tree_root: bytes

    @property
    def log_count(self) -> int:
        """How many receipts the log had under that root."""
        return self.path.log_count

    @property
    def chunk_path(self) -> tuple[bytes, ...]:
        """The path to the root of the receipt's chunk."""
        return self.path.chunk_path

    def encode(self) -> bytes:
        """The wire form."""
        path = self.path
        return encode(
            (
                "receipt_proof",
                PROOF_VERSION,
                self.number,
                path.log_count,
                path.chunk_path,
                path.chunks_path,
                path.other,
                self.count,
                self.tree_root,
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> ReceiptProof:
        """Read the wire form; raises `Refused`."""
        value = _read(raw, "receipt_proof", 9)
        path = ReceiptPath(
            expect_count(value[3], "log_count"),
            _path(value[4]),
            None if value[5] is None else _path(value[5]),
            expect_bytes(value[6], HASH_BYTES, "other"),
        )
        return cls(
            expect_count(value[2], "number"),
            path,
            expect_count(value[7], "count"),
            expect_bytes(value[8], HASH_BYTES, "tree_root"),
        )

    def verify(self, root: bytes, transaction_id: bytes) -> bool:
        """Whether that transaction has this number in the state with this root."""
        log_root = receipt_root(self.number, transaction_id, self.path)
        return _leads_to(root, self.count, self.tree_root, log_root)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A transaction stands in a block."""

    index: int
    count: int
    path: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The wire form."""
        return encode(("inclusion", PROOF_VERSION, self.index, self.count, self.path))

    @classmethod
    def decode(cls, raw: bytes) -> InclusionProof:
        """Read the wire form; raises `Refused`."""
        value = _read(raw, "inclusion", 5)
        return cls(
            expect_count(value[2], "index"), expect_count(value[3], "count"), _path(value[4])
        )

    def verify(
        self, transactions_root: bytes, transactions_count: int, transaction_id: bytes
    ) -> bool:
        """Whether that transaction stands in the block whose header has this root and count."""
        if not 0 <= self.index < self.count or self.count != transactions_count:
            return False
        if not is_path(self.path, depth_of(self.count)):
            return False
        leaf = included_leaf(transaction_id)
        return root_from_path(leaf, self.index, self.path, INCLUDED_NODE_TAG) == transactions_root


def _read(raw: bytes, kind: str, size: int) -> tuple[Value, ...]:
    return expect_object(decode(raw, bytes_max=PROOF_BYTES_MAX), kind, PROOF_VERSION, size)


def _path(value: Value) -> tuple[bytes, ...]:
    hashes = expect_array(value, "path")
    if len(hashes) > PATH_HASHES_MAX:
        raise wrong_shape("path")
    return tuple([expect_bytes(node, HASH_BYTES, "path") for node in hashes])


def _leads_to(root: bytes, count: int, tree_root: bytes | None, log_root: bytes | None) -> bool:
    if tree_root is None or log_root is None:
        return False
    return state_root(count, tree_root, log_root) == root
