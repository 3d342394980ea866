"""How many transactions of its own clients a node takes, and when a refused one may come again.

A pool that grows while the network is overloaded makes nothing faster: whatever is taken beyond
what blocks carry is verified and passed on by every member, at the cost of the blocks, and then
waits for longer than its sender does. So where more than `SMALL_POOL` wait, a node takes as many of
its own clients' as became final within `WAITING_SECONDS`, and refuses the rest before it is
decoded. What members pass on is bounded by the pool alone, and a few of one's own are taken as long
as it has room at all: other members' clients do not crowd out one's own, short of a full pool.

Time is that of the headers, so nothing here depends on a clock.
"""

from collections import deque

SMALL_POOL = 3_072
"""Up to so many, all together, nobody is refused: a burst after a quiet hour."""

OWN_WAITING_MIN = 512
"""So many of one's own are taken however few became final lately."""

WAITING_SECONDS = 2
WINDOW_MS = 4_000
"""The rate is that of the blocks of so long."""

RETRY_MS_MIN = 100
RETRY_MS_MAX = 10_000
_MS_PER_SECOND = 1_000
_QUIET_RATE = 0.5
"""In transactions a millisecond: what a network is taken to carry that had nothing to do."""


class Admission:
    """Counts what becomes final."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, int, int]] = deque()
        """(time, its transactions, those of them that our clients handed in), oldest first."""
        self._final = 0
        self._own_final = 0
        self.own_waiting_max = OWN_WAITING_MIN
        """So many of our clients' may wait beside others'."""

    def has_room(self, waiting: int, own_waiting: int) -> bool:
        """Whether one more of our clients' is taken, where so many wait, and so many are theirs."""
        return waiting < SMALL_POOL or own_waiting < self.own_waiting_max

    def became_final(self, time_ms: int, count: int, own_count: int) -> None:
        """A block became final; times ascend."""
        self._blocks.append((time_ms, count, own_count))
        self._final += count
        self._own_final += own_count
        while self._blocks[0][0] <= time_ms - WINDOW_MS:
            _, gone, own_gone = self._blocks.popleft()
            self._final -= gone
            self._own_final -= own_gone
        waiting_ms = WAITING_SECONDS * _MS_PER_SECOND
        self.own_waiting_max = max(OWN_WAITING_MIN, self._own_final * waiting_ms // self._span_ms())

    def retry_after_ms(self, waiting: int) -> int:
        """When half of so many that wait will be final, at the rate of late: then there is room,
        and what is left keeps the blocks full until those who were refused are back."""
        rate = max(self._final / self._span_ms(), _QUIET_RATE)
        half_ms = int(waiting / rate / 2)
        return min(max(half_ms, RETRY_MS_MIN), RETRY_MS_MAX)

    def _span_ms(self) -> int:
        """What the blocks in the window took; the first began before it, so a second at least."""
        if not self._blocks:
            return _MS_PER_SECOND
        return max(self._blocks[-1][0] - self._blocks[0][0], _MS_PER_SECOND)
