"""The two timers of a view, and how long they are."""

from __future__ import annotations

from consensus.config import Timing
from consensus.members import MemberSet


def delta_ms(view: int, floor_view: int, timing: Timing, faults: int) -> int:
    """Δ(v): doubles with every f + 1 views since the last final one, so that one of them gives the
    real network time enough, up to Δ_max."""
    doublings = max(view - floor_view - 1, 0) // (faults + 1)
    return min(timing.delta_max_ms, timing.delta_ms << min(doublings, 32))


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
        next_ms = self.next_ms()
        return next_ms is not None and next_ms <= now_ms

    def next_ms(self) -> int | None:
        """When the next one runs out: the leader's is never the later one."""
        return self.certificate_ms if self.leader_ms is None else self.leader_ms


class Presence:
    """Who is silent while the others speak, by signatures of their own.

    A member counts as silent once a quorum (this replica included) was heard after the member's own
    last word, a quorum again `silent_ms` later, and then `grace_ms` passed in which its word could
    have come too. So time in which nobody spoke is no silence, and who speaks last of all after a
    quiet night was not silent either.
    """

    __slots__ = (
        "_again_ms", "_grace_ms", "_own_key", "_quorum", "_quorum_ms", "_silent_ms", "_speakers",
        "_views",
    )  # fmt: skip

    def __init__(self, members: MemberSet, own_key: bytes, silent_ms: int, grace_ms: int) -> None:
        self._own_key = own_key
        self._quorum = members.quorum
        self._silent_ms = silent_ms
        self._grace_ms = grace_ms
        others = [key for key in members.index if key != own_key]
        # By member: who spoke since its last word, until they are a quorum, and so a second time.
        self._speakers: dict[bytes, set[bytes]] = {key: set() for key in others}
        self._quorum_ms: dict[bytes, int] = {}
        self._again_ms: dict[bytes, int] = {}
        self._views = dict.fromkeys(others, 0)

    def is_new(self, member: bytes, view: int) -> bool:
        """Whether a vote of this view would be later than all that was heard of `member`."""
        return view > self._views.get(member, view)

    def heard(self, member: bytes, view: int, now_ms: int) -> None:
        """Something new and signed by `member` came, about this view."""
        if member not in self._speakers:
            return
        self._views[member] = max(view, self._views[member])
        self._speakers[member].clear()
        self._quorum_ms.pop(member, None)
        self._again_ms.pop(member, None)
        for other, speakers in self._speakers.items():
            if other == member or other in self._again_ms:
                continue
            since_ms = self._quorum_ms.get(other)
            if since_ms is not None and now_ms - since_ms < self._silent_ms:
                continue
            speakers.add(member)
            if len(speakers) + 1 >= self._quorum:
                speakers.clear()
                (self._quorum_ms if since_ms is None else self._again_ms)[other] = now_ms

    def is_silent(self, member: bytes, now_ms: int) -> bool:
        """Whether it said nothing for `silent_ms` while a quorum did."""
        again_ms = self._again_ms.get(member)
        return again_ms is not None and now_ms - again_ms >= self._grace_ms
