"""Importing what a node needs, which is much, and looking for garbage as seldom as it pays."""

import asyncio
import contextlib
import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path

ALLOCATIONS_BETWEEN = 100_000
"""New objects that are still there between two looks: one of them holds the loop for forty
milliseconds. At most; by less than half it differs between nodes. More than the payments of a few
blocks are made of, so under load, where as much goes as comes, there is hardly ever a look."""
LOOKS_BETWEEN = 4
"""Among those that survived, after so many looks."""
OLD_LOOKS_BETWEEN = 20
"""Among all, after so many of these."""
LOOK_SECONDS = 0.5
GREW_BYTES = 64 << 20
"""Or as soon as the process has grown by so much: as above, at most."""

_MEMORY_FILE = Path("/proc/self/statm")


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

    A node makes next to no garbage that counting references does not free, and none at all of
    payments (ADR 0033). Yet with Python's own threshold of 700 it looks several times for each
    block, again and again through what a ledger holds for good: about a fifteenth of its time under
    load. Nor do nodes look all at once: they make the same objects of the same blocks, and while a
    quorum goes on, nobody waits for the one that looks.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_at_most(ALLOCATIONS_BETWEEN), LOOKS_BETWEEN, OLD_LOOKS_BETWEEN)


async def collect_as_memory_grows() -> None:
    """Look for garbage among all whenever the process has grown; runs until it is cancelled.

    A connection that its client drops with requests under way leaves them in a circle, a hundred
    kilobytes each time: whoever does nothing but that would fill the memory long before the next
    look that counts allocations. Where the system doesn't say how much memory a process has, those
    have to do.
    """
    known_bytes, grew_bytes = resident_bytes(), _at_most(GREW_BYTES)
    while known_bytes is not None:
        await asyncio.sleep(LOOK_SECONDS)
        now_bytes = resident_bytes()
        if now_bytes is not None and now_bytes - known_bytes >= grew_bytes:
            gc.collect()
            known_bytes = resident_bytes()
        elif now_bytes is not None:
            known_bytes = min(known_bytes, now_bytes)


def _at_most(bound: int) -> int:
    """Between three fifths of it and the whole, another in each node."""
    return random.randint(3 * bound // 5, bound)


def resident_bytes() -> int | None:
    """How much of this process's memory is in use; None where the system doesn't say."""
    try:
        return int(_MEMORY_FILE.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
