"""What the node asks of an embedded store: ordered keys, atomic batches, a sync it can rely on.

Rules of every implementation (the conformance suite holds them):
- `write` is atomic: after a crash either the whole batch is there or nothing of it.
- With `sync` it returns only once the batch is on the disk.
- All methods may be called from any thread; `write` releases the interpreter while it waits.
- Keys and values are bytes; keys are ordered as bytes.
- What the disk gives back is checked; damage is refused (`store_corrupt`), never returned.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

Change = tuple[bytes, bytes | None]
"""A key with its new value; None removes it."""


class StoreView(Protocol):
    """What can be read."""

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of these keys, in their order, all of one moment."""

    def iterate(
        self, start: bytes, stop: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries with start ≤ key < stop in order; `stop` None means to the end."""


class PinnedRange(Protocol):
    """Entries of one moment, whatever is written after it. Closed before the store is."""

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """In order, once."""

    def close(self) -> None:
        """Let the moment go: until then the store keeps what was replaced since."""


class Store(StoreView, Protocol):
    """An open store. Closed once, then not used again."""

    def write(self, changes: Iterable[Change], *, sync: bool) -> None:
        """Apply all changes or none. A later change of the same key wins."""

    def pin(self, start: bytes, stop: bytes | None) -> PinnedRange:
        """Entries with start ≤ key < stop as they are now, to be read while the store goes on."""

    def release_memory(self) -> None:
        """Give back what reading the whole store took. Nothing else uses the store meanwhile."""

    def compact(self) -> None:
        """Give back the space of what was removed. Slow; for `node compact`."""

    def close(self) -> None:
        """Release the folder. Calling it again does nothing."""


def after_prefix(prefix: bytes) -> bytes | None:
    """The first key after all keys that begin with `prefix`; None if there is none."""
    for length in range(len(prefix), 0, -1):
        if prefix[length - 1] != 0xFF:
            return prefix[: length - 1] + bytes([prefix[length - 1] + 1])
    return None
