"""Where committed bytes come from: the two ports of `ledger.state`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ObjectSource(Protocol):
    """Committed objects, by tree key."""

    def object(self, key: bytes) -> bytes | None:
        """Stored form of the object with this tree key."""

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The same of several, in their order: a store may read them together for less."""


class ReceiptSource(Protocol):
    """The committed receipt log."""

    def receipt_leaf(self, number: int) -> bytes | None:
        """Leaf of a committed receipt; at least of the open chunk and the one before."""

    def chunk_root(self, index: int) -> bytes | None:
        """Root of a full chunk, counted from 0."""
