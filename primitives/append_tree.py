"""A padded Merkle tree that only grows at its end, and can be read as it was when it was shorter.

What was appended never changes, so a node all of whose leaves are old is as it was; at each level
at most one node was partly filled then, and it is computed again. Nothing is kept for this.
"""

from collections.abc import Sequence

from primitives.errors import InvariantBroken
from primitives.hashing import HASH_BYTES, hash_bytes
from primitives.merkle import empty_subtree, parent_hashes


class AppendTree:
    """Leaves 0 … count − 1; every `count` argument below is a count this tree had or could have
    had, at most the present one."""

    __slots__ = ("_levels", "_tag")

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._levels = [bytearray()]

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaves: Sequence[bytes]) -> None:
        """Put leaves of 32 bytes at the end."""
        if not leaves:
            return
        first_new = self.count
        joined = b"".join(leaves)
        if len(joined) != len(leaves) * HASH_BYTES:
            raise InvariantBroken("a leaf is 32 bytes")
        self._levels[0] += joined
        self._hash_from(first_new)

    def truncate(self, count: int) -> None:
        """Keep the first `count` leaves only."""
        if not 0 <= count <= self.count:
            raise InvariantBroken(f"cannot keep {count} of {self.count} leaves")
        if count == self.count:
            return
        del self._levels[0][count * HASH_BYTES :]
        del self._levels[(count - 1).bit_length() + 1 if count else 1 :]
        if count:
            self._hash_from(count - 1)

    def leaf(self, index: int) -> bytes:
        """The leaf at `index` < count."""
        return bytes(self._levels[0][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def root(self, depth: int, count: int) -> bytes:
        """The root over the first `count` leaves, padded to 2^depth ≥ count of them."""
        return self._node(depth, 0, count)

    def path(self, index: int, depth: int, count: int) -> tuple[bytes, ...]:
        """The siblings from the leaf at `index` < count up to that root."""
        if not 0 <= index < count <= self.count:
            raise InvariantBroken(f"no leaf {index} among {count} of {self.count}")
        return tuple(self._node(level, index >> level ^ 1, count) for level in range(depth))

    def _hash_from(self, first_leaf: int) -> None:
        """Compute again every node with a leaf at or after `first_leaf`."""
        level = 0
        while len(self._levels[level]) > HASH_BYTES:
            children = self._levels[level]
            empty = empty_subtree(level, self._tag)
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            first = first_leaf >> level
            last = (len(children) // HASH_BYTES - 1) >> 1
            hashes = parent_hashes(children, range(first, last + 1), self._tag, empty)
            self._levels[level][first * HASH_BYTES :] = b"".join(hashes)

    def _node(self, level: int, index: int, count: int) -> bytes:
        """The node as it was when there were `count` leaves."""
        if index << level >= count:
            return empty_subtree(level, self._tag)
        stored = level < len(self._levels)
        if stored and ((index + 1) << level <= count or count == self.count):
            return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])
        left = self._node(level - 1, index * 2, count)
        right = self._node(level - 1, index * 2 + 1, count)
        return hash_bytes(self._tag, left + right)
