"""The receipt log: every accepted transaction, numbered from 0, provable for ever.

Leaf = H("receipt", number(8) ‖ id). Chunks of 65,536 leaves are trees of depth 16; the roots of
full chunks stay in state for ever, in a tree of their own; the newest chunk, still open, is part
of state. log root = H("log", count(8) ‖ full ‖ open) (`docs/protocol.md` §3).

In memory: the roots of all full chunks, and the leaves of the open chunk and of a few before it.
A receipt can be proved against every older count whose open chunk is among those.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from primitives.append_tree import AppendTree
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import HASH_BYTES, hash_bytes, hash_each
from primitives.merkle import EMPTY_LEAF, depth_of, empty_subtree, is_path, root_from_path

CHUNK_DEPTH = 16
CHUNK_LEAVES = 1 << CHUNK_DEPTH
NODE_TAG = "log_node"

# Full chunks whose leaves stay in memory (4 MiB each): 64 full blocks reach back over three, and
# a branch may be left by that much. A rule may only read the newest of them.
_CHUNKS_HELD = 4

_COUNT_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class ReceiptPath:
    """The way from a receipt's leaf to the log root.

    `log_count` is the log's length under that root; `chunks_path` leads from the chunk's root to
    the root over the full chunks, nil where the receipt's chunk is the open one; `other` is the
    part of the log root that the way does not pass: the full chunks' root then, else the open one.
    """

    log_count: int
    chunk_path: tuple[bytes, ...]
    chunks_path: tuple[bytes, ...] | None
    other: bytes


def receipt_leaf(number: int, transaction_id: bytes) -> bytes:
    """The leaf of receipt `number`."""
    return hash_bytes("receipt", number.to_bytes(8, "big") + transaction_id)


def chunk_root(leaves: Sequence[bytes]) -> bytes:
    """The root of one chunk of at most 65,536 leaves."""
    return _chunk_of(leaves).root(CHUNK_DEPTH, len(leaves))


def receipt_root(number: int, transaction_id: bytes, proof: ReceiptPath) -> bytes | None:
    """The log root that `proof` leads to, or None if it cannot be a proof for `number`."""
    if not _is_number(number, proof.log_count) or not _is_hash(transaction_id):
        return None
    if not _is_hash(proof.other) or not is_path(proof.chunk_path, CHUNK_DEPTH):
        return None
    leaf, chunk = receipt_leaf(number, transaction_id), number >> CHUNK_DEPTH
    root = root_from_path(leaf, number % CHUNK_LEAVES, proof.chunk_path, NODE_TAG)
    chunks_full = proof.log_count >> CHUNK_DEPTH
    if chunk == chunks_full:
        if proof.chunks_path is not None:
            return None
        return _log_root(proof.log_count, proof.other, root)
    if not is_path(proof.chunks_path, depth_of(chunks_full)) or proof.chunks_path is None:
        return None
    full = root_from_path(root, chunk, proof.chunks_path, NODE_TAG)
    return _log_root(proof.log_count, full, proof.other)


def verify_receipt(log_root: bytes, number: int, id: bytes, receipt_path: ReceiptPath) -> bool:
    """Whether transaction `id` has receipt `number` in the log with that root. Never raises."""
    return receipt_root(number, id, receipt_path) == log_root


class ReceiptLog:
    """The log of one branch. `count` arguments are the present count (None) or an older one."""

    __slots__ = ("_chunks", "_full", "_open")

    def __init__(self) -> None:
        self._full = AppendTree(NODE_TAG)
        self._chunks: dict[int, AppendTree] = {}  # full ones that are held, by index
        self._open = AppendTree(NODE_TAG)

    @property
    def count(self) -> int:
        """How many receipts there are; the next one's number."""
        return (self._full.count << CHUNK_DEPTH) + self._open.count

    def append(self, ids: Sequence[bytes]) -> None:
        """Number these transactions, in order."""
        if any(len(transaction_id) != HASH_BYTES for transaction_id in ids):
            raise InvariantBroken("a transaction id is 32 bytes")
        numbered = enumerate(ids, self.count)
        leaves = hash_each("receipt", [number.to_bytes(8, "big") + id for number, id in numbered])
        done = 0
        while done < len(leaves):
            part = leaves[done : done + CHUNK_LEAVES - self._open.count]
            self._open.append(part)
            done += len(part)
            if self._open.count == CHUNK_LEAVES:
                self._close_chunk()

    def truncate(self, count: int) -> None:
        """Forget the receipts from `count` on, to leave a branch."""
        if not 0 <= count <= self.count:
            raise InvariantBroken(f"cannot keep {count} of {self.count} receipts")
        chunk = count >> CHUNK_DEPTH
        if chunk < self._full.count:
            if chunk not in self._chunks:
                raise InvariantBroken(f"the leaves of chunk {chunk} are not held any more")
            self._open = self._chunks[chunk]
            self._full.truncate(chunk)
            self._chunks = {index: tree for index, tree in self._chunks.items() if index < chunk}
        self._open.truncate(count % CHUNK_LEAVES)

    def root(self, count: int | None = None) -> bytes:
        """The log root. `version_not_kept` where that count's open chunk is not held."""
        count = self._checked(count)
        return _log_root(count, self._full_root(count), self._open_root(count))

    def chunk_roots(self) -> tuple[bytes, ...]:
        """The roots of all full chunks."""
        return tuple(self._full.leaf(index) for index in range(self._full.count))

    def leaf(self, number: int, count: int | None = None) -> bytes | None:
        """The leaf of receipt `number`, which rules may read: None unless its chunk is, at
        `count`, the open one or the one before."""
        count = self._checked(count)
        chunk = number >> CHUNK_DEPTH
        if not 0 <= number < count or chunk < (count >> CHUNK_DEPTH) - 1:
            return None
        tree = self._chunk(chunk)
        if tree is None:
            raise Refused("version_not_kept", f"the leaves of chunk {chunk} are not held")
        return tree.leaf(number % CHUNK_LEAVES)

    def prove(
        self,
        number: int,
        count: int | None = None,
        chunk_leaves: Sequence[bytes] | None = None,
        chunk_path: tuple[bytes, ...] | None = None,
    ) -> ReceiptPath:
        """The proof of receipt `number` < count under the root at `count`.

        `chunk_leaves` are all leaves of the receipt's chunk, or `chunk_path`, the way to its root,
        which whoever gives it has checked: needed where the chunk is full and not held.
        Refuses `version_not_kept` where `count` is too old or these are missing, and
        `receipt_unknown` where there is no such receipt.
        """
        count = self._checked(count)
        if not 0 <= number < count:
            raise Refused("receipt_unknown", f"there are {count} receipts")
        chunk, index = number >> CHUNK_DEPTH, number % CHUNK_LEAVES
        chunks_full = count >> CHUNK_DEPTH
        tree = self._chunk(chunk)
        if tree is not None or chunk_path is None:
            tree = tree or self._given_chunk(chunk, chunk_leaves)
            filled = CHUNK_LEAVES if chunk < chunks_full else count % CHUNK_LEAVES
            chunk_path = tree.path(index, CHUNK_DEPTH, filled)
        if chunk == chunks_full:
            return ReceiptPath(count, chunk_path, None, self._full_root(count))
        chunks_path = self._full.path(chunk, depth_of(chunks_full), chunks_full)
        return ReceiptPath(count, chunk_path, chunks_path, self._open_root(count))

    def load(
        self,
        full_chunk_roots: Sequence[bytes],
        previous_leaves: Sequence[bytes],
        open_leaves: Sequence[bytes],
    ) -> None:
        """Begin again from what a store holds: all roots, the leaves of the last full chunk
        (none if there is no full chunk), and those of the open one. They are checked against
        each other."""
        full = AppendTree(NODE_TAG)
        full.append(full_chunk_roots)
        chunks: dict[int, AppendTree] = {}
        if full_chunk_roots:
            chunks[full.count - 1] = _full_chunk(previous_leaves, full_chunk_roots[-1])
        elif previous_leaves:
            raise InvariantBroken("leaves of a full chunk, but no full chunk")
        if len(open_leaves) >= CHUNK_LEAVES:
            raise InvariantBroken("the open chunk is full")
        self._full, self._chunks, self._open = full, chunks, _chunk_of(open_leaves)

    def _close_chunk(self) -> None:
        index = self._full.count
        self._full.append([self._open.root(CHUNK_DEPTH, CHUNK_LEAVES)])
        self._chunks[index] = self._open
        self._chunks.pop(index - _CHUNKS_HELD, None)
        self._open = AppendTree(NODE_TAG)

    def _checked(self, count: int | None) -> int:
        if count is None:
            return self.count
        if not 0 <= count <= self.count:
            raise Refused("version_not_kept", f"the log has {self.count} receipts, not {count}")
        return count

    def _chunk(self, index: int) -> AppendTree | None:
        return self._open if index == self._full.count else self._chunks.get(index)

    def _given_chunk(self, chunk: int, leaves: Sequence[bytes] | None) -> AppendTree:
        if leaves is None:
            raise Refused("version_not_kept", f"the leaves of chunk {chunk} are not held")
        return _full_chunk(leaves, self._full.leaf(chunk))

    def _full_root(self, count: int) -> bytes:
        chunks_full = count >> CHUNK_DEPTH
        if chunks_full == 0:
            return EMPTY_LEAF
        return self._full.root(depth_of(chunks_full), chunks_full)

    def _open_root(self, count: int) -> bytes:
        filled = count % CHUNK_LEAVES
        if filled == 0:
            return empty_subtree(CHUNK_DEPTH, NODE_TAG)
        tree = self._chunk(count >> CHUNK_DEPTH)
        if tree is None:
            raise Refused("version_not_kept", f"the log's chunk at {count} receipts is not held")
        return tree.root(CHUNK_DEPTH, filled)


def _log_root(count: int, full: bytes, open_root: bytes) -> bytes:
    return hash_bytes("log", count.to_bytes(8, "big") + full + open_root)


def _chunk_of(leaves: Iterable[bytes]) -> AppendTree:
    tree = AppendTree(NODE_TAG)
    tree.append(tuple(leaves))
    if tree.count > CHUNK_LEAVES:
        raise InvariantBroken(f"{tree.count} leaves in a chunk of {CHUNK_LEAVES}")
    return tree


def _full_chunk(leaves: Sequence[bytes], root: bytes) -> AppendTree:
    """The chunk with these leaves, which must be all of those under its root."""
    tree = _chunk_of(leaves)
    if tree.count != CHUNK_LEAVES or tree.root(CHUNK_DEPTH, CHUNK_LEAVES) != root:
        raise InvariantBroken("these leaves are not those of the chunk with that root")
    return tree


def _is_number(number: object, log_count: object) -> bool:
    return type(number) is int and type(log_count) is int and 0 <= number < log_count <= _COUNT_MAX


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES
