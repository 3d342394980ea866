"""Whom the month's transactions concern: each side sees its own part, and every unit is seen."""

from __future__ import annotations

import pytest

from ledger.transaction import Transaction
from node.concerns import concerns, touched_accounts
from tests.ledger.month import Month, programme
from tests.ledger.world import person

CLEAN_UP = programme("clean-up")
ANA, BEN, MILL = person("ana"), person("ben"), person("mill")


@pytest.fixture
def world() -> Month:
    made = Month()
    made.settle("ana", "ben", amount_minor=0)
    made.open_employer("mill", 1_000)
    made.block(made.issue([(made.commons(), 5_000)]))
    return made


def seen(world: Month, transaction: Transaction) -> dict[bytes, tuple[int, bytes | None]]:
    """Amount and counterparty by account; balances move exactly as the sides say."""
    sides = concerns(transaction, world.state)
    accounts = [side.account for side in sides]
    assert accounts[0] == transaction.account and len(set(accounts)) == len(accounts)
    assert set(touched_accounts(transaction, world.state)) == set(accounts)
    before = {one: world.state.account(one) for one in accounts}
    world.block(transaction)
    for side in sides:
        old = before[side.account]
        moved = world.balance(side.account) - (0 if old is None else old.balance_minor)
        assert moved == side.amount_minor
    assert sum(side.amount_minor for side in sides) == 0
    return {side.account: (side.amount_minor, side.counterparty) for side in sides}


def test_a_budget_is_between_commons_and_programme(world: Month) -> None:
    office, commons = world.territory().account_id, world.commons()
    for transaction, given in (
        (world.open_programme("clean-up", 700), 700),
        (world.fund(CLEAN_UP, 50), 50),
        (world.close(CLEAN_UP, 750), -750),
    ):
        assert seen(world, transaction) == {
            office: (0, None),
            commons: (-given, CLEAN_UP),
            CLEAN_UP: (given, commons),
        }


def test_a_resident_sees_one_line_of_a_batch_of_bulletins(world: Month) -> None:
    world.block(world.open_programme("clean-up", 700))
    assert seen(world, world.credit(CLEAN_UP, "may", [(ANA, 30), (BEN, 4)])) == {
        world.territory().account_id: (0, None),
        CLEAN_UP: (-34, None),
        ANA: (30, CLEAN_UP),
        BEN: (4, CLEAN_UP),
    }


def test_an_employee_sees_one_line_of_a_payroll(world: Month) -> None:
    assert seen(world, world.wages("mill", "may", [(ANA, 30), (BEN, 4)])) == {
        MILL: (-34, None),
        ANA: (30, MILL),
        BEN: (4, MILL),
    }
