"""Two times made of one: what the wall clock says, and what only goes forward."""

from __future__ import annotations


class Clock:
    """`wall_ms` is Unix time as it was last told, for block times. `elapsed_ms` never goes back,
    for timers: a wall clock that was an hour ahead and is put right must not stop them for an
    hour. Both are equal at first."""

    __slots__ = ("elapsed_ms", "wall_ms")

    def __init__(self, now_ms: int) -> None:
        self.wall_ms = now_ms
        self.elapsed_ms = now_ms

    def advance(self, now_ms: int) -> None:
        """It is `now_ms` (Unix time)."""
        self.elapsed_ms += max(now_ms - self.wall_ms, 0)
        self.wall_ms = now_ms

    def wall_of(self, deadline_ms: int) -> int:
        """When the wall clock, if nobody touches it, will show that this deadline is reached."""
        return self.wall_ms + deadline_ms - self.elapsed_ms
