"""Attempts of a flood: none lost, none counted twice, no key with more than 32 on their way."""

from collections import deque

from benchmarks.flood import Attempts, Ready
from benchmarks.load import IN_FLIGHT_PER_KEY
from wallet.transaction_ids import transaction_id


def attempts(payments: int) -> Attempts:
    return Attempts({0: deque(Ready.of(0, bytes([number])) for number in range(payments))})


def test_a_key_has_no_more_on_their_way_than_it_may() -> None:
    flood = attempts(IN_FLIGHT_PER_KEY + 1)
    taken = [flood.take(0) for _ in range(IN_FLIGHT_PER_KEY + 1)]
    assert all(taken[:-1]) and taken[-1] is None
    flood.final(transaction_id(bytes([0])))
    last = flood.take(0)
    assert last is not None and last.id == transaction_id(bytes([IN_FLIGHT_PER_KEY]))
    assert flood.count == IN_FLIGHT_PER_KEY + 1


def test_what_is_refused_for_now_comes_again_first_and_counts_as_another_attempt() -> None:
    flood = attempts(3)
    first = flood.take(0)
    assert first is not None
    id = first.id
    flood.refused(id, "mempool_full", told_when=True)
    flood.refused(id, "mempool_full", told_when=True)  # its attempt is over already
    assert flood.tally.refused == {"mempool_full": 1} and flood.refused_told_when == 1
    assert flood.take(0) is first and flood.count == 2
    flood.final(id)
    assert len(flood.tally.times) == 1 and not flood.open and flood.in_flight == {0: 0}


def test_what_is_refused_for_good_never_comes_again() -> None:
    flood = attempts(1)
    first = flood.take(0)
    assert first is not None
    flood.refused(first.id, "balance_too_low", told_when=False)
    assert flood.take(0) is None and flood.refused_told_when == 0
