"""Ways from receipts to the roots of full chunks whose leaves the log in memory holds no longer.

A chunk has 65,536 leaves: hashing all of them takes half a second of the only thread. So of each
chunk that was asked for once, the 256 nodes at half its height are kept, 8 KiB; from then on a way
takes the 256 leaves below one of them.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

from primitives import merkle
from primitives.errors import InvariantBroken
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES, NODE_TAG, receipt_leaf

_ROW_LEVEL = CHUNK_DEPTH // 2
_ROW_LEAVES = 1 << _ROW_LEVEL
_ROWS_CACHED = 4_096


class ReceiptPaths:
    """See the module's docstring. `ids_between` and `chunk_roots` read the store."""

    def __init__(
        self,
        ids_between: Callable[[int, int], Iterator[bytes]],
        chunk_roots: Callable[[], list[bytes]],
    ) -> None:
        self._ids_between = ids_between
        self._chunk_roots = chunk_roots
        self._row = lru_cache(_ROWS_CACHED)(self._read_row)

    def path(self, number: int) -> tuple[bytes, ...]:
        """The way from the leaf of a receipt in a full chunk to that chunk's root. Raises
        InvariantBroken for ids that are not those of the chunk."""
        row = self._row(number >> CHUNK_DEPTH)
        first = number >> _ROW_LEVEL << _ROW_LEVEL
        leaves = self._leaves(first, _ROW_LEAVES)
        place = first % CHUNK_LEAVES >> _ROW_LEVEL
        if merkle.root(leaves, NODE_TAG) != row[place]:
            raise InvariantBroken(f"the ids from receipt {first} on are not those of their chunk")
        below = merkle.path(leaves, number - first, NODE_TAG)
        return (*below, *merkle.path(row, place, NODE_TAG))

    def _read_row(self, chunk: int) -> tuple[bytes, ...]:
        first = chunk << CHUNK_DEPTH
        row = tuple(
            [
                merkle.root(self._leaves(at, _ROW_LEAVES), NODE_TAG)
                for at in range(first, first + CHUNK_LEAVES, _ROW_LEAVES)
            ]
        )
        if merkle.root(row, NODE_TAG) != self._chunk_roots()[chunk]:
            raise InvariantBroken(f"the ids of chunk {chunk} are not those of its root")
        return row

    def _leaves(self, first: int, count: int) -> list[bytes]:
        ids = self._ids_between(first, first + count)
        return [receipt_leaf(number, each) for number, each in enumerate(ids, first)]
