"""How long to wait before a busy node is asked again.

It says itself when (`retry_after_ms`), and nobody comes earlier; where it says nothing, each time
waits for twice as long as the one before. Everybody adds up to half of it by chance: those who were
refused together shall not come back together. What a node can ask for is bounded, since it may lie.
"""

import random
import time
from collections.abc import Callable

FIRST_MS = 250
MS_MAX = 10_000
SPREAD_SHARE = 0.5
_MS_PER_SECOND = 1_000


def pause_seconds(
    told_ms: int, times_refused: int, chance: Callable[[], float] = random.random
) -> float:
    """Before the next attempt after so many refusals. `told_ms` is 0 where the node did not say."""
    doublings = min(max(times_refused - 1, 0), 16)  # far above the bound, and no huge number
    least_ms = min(told_ms or FIRST_MS << doublings, MS_MAX)
    return least_ms / _MS_PER_SECOND * (1 + SPREAD_SHARE * chance())


class BusyNodes:
    """Which nodes were too busy for one transaction, and until when they are left alone."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, float]] = {}
        """By address: how often it was busy, and the monotonic second of its next attempt."""

    def may_be_asked(self, url: str) -> bool:
        """Whether it is not busy, or has had its time."""
        return url not in self._held or self._held[url][1] <= time.monotonic()

    def hold(self, url: str, told_ms: int) -> None:
        """It was too busy: it is asked again when it said (0: it did not), and not before."""
        times = self._held[url][0] + 1 if url in self._held else 1
        self._held[url] = times, time.monotonic() + pause_seconds(told_ms, times)
