"""Conservation at the one door: whatever the families' code would write, money stays money."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger.execution import new_candidate
from ledger.invariants import ConservationBroken, full_sums
from ledger.objects import Account, Currency
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import InvariantBroken
from tests.ledger.world import World, entry, person

WORLD = World()
WORLD.settle("ana", "ben", amount_minor=500)
WORLD.block(WORLD.open([entry("timo", currency="MIN")]))
WORLD.block(WORLD.issue([(person("timo"), 90)], currency="MIN"))
ANA, BEN = WORLD.account(person("ana")), WORLD.account(person("ben"))
TIMO = WORLD.account(person("timo"))
LAV, MIN = WORLD.currency("LAV"), WORLD.currency("MIN")
NEW = ANA._replace(id=person("new"), tree_key=b"n" * 32, balance_minor=0)
ABOVE = AMOUNT_MINOR_MAX + 1


def moved(currency: Currency, reserve: int, supply: int, accounts: int = 0) -> Currency:
    return currency._replace(
        reserve_minor=currency.reserve_minor + reserve,
        supply_minor=currency.supply_minor + supply,
        accounts=currency.accounts + accounts,
    )


@pytest.mark.parametrize(
    ("accounts", "currencies"),
    [
        ([ANA.credited(1)], []),
        ([ANA.credited(-1)], []),
        ([ANA.credited(-1), BEN.credited(2)], []),
        ([ANA.credited(-501), BEN.credited(501)], []),
        ([ANA._replace(balance_minor=ABOVE)], [moved(LAV, ABOVE - 500, ABOVE - 500)]),
        ([ANA.credited(1), ANA.credited(-1)], []),
        ([ANA._replace(currency="MIN")], []),
        ([ANA.credited(-90), TIMO.credited(90)], []),
        ([ANA._replace(balance_minor=ABOVE), BEN._replace(balance_minor=1_000 - ABOVE)], []),
        ([ANA._replace(currency="MIN"), BEN._replace(currency="MIN")], []),
        ([ANA._replace(currency="MIN"), TIMO._replace(currency="LAV")], []),
        ([ANA.credited(-1), NEW._replace(balance_minor=1)], []),
        ([ANA, ANA], []),
        ([NEW], []),
        ([NEW], [moved(LAV, 0, 0, 2)]),
        ([NEW._replace(balance_minor=1)], [moved(LAV, 0, 0, 1)]),
        ([NEW._replace(currency="QQQ")], [LAV._replace(code="QQQ", tree_key=b"x" * 32)]),
        ([ANA.credited(1)], [moved(LAV, 1, 0)]),
        ([ANA.credited(1)], [moved(LAV, 0, 1)]),
        ([ANA.credited(1)], [moved(LAV, 2, 2)]),
        ([], [moved(LAV, 1, 1)]),
        ([], [moved(LAV, 1, 0)]),
        ([], [moved(LAV, 0, 0)._replace(receivable_minor=1)]),
        ([], [moved(LAV, 0, 0)._replace(reserve_minor=-1, receivable_minor=1_001)]),
        ([], [moved(LAV, 0, 0, 1)]),
        ([TIMO.credited(1)], [moved(MIN, 1, 1)]),
        ([], [MIN._replace(payable_minor=1)]),
    ],
)
def test_what_would_break_the_totals_is_not_written(
    accounts: Sequence[Account], currencies: Sequence[Currency]
) -> None:
    candidate = new_candidate(WORLD.state)
    with pytest.raises(ConservationBroken):
        candidate.write(accounts, currencies)
    assert candidate.changes == {} and candidate.replaced == {}


def test_what_keeps_them_is_written() -> None:
    candidate = new_candidate(WORLD.state)
    candidate.write([ANA.credited(-7), BEN.credited(7)])
    candidate.write([ANA.credited(-7 + 5)], [moved(LAV, 5, 5)])
    candidate.write([NEW], [moved(LAV, 5, 5, 1)])
    candidate.write([TIMO.credited(-90)], [moved(MIN, 0, -90)])
    candidate.write([], [moved(LAV, -3, 5, 1)._replace(receivable_minor=9, payable_minor=1)])
    currency = candidate.currency("LAV")
    assert currency is not None and currency.accounts == LAV.accounts + 1
    assert next(iter(candidate.changes)) == NEW.tree_key


def test_a_closed_candidate_does_not_change() -> None:
    candidate = new_candidate(WORLD.state)
    candidate.write([ANA.credited(-7), BEN.credited(7)])
    assert len(candidate.changes) == 2
    with pytest.raises(InvariantBroken):
        candidate.write([ANA, BEN])
    with pytest.raises(InvariantBroken):
        WORLD.state.tip.write([ANA, BEN])
    with pytest.raises(InvariantBroken):
        _ = WORLD.state.tip.changes


def test_everything_added_up() -> None:
    objects = WORLD.objects()
    sums = full_sums(objects)
    assert sums["LAV"] == (1_000, 1_000, 1_000, 5)
    assert sums["MIN"] == (0, 90, 90, 1)
    for wrong in (
        [ANA.credited(1), *(item for item in objects if item != ANA)],
        [item for item in objects if item != ANA],
        [item for item in objects if item != MIN],
        [moved(LAV, 1, 0), *(item for item in objects if item != LAV)],
        [*objects, NEW],
    ):
        with pytest.raises(InvariantBroken):
            full_sums(wrong)
