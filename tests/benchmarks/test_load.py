"""How payments that become final by the block are counted."""

import pytest

from benchmarks.load import Tally


def tally(*times: float) -> Tally:
    return Tally(times=list(times))


@pytest.mark.parametrize("window", [(1, 5), (2, 5), (2.9, 5.9), (1, 6.9)])
def test_a_rate_runs_from_block_to_block(window: tuple[float, float]) -> None:
    """A block of three every two seconds, whatever moments are between."""
    assert tally(1, 1, 1, 3, 3, 3, 5, 5, 5, 7).rate_between(*window) == 1.5


def test_a_time_without_a_block_has_no_rate() -> None:
    assert tally(1, 1, 1).rate_between(8, 9) == 0
    assert tally().rate_between(0, 1) == 0


def test_without_a_block_before_it_begins_with_the_time() -> None:
    assert tally(1, 1, 1).rate_between(0, 2) == 3


def test_outcomes_are_told_by_their_share() -> None:
    one = tally()
    for milliseconds in range(1, 101):
        one.final(float(milliseconds))
    one.refuse("mempool_full")
    assert one.latency_ms() == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    assert one.refused == {"mempool_full": 1} and len(one.times) == 100
