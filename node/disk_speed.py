"""Whether what is synced is written on the loop, or in a thread of its own.

Handing over to a thread and back costs two wakes, and twice the thread waits for the interpreter's
lock, for as long as the loop has work: several milliseconds on a busy machine, where a good disk
syncs in a fraction of one. So a quick disk is written where the loop runs; any other has a thread,
so that the loop never waits for it.
"""

from collections import deque

QUICK_SECONDS = 0.002
"""A write and its sync that took no longer were quick: handing over costs as much."""
STALLED_SECONDS = 0.05
"""One that took longer than this sends the next ones to the thread at once."""
WRITES_REMEMBERED = 16


class DiskSpeed:
    """Of the last writes to one place. Most of them say, not each: where other processes use the
    processors, a quick sync is seen late now and then, and that is no reason to hand over."""

    __slots__ = ("_were_quick",)

    def __init__(self) -> None:
        self._were_quick: deque[bool] = deque(maxlen=WRITES_REMEMBERED)

    def note(self, seconds: float) -> None:
        """A write with its sync took so long; from either thread, but never from both at a time."""
        if seconds > STALLED_SECONDS:
            self._were_quick.clear()
        self._were_quick.append(seconds <= QUICK_SECONDS)

    @property
    def is_quick(self) -> bool:
        """Whether the loop may write: more than half of so many were quick."""
        return 2 * sum(self._were_quick) > WRITES_REMEMBERED
