"""programme.open, programme.fund, programme.close: budgets, who signs, and every refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.account_kinds import PROGRAMME
from ledger.envelope import sign_transaction
from ledger.fields import PROGRAMME_CLOSE, PROGRAMME_FUND, PROGRAMME_OPEN
from ledger.invariants import full_sums
from ledger.programmes import (
    programme_close_fields,
    programme_fund_fields,
    programme_open_fields,
)
from ledger.rules import Parameters
from ledger.transaction import Transaction
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from tests.ledger.month import Month, programme, seed
from tests.ledger.world import COMMITMENT, DAY_MS, key, person, refusal_of

CLEAN_UP = programme("clean-up")
BOTH = ("lavo staff", "lavo staff 2")


@pytest.fixture
def world() -> Month:
    made = Month()
    made.settle("ana", amount_minor=500)
    made.block(made.issue([(made.commons(), 500_000)]))
    made.block(made.open_programme("clean-up", 1_000))
    return made


def raw_of(world: Month, kind: str, fields: tuple[Value, ...]) -> bytes:
    body = world.body(kind, world.territory().account_id, key("lavo node"), fields, number=60)
    return sign_transaction(body, world.network_id, key("lavo node"), [key("lavo staff")])


# -- what they do --------------------------------------------------------------------------------


def test_a_programme_gets_its_budget_from_the_commons(world: Month) -> None:
    account = world.account(CLEAN_UP)
    assert (account.kind, account.prefix, account.currency) == (PROGRAMME, "lavo", "LAV")
    assert (account.balance_minor, account.devices, account.threshold) == (1_000, (), 1)
    assert account.blind == bytes(16)
    assert world.balance(world.commons()) == 499_000
    assert world.territory().opened_count == 2
    assert world.currency("LAV").accounts == 5
    full_sums(world.objects())


def test_it_is_funded_and_closed(world: Month) -> None:
    world.block(world.fund(CLEAN_UP, 250))
    assert (world.balance(CLEAN_UP), world.balance(world.commons())) == (1_250, 498_750)
    world.block(world.close(CLEAN_UP, 1_250))
    assert (world.balance(CLEAN_UP), world.balance(world.commons())) == (0, 500_000)
    world.block(world.fund(CLEAN_UP, 1))
    assert world.balance(CLEAN_UP) == 1
    full_sums(world.objects())


def test_nothing_left_is_closed_too(world: Month) -> None:
    world.block(world.close(CLEAN_UP, 1_000), world.close(CLEAN_UP, 0))
    assert world.balance(CLEAN_UP) == 0


def test_anyone_may_give_to_a_programme(world: Month) -> None:
    world.block(world.pay("ana", CLEAN_UP, 7))
    assert world.balance(CLEAN_UP) == 1_007


# -- how much ------------------------------------------------------------------------------------


def test_no_more_than_the_commons_has(world: Month) -> None:
    assert world.code(world.open_programme("two", 499_001, BOTH)) == "balance_insufficient"
    assert world.code(world.fund(CLEAN_UP, 499_001, BOTH)) == "balance_insufficient"
    assert world.code(world.open_programme("two", 499_000, BOTH)) is None
    assert world.code(world.fund(CLEAN_UP, 499_000, BOTH)) is None


def test_no_more_than_is_left_comes_back(world: Month) -> None:
    assert world.code(world.close(CLEAN_UP, 1_001)) == "programme_budget_exceeded"
    assert world.code(world.close(CLEAN_UP, 999)) is None


def test_a_balance_stays_within_its_range(world: Month) -> None:
    account = world.account(CLEAN_UP)
    full = account._replace(balance_minor=AMOUNT_MINOR_MAX - 5)
    world.alter(full)
    assert world.code(world.fund(CLEAN_UP, 5)) is None
    assert world.code(world.fund(CLEAN_UP, 6)) == "amount_out_of_range"
    world.alter(world.account(world.commons())._replace(balance_minor=AMOUNT_MINOR_MAX - 5))
    assert world.code(world.close(CLEAN_UP, 6)) == "amount_out_of_range"
    assert world.code(world.close(CLEAN_UP, 5)) is None


@pytest.mark.parametrize("amount", [0, -1, AMOUNT_MINOR_MAX + 1])
def test_amounts_have_a_range(world: Month, amount: int) -> None:
    opened = programme_open_fields(seed("two"), bytes(16), "LAV", amount, COMMITMENT)
    funded = programme_fund_fields(CLEAN_UP, amount)
    for kind, fields in ((PROGRAMME_OPEN, opened), (PROGRAMME_FUND, funded)):
        assert refusal_of(world, raw_of(world, kind, fields)) == "amount_out_of_range"
    if amount:
        closed = raw_of(world, PROGRAMME_CLOSE, programme_close_fields(CLEAN_UP, amount))
        assert refusal_of(world, closed) == "encoding_not_canonical"


# -- who signs -----------------------------------------------------------------------------------

Acts = Callable[[Month, int, tuple[str, ...]], Transaction]
ACTS: list[Acts] = [
    lambda world, amount, staff: world.open_programme("two", amount, staff),
    lambda world, amount, staff: world.fund(CLEAN_UP, amount, staff),
    lambda world, amount, staff: world.close(CLEAN_UP, amount, staff),
]


@pytest.mark.parametrize("act", ACTS, ids=["open", "fund", "close"])
def test_two_of_the_staff_sign_above_the_amount_that_the_genesis_names(
    world: Month, act: Acts
) -> None:
    world.block(world.fund(CLEAN_UP, 200_000, BOTH))
    assert world.code(act(world, 100_000, ("lavo staff",))) is None
    assert world.code(act(world, 100_000, ("lavo staff 2",))) is None
    assert world.code(act(world, 100_000, ())) == "signatures_insufficient"
    assert world.code(act(world, 100_001, ("lavo staff",))) == "signatures_insufficient"
    assert world.code(act(world, 100_001, BOTH)) is None


@pytest.mark.parametrize("act", ACTS, ids=["open", "fund", "close"])
def test_the_threshold_of_the_staff_holds_below_it(world: Month, act: Acts) -> None:
    territory = world.account(world.territory().account_id)
    world.alter(territory._replace(threshold=2))
    assert world.code(act(world, 1, ("lavo staff",))) == "signatures_insufficient"
    assert world.code(act(world, 1, BOTH)) is None


def test_strangers_add_no_signature(world: Month) -> None:
    for stranger in ("ana", "lavo issuer 0", "brume node", "brume staff"):
        for act in ACTS:
            assert world.code(act(world, 1, ("lavo staff", stranger))) == "key_unknown"


def test_staff_alone_or_another_s_node_do_nothing(world: Month) -> None:
    fields = programme_fund_fields(CLEAN_UP, 1)
    for device, code in (
        ("lavo staff", "role_missing"),
        ("brume node", "key_unknown"),
        ("ana", "key_unknown"),
    ):
        transaction = world.act(PROGRAMME_FUND, fields, ("lavo staff 2",), device=device)
        assert world.code(transaction) == code
    other = [key("lavo node")]
    transaction = world.make(PROGRAMME_FUND, person("ana"), key("ana"), fields, other)
    assert world.code(transaction) == "role_missing"


def test_a_node_s_key_counts_for_its_territory_s_account_alone(world: Month) -> None:
    """No transaction puts that role elsewhere; if one did, it would not help."""
    territory = world.account(world.territory().account_id)
    ana = world.account(person("ana"))
    world.alter(ana._replace(devices=territory.devices))
    fields = programme_fund_fields(CLEAN_UP, 1)
    staff = [key("lavo staff")]
    transaction = world.make(PROGRAMME_FUND, ana.id, key("lavo node"), fields, staff, number=60)
    assert world.code(transaction) == "role_missing"
    keys = [d._replace(roles=1) if d.roles == 4 else d for d in territory.devices]
    world.alter(territory._replace(devices=tuple(keys)))
    assert world.code(world.fund(CLEAN_UP, 1)) == "role_missing"


def test_it_may_wait_for_its_signatures(world: Month) -> None:
    body = world.body(
        PROGRAMME_FUND,
        world.territory().account_id,
        key("lavo node"),
        programme_fund_fields(CLEAN_UP, 1),
        valid_for_ms=30 * DAY_MS,
    )
    raw = sign_transaction(body, world.network_id, key("lavo node"), [key("lavo staff")])
    assert world.code(world.decode(raw)) is None


# -- whose, and what it is -----------------------------------------------------------------------


def test_only_an_own_programme(world: Month) -> None:
    for act in (world.fund, world.close):
        assert world.code(act(programme("nothing"), 1)) == "account_unknown"
        assert world.code(act(person("ana"), 1)) == "account_kind_invalid"
        assert world.code(act(world.commons(), 1)) == "account_kind_invalid"
    world.alter(world.account(CLEAN_UP)._replace(prefix="brume"))
    for act in (world.fund, world.close):
        assert world.code(act(CLEAN_UP, 1)) == "role_missing"


def test_it_is_opened_once_and_in_the_commons_currency(world: Month) -> None:
    assert world.code(world.open_programme("clean-up", 1)) == "account_exists"
    for currency in ("MIN", "BRU", "ZZZ"):
        transaction = world.open_programme("two", 1, currency=currency)
        assert world.code(transaction) == "currency_mismatch"


def test_a_frozen_account_gives_nothing(world: Month) -> None:
    account = world.account(CLEAN_UP)
    world.alter(account._replace(frozen_until_ms=world.time_ms + 1))
    assert world.code(world.close(CLEAN_UP, 1)) == "account_frozen"
    assert world.code(world.fund(CLEAN_UP, 1)) is None
    world.alter(account._replace(frozen_until_ms=world.time_ms))
    assert world.code(world.close(CLEAN_UP, 1)) is None
    commons = world.account(world.commons())
    world.alter(commons._replace(frozen_until_ms=world.time_ms + 1))
    assert world.code(world.fund(CLEAN_UP, 1)) == "account_frozen"
    assert world.code(world.open_programme("two", 1)) == "account_frozen"
    assert world.code(world.close(CLEAN_UP, 1)) is None


def test_it_counts_among_the_accounts_of_the_day() -> None:
    world = Month(Parameters(accounts_opened_per_day_max=2))
    world.settle("ana")
    world.block(world.issue([(world.commons(), 100)]))
    world.block(world.open_programme("one", 1))
    assert world.code(world.open_programme("two", 1)) == "quota_exceeded"
    world.time_ms += DAY_MS
    assert world.code(world.open_programme("two", 1)) is None


# -- shapes --------------------------------------------------------------------------------------

OPENED = programme_open_fields(seed("two"), bytes(16), "LAV", 5, COMMITMENT)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (PROGRAMME_OPEN, OPENED[:4]),
        (PROGRAMME_OPEN, (*OPENED, None)),
        (PROGRAMME_OPEN, (bytes(31), *OPENED[1:])),
        (PROGRAMME_OPEN, (OPENED[0], bytes(15), *OPENED[2:])),
        (PROGRAMME_OPEN, (*OPENED[:2], b"LAV", *OPENED[3:])),
        (PROGRAMME_OPEN, (*OPENED[:3], "5", COMMITMENT)),
        (PROGRAMME_OPEN, (*OPENED[:3], True, COMMITMENT)),
        (PROGRAMME_OPEN, (*OPENED[:4], bytes(33))),
        (PROGRAMME_FUND, (CLEAN_UP,)),
        (PROGRAMME_FUND, (CLEAN_UP, 1, 1)),
        (PROGRAMME_FUND, (CLEAN_UP[1:], 1)),
        (PROGRAMME_FUND, (CLEAN_UP, None)),
        (PROGRAMME_CLOSE, (CLEAN_UP,)),
        (PROGRAMME_CLOSE, (CLEAN_UP, 1, 1)),
        (PROGRAMME_CLOSE, ("CLEAN", 1)),
        (PROGRAMME_CLOSE, (CLEAN_UP, None)),
    ],
)
def test_there_is_one_shape(world: Month, kind: str, fields: tuple[Value, ...]) -> None:
    assert refusal_of(world, raw_of(world, kind, fields)) == "encoding_not_canonical"
