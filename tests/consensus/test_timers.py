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


def test_a_member_is_silent_once_a_quorum_spoke_for_so_long_without_it() -> None:
    presence = Presence(MEMBERS, ME, 10_000)
    presence.heard(FIRST, 0)
    assert not presence.is_silent(THIRD, 50_000), "two of four are no quorum"
    presence.heard(SECOND, 1_000)
    assert not presence.is_silent(THIRD, 10_999)
    assert presence.is_silent(THIRD, 11_000)
    presence.heard(THIRD, 11_500)
    assert not presence.is_silent(THIRD, 21_000)


def test_a_quiet_night_is_no_silence() -> None:
    presence = Presence(MEMBERS, ME, 10_000)
    for member in (FIRST, SECOND, THIRD):
        presence.heard(member, 0)
    for member in (FIRST, SECOND):
        presence.heard(member, 3_600_000)
    assert not presence.is_silent(THIRD, 3_600_001)


def test_nobody_is_silent_to_itself_nor_are_strangers() -> None:
    presence = Presence(MEMBERS, ME, 10_000)
    presence.heard(FIRST, 0)
    presence.heard(SECOND, 0)
    presence.heard(b"?" * 32, 0)
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
