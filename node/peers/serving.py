"""What one member's questions may cost this node.

A question is a few bytes; its answer may take the disk, milliseconds of the loop's only thread, and
megabytes. Whoever asks honestly has one question for blocks under way at a time, and asks for no
block or transaction twice within a second.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

REST_FACTOR = 9
"""So many times as long as an answer took, the next one to the same member waits: nobody's
questions take more than a tenth of the time."""

WINDOW_SHARE = 0.75
"""Of `retry_ms`: who asks again after that finds the budget fresh."""

BYTES_PER_WINDOW_MAX = 16 << 20


class TimeShares:
    """Does slow work for members, a bounded share of the time for each. Of what one of them asks
    meanwhile the newest waits; what it asked before is forgotten."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Callable[[], None] | None] = {}
        """By member that rests now, what it asked meanwhile."""

    def ask(self, peer_key: bytes, work: Callable[[], None]) -> None:
        """Do it now, or once this member rested."""
        if peer_key in self._waiting:
            self._waiting[peer_key] = work
        else:
            self._do(peer_key, work)

    def _do(self, peer_key: bytes, work: Callable[[], None]) -> None:
        began = time.perf_counter()  # a loop's own time may stand still within a turn
        self._waiting[peer_key] = None
        try:
            work()
        finally:
            rest = (time.perf_counter() - began) * REST_FACTOR
            asyncio.get_running_loop().call_later(rest, partial(self._rested, peer_key))

    def _rested(self, peer_key: bytes) -> None:
        work = self._waiting.pop(peer_key)
        if work is not None:
            self._do(peer_key, work)


@dataclass(slots=True)
class _Window:
    """What a member was given since `begun`."""

    begun: float
    bytes_given: int = 0
    given: set[bytes] = field(default_factory=set)


class Budgets:
    """What each member was given lately, of what is at hand: nothing twice, and not too much."""

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._windows: dict[bytes, _Window] = {}

    def grants(self, peer_key: bytes, thing: bytes, size: int) -> bool:
        """Whether to give it; it counts as given then. One thing is always given, however large."""
        now = asyncio.get_running_loop().time()
        window = self._windows.get(peer_key)
        if window is None or now - window.begun >= self._window_seconds:
            window = self._windows[peer_key] = _Window(now)
        if thing in window.given:
            return False
        if window.given and window.bytes_given + size > BYTES_PER_WINDOW_MAX:
            return False
        window.given.add(thing)
        window.bytes_given += size
        return True
