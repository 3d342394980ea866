"""How long to wait before a busy node is asked again.

It says itself when (`retry_after_ms`), and nobody comes earlier; where it says nothing, each time
waits for twice as long as the one before. Everybody adds up to half of it by chance: those who were
refused together shall not come back together. What a node can ask for is bounded, since it may lie.
"""

import random
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
