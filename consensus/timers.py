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
    """Who is silent while the others speak, by signatures of their own.

    A member counts as silent once `silent_ms` have passed since a quorum (this replica included)
    had been heard after the member's own last word. Time in which nobody spoke is no silence:
    after a quiet night the first to speak would find all others silent.
    """

    __slots__ = ("_heard_since", "_own_key", "_quorum", "_quorum_ms", "_silent_ms")

    def __init__(self, members: MemberSet, own_key: bytes, silent_ms: int) -> None:
        self._own_key = own_key
        self._quorum = members.quorum
        self._silent_ms = silent_ms
        others = [key for key in members.index if key != own_key]
        self._heard_since: dict[bytes, set[bytes]] = {key: set() for key in others}
        self._quorum_ms: dict[bytes, int] = {}

    def heard(self, member: bytes, now_ms: int) -> None:
        """Something new and signed by `member` came."""
        if member not in self._heard_since:
            return
        self._heard_since[member].clear()
        self._quorum_ms.pop(member, None)
        for other, speakers in self._heard_since.items():
            if other == member or other in self._quorum_ms:
                continue
            speakers.add(member)
            if len(speakers) + 1 >= self._quorum:
                self._quorum_ms[other] = now_ms

    def is_silent(self, member: bytes, now_ms: int) -> bool:
        """Whether it said nothing for `silent_ms` while a quorum did."""
        since = self._quorum_ms.get(member)
        return since is not None and now_ms - since >= self._silent_ms
