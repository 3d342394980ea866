"""Paths of transactions to their block's root, for whoever asks after many of one block."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from node.block_body import inclusion_levels, inclusion_path

BLOCKS_KEPT = 4
"""Wallets ask for proofs of what became final just now; a block's hashes are made once for all."""


class InclusionPaths:
    """`ids` gives a final block's transactions in order, by height."""

    def __init__(self, ids: Callable[[int], Sequence[bytes]]) -> None:
        self._ids = ids
        self._levels = lru_cache(BLOCKS_KEPT)(self._hash_levels)

    def path(self, height: int, index: int) -> tuple[int, tuple[bytes, ...]]:
        """How many transactions the final block at `height` has, and the path of one of them."""
        count, levels = self._levels(height)
        return count, inclusion_path(levels, index)

    def _hash_levels(self, height: int) -> tuple[int, list[bytes]]:
        ids = self._ids(height)
        return len(ids), inclusion_levels(ids)
