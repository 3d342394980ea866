"""The two timers of a view, and how long they are."""

from __future__ import annotations

from consensus.config import Timing
from consensus.members import MemberSet


def delta_ms(view: int, floor_view: int, timing: Timing, faults: int) -> int:
    """Δ(v): doubles with every f + 1 views since the last final one, so that one of them gives the
    real network time enough, up to Δ_max."""
    doublings = min((view - floor_view - 1) // (faults + 1), 32)
    return min(timing.delta_max_ms, timing.delta_ms << max(doublings, 0))


class ViewTimers:
    """Armed once per view, when there is work. A deadline of None does not run."""

    __slots__ = ("armed", "certificate_ms", "leader_ms")

    def __init__(self) -> None:
        self.armed = False
        self.leader_ms: int | None = None
        self.certificate_ms: int | None = None

    def disarm(self) -> None:
        """A new view: nothing runs."""
        self.armed, self.leader_ms, self.certificate_ms = False, None, None

    def arm(self, now_ms: int, delta: int, *, proposed: bool) -> None:
        """Start both; the leader's only while there is no proposal."""
        self.armed = True
        self.leader_ms = None if proposed else now_ms + 2 * delta
        self.certificate_ms = now_ms + 3 * delta

    def expire(self, now_ms: int) -> None:
        """Skip the view: both are over at once."""
        self.armed, self.leader_ms, self.certificate_ms = True, now_ms, now_ms

    def stop(self) -> None:
        """Nothing is left to wait for in this view."""
        self.leader_ms = self.certificate_ms = None

    def is_over(self, now_ms: int) -> bool:
        """Whether one of them ran out."""
        return any(at is not None and at <= now_ms for at in (self.leader_ms, self.certificate_ms))

    def next_ms(self) -> int | None:
        """When the next one runs out."""
        running = [at for at in (self.leader_ms, self.certificate_ms) if at is not None]
        return min(running, default=None)


class Presence:
    """When each member was last heard, by a signature of its own."""

    __slots__ = ("_heard", "_members", "_silent_ms")

    def __init__(self, members: MemberSet, silent_ms: int) -> None:
        self._members = members
        self._silent_ms = silent_ms
        self._heard: dict[bytes, int] = {}

    def heard(self, member: bytes, now_ms: int) -> None:
        """Something signed by `member` came."""
        self._heard[member] = now_ms

    def is_silent(self, leader: bytes, own_key: bytes, now_ms: int) -> bool:
        """Whether nothing came from `leader` for `silent_ms` while a quorum was heard."""
        since = now_ms - self._silent_ms
        if leader == own_key or self._heard.get(leader, -self._silent_ms) > since:
            return False
        recent = sum(1 for key, at in self._heard.items() if at > since and key != own_key)
        return recent + 1 >= self._members.quorum
