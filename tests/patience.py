"""How long tests wait for what must come, however slow the machine and whoever else works on it.

Where all is well, nobody waits that long: a condition is looked at until it holds. A test that
waits for a time instead, or says that something must have come after so many seconds, measures the
machine.
"""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 240.0


def wait_until(
    condition: Callable[[], bool],
    told: str | Callable[[], str] = "it never came",
    *,
    pause_seconds: float = 0.1,
) -> None:
    """Until the condition holds. Raises AssertionError with what `told` says when patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(told if isinstance(told, str) else told())
        time.sleep(pause_seconds)
