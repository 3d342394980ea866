"""Importing what a node needs, which is much, and looking for garbage as seldom as it pays."""

import contextlib
import gc
import random
from collections.abc import Iterator

ALLOCATIONS_BETWEEN = 5_000
"""New objects that are still there between two looks: one of them holds the loop for two
milliseconds. At most; by less than half it differs between nodes."""
LOOKS_BETWEEN = 80
"""Among those that survived, after so many looks."""
OLD_LOOKS_BETWEEN = 20
"""Among all, after so many of these."""


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
    holds for good: about a fifteenth of its time under load (docs/performance.md). Nor do nodes
    look all at once: they make the same objects of the same blocks, and while a quorum goes on,
    nobody waits for the one that looks.
    """
    gc.collect()
    gc.freeze()
    between = random.randint(3 * ALLOCATIONS_BETWEEN // 5, ALLOCATIONS_BETWEEN)
    gc.set_threshold(between, LOOKS_BETWEEN, OLD_LOOKS_BETWEEN)
