"""How many of its clients' transactions a node takes, and when the others may come again."""

from node.admission import (
    OWN_WAITING_MIN,
    RETRY_MS_MAX,
    RETRY_MS_MIN,
    SMALL_POOL,
    WAITING_SECONDS,
    WINDOW_MS,
    Admission,
)


def _after(blocks: int, count: int, own_count: int, every_ms: int = 500) -> Admission:
    admission = Admission()
    for number in range(blocks):
        admission.became_final(1_000_000 + number * every_ms, count, own_count)
    return admission


def test_so_many_are_taken_as_became_final_lately() -> None:
    assert Admission().own_waiting_max == OWN_WAITING_MIN
    assert _after(10, 1_000, 10).own_waiting_max == OWN_WAITING_MIN
    fast = _after(100, 2_000, 2_000)
    # Eight blocks in the window, from the first to the last 3.5 s.
    assert fast.own_waiting_max == WAITING_SECONDS * 8 * 2_000 * 1_000 // 3_500


def test_others_transactions_give_no_room_to_our_clients() -> None:
    assert _after(100, 2_000, 0).own_waiting_max == OWN_WAITING_MIN


def test_one_comes_again_when_half_of_what_waits_is_gone() -> None:
    # Eight blocks in the window, from the first to the last 3.5 s.
    admission = _after(17, 700, 100)
    assert admission.retry_after_ms(6_400) == 2_000
    assert admission.retry_after_ms(12_800) == 4_000


def test_after_a_quiet_time_a_burst_is_taken_and_its_end_not_sent_away_for_long() -> None:
    quiet = _after(1, 1, 1)
    assert quiet.has_room(SMALL_POOL - 1, SMALL_POOL - 1)
    assert not quiet.has_room(SMALL_POOL, OWN_WAITING_MIN)
    assert quiet.retry_after_ms(SMALL_POOL) == SMALL_POOL


def test_who_fills_the_pool_drives_no_others_clients_out() -> None:
    assert _after(100, 2_000, 0).has_room(20_000, OWN_WAITING_MIN - 1)


def test_the_time_is_bounded() -> None:
    assert Admission().retry_after_ms(0) == RETRY_MS_MIN
    assert _after(10, 1_000, 0).retry_after_ms(1) == RETRY_MS_MIN
    assert Admission().retry_after_ms(30_000) == RETRY_MS_MAX


def test_what_is_long_past_counts_no_more() -> None:
    admission = _after(10, 5_000, 5_000)
    admission.became_final(1_000_000 + 10 * WINDOW_MS, 10, 0)
    assert admission.own_waiting_max == OWN_WAITING_MIN
    assert admission.retry_after_ms(1_000) == Admission().retry_after_ms(1_000)
