"""When a wallet comes back to a node that was too busy."""

import pytest

from primitives.errors import Refused
from wallet.node_client import _retry_after_ms
from wallet.node_stream import Submitted, _event
from wallet.pauses import MS_MAX, SPREAD_SHARE, pause_seconds


def _least(told_ms: int, times: int) -> float:
    return pause_seconds(told_ms, times, lambda: 0.0)


def test_nobody_comes_before_the_node_said() -> None:
    assert _least(1_500, 1) == _least(1_500, 9) == 1.5


def test_they_do_not_come_together() -> None:
    assert pause_seconds(2_000, 1, lambda: 1.0) == 2.0 * (1 + SPREAD_SHARE)
    drawn = {pause_seconds(2_000, 1) for _ in range(50)}
    assert len(drawn) > 1 and all(2.0 <= one <= 3.0 for one in drawn)


def test_without_a_word_each_pause_is_twice_the_last() -> None:
    assert [_least(0, times) for times in range(1, 5)] == [0.25, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(("told_ms", "times"), [(10**400, 1), (0, 10**9), (60_000, 1)])
def test_a_pause_is_bounded(told_ms: int, times: int) -> None:
    assert _least(told_ms, times) == MS_MAX / 1_000


def test_a_frame_says_when() -> None:
    text = '{"type":"submitted","results":[["00","mempool_full"]],"retry_after_ms":700}'
    assert _event(text) == Submitted(((b"\0", "mempool_full"),), 700)
    assert _event('{"type":"submitted","results":[]}') == Submitted((), 0)


@pytest.mark.parametrize("word", ["-1", "1.5", "true", "null", '"1"'])
def test_a_frame_that_says_nonsense_is_malformed(word: str) -> None:
    with pytest.raises(Refused, match="node_answer_malformed"):
        _event('{"type":"submitted","results":[],"retry_after_ms":' + word + "}")


def test_over_http_the_problem_is_more_exact_than_the_header() -> None:
    assert _retry_after_ms({"retry_after_ms": 700}, "1") == 700
    assert _retry_after_ms({}, "3") == 3_000
    for header in ("", "-1", "soon", "1.5", "9" * 40, "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert _retry_after_ms({"retry_after_ms": "x"}, header) == 0
