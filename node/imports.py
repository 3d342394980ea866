"""Importing what a node needs, which is much, and looking for garbage as seldom as it pays."""

import contextlib
import gc
from collections.abc import Iterator

ALLOCATIONS_BETWEEN = 20_000
"""New objects that are still there between two looks; a full block of payments makes as many."""


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """While this lasts no garbage is looked for: importing leaves none, and looking through ever
    more modules for it takes a seventh of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def collect_seldom() -> None:
    """From now on garbage is looked for seldom, and never among what is there now.

    A node makes next to no garbage that counting references does not free. Yet with Python's own
    threshold of 700 it looks several times for each block, again and again through what a ledger
    holds for good: about a fifteenth of its time under load (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN, 20, 20)
