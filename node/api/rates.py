"""How often one key may ask: a bucket of requests that fills again while it waits."""

from collections.abc import Callable

from primitives.errors import Refused

REQUESTS_PER_SECOND = 50
BURST_REQUESTS = 1_000
KEYS_MAX = 50_000


class KeyRates:
    """One bucket a key. A key that was forgotten for lack of room begins with a full one."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._buckets: dict[bytes, tuple[float, int]] = {}
        """Key to (requests left, when that was), the one used longest ago first."""

    def take(self, key: bytes) -> None:
        """Count a request. Raises `Refused("node_busy")` when the bucket is empty."""
        now = self._now_ms()
        left, then = self._buckets.pop(key, (float(BURST_REQUESTS), now))
        # A clock that was set back fills nothing.
        filled = min(BURST_REQUESTS, left + max(0, now - then) * REQUESTS_PER_SECOND / 1_000)
        self._buckets[key] = (max(filled - 1.0, 0.0), now)
        if len(self._buckets) > KEYS_MAX:
            del self._buckets[next(iter(self._buckets))]
        if filled < 1.0:
            raise Refused("node_busy", "this key asks too often")
