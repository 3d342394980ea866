"""How many strangers may knock at once.

At most 16 handshakes run at a time, and of one address no more than 2 for each member that is
expected there. Who comes above that is turned away before any cryptography.
"""

from collections import Counter
from collections.abc import Iterable

HANDSHAKES_MAX = 16
HANDSHAKES_PER_PEER_MAX = 2
HANDSHAKE_SECONDS_MAX = 5.0


class HandshakeGate:
    """Counts handshakes under way."""

    def __init__(self, expected_hosts: Iterable[str]) -> None:
        self._expected = Counter(expected_hosts)
        self._running: Counter[str] = Counter()
        self._sum = 0

    def enter(self, host: str) -> bool:
        """Whether one more from `host` may begin; if so, `leave` must follow."""
        allowed = HANDSHAKES_PER_PEER_MAX * max(1, self._expected[host])
        if self._sum >= HANDSHAKES_MAX or self._running[host] >= allowed:
            return False
        self._running[host] += 1
        self._sum += 1
        return True

    def leave(self, host: str) -> None:
        """One ended, well or not."""
        self._sum -= 1
        self._running[host] -= 1
        if self._running[host] <= 0:
            del self._running[host]
