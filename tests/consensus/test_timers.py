"""How long a view lasts, who counts as silent, and what a clock that is set does to it."""

from consensus.clock import Clock
from consensus.config import Timing
from consensus.members import Member, MemberSet
from consensus.timers import Presence, ViewTimers, delta_ms

KEYS = [bytes([n]) * 32 for n in range(4)]
MEMBERS = MemberSet(tuple(Member(key, key, f"t{n}") for n, key in enumerate(KEYS)))
ME, FIRST, SECOND, THIRD = KEYS


def test_timers_double_with_every_f_plus_one_views() -> None:
    timing = Timing()
    lengths = [delta_ms(view, 0, timing, 1) for view in range(1, 8)]
    assert lengths == [500, 500, 1_000, 1_000, 2_000, 2_000, 4_000]
    assert delta_ms(10_000, 0, timing, 1) == timing.delta_max_ms


def test_a_proposal_leaves_only_the_timer_of_the_certificate() -> None:
    timers = ViewTimers()
    timers.arm(1_000, 500, proposed=False)
    assert timers.next_ms() == 2_000
    assert not timers.is_over(1_999) and timers.is_over(2_000)
    timers.leader_ms = None
    assert timers.next_ms() == 2_500
    timers.stop()
    assert timers.next_ms() is None and timers.armed


def presence_of(silent_ms: int = 10_000, grace_ms: int = 500) -> Presence:
    return Presence(MEMBERS, ME, silent_ms, grace_ms)


def test_a_member_is_silent_once_a_quorum_spoke_for_so_long_without_it() -> None:
    presence = presence_of()
    presence.heard(FIRST, 1, 0)
    presence.heard(FIRST, 1, 20_000)
    assert not presence.is_silent(THIRD, 50_000), "two of four are no quorum"
    presence.heard(SECOND, 1, 21_000)
    for now_ms in (25_000, 30_999):
        presence.heard(FIRST, 1, now_ms)
        presence.heard(SECOND, 1, now_ms)
    assert not presence.is_silent(THIRD, 40_000), "not for long enough"
    presence.heard(FIRST, 1, 31_000)
    presence.heard(SECOND, 1, 31_001)
    assert not presence.is_silent(THIRD, 31_500), "its word may be on its way"
    assert presence.is_silent(THIRD, 31_501)
    presence.heard(THIRD, 1, 31_600)
    assert not presence.is_silent(THIRD, 41_000)


def test_a_quiet_night_is_no_silence() -> None:
    """Once, whoever had not spoken last in the evening was found silent in the morning."""
    presence = presence_of()
    evening = (FIRST, SECOND, THIRD)
    for at, member in enumerate(evening):
        presence.heard(member, 1, at)
    morning_ms = 3_600_000
    assert not any(presence.is_silent(member, morning_ms) for member in evening)
    presence.heard(SECOND, 1, morning_ms)
    presence.heard(THIRD, 1, morning_ms + 10)
    assert not presence.is_silent(FIRST, morning_ms + 400), "it may speak last today"
    presence.heard(FIRST, 1, morning_ms + 420)
    assert not presence.is_silent(FIRST, morning_ms + 9_000)


def test_nobody_is_silent_to_itself_nor_are_strangers() -> None:
    presence = presence_of()
    for now_ms in (0, 20_000, 40_000):
        for speaker in (FIRST, SECOND, b"?" * 32):
            presence.heard(speaker, 1, now_ms)
    assert presence.is_silent(THIRD, 1_000_000)
    assert not presence.is_silent(ME, 1_000_000)
    assert not presence.is_silent(b"?" * 32, 1_000_000)


def test_a_clock_that_is_put_back_does_not_stop_timers() -> None:
    clock = Clock(1_000_000)
    clock.advance(4_600_000)
    assert (clock.wall_ms, clock.elapsed_ms) == (4_600_000, 4_600_000)
    clock.advance(1_000_100)
    assert (clock.wall_ms, clock.elapsed_ms) == (1_000_100, 4_600_000)
    clock.advance(1_000_600)
    assert clock.elapsed_ms == 4_600_500
    assert clock.wall_of(4_601_000) == 1_001_100
