"""wages.pay: an employer's money becomes a share of wages, within the cap, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import roles
from ledger.envelope import sign_transaction
from ledger.fields import WAGES_PAY, OpenedKey
from ledger.invariants import full_sums
from ledger.objects import RUN, RunRecord, tree_key
from ledger.rules import Parameters
from ledger.transaction import is_batch
from ledger.wages import wages_gross_minor
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from tests.ledger.month import Lines, Month, programme, run_id
from tests.ledger.world import COMMITMENT, DAY_MS, entry, key, person, refusal_of

NAMES = tuple(f"worker {i}" for i in range(12))
MILL = person("mill")
ANA = person(NAMES[0])


def opened(parameters: Parameters | None = None) -> Month:
    made = Month(parameters)
    made.settle(*NAMES, amount_minor=0)
    made.open_employer("mill", 100_000)
    return made


@pytest.fixture
def world() -> Month:
    return opened()


def lines(count: int, total_minor: int) -> Lines:
    """So many lines with that total; the first takes what is left."""
    rest = [(person(name), 1) for name in NAMES[1:count]]
    return [(ANA, total_minor - len(rest)), *rest]


def raw_of(world: Month, fields: tuple[Value, ...]) -> bytes:
    body = world.body(WAGES_PAY, MILL, key("mill"), fields, number=60)
    return sign_transaction(body, world.network_id, key("mill"), [key("lavo node")])


def test_the_employer_s_money_becomes_wages(world: Month) -> None:
    transaction = world.wages("mill", "may", [(ANA, 700), (person(NAMES[1]), 1)])
    candidate = world.block(transaction)
    assert (world.balance(MILL), world.balance(ANA), world.balance(person(NAMES[1]))) == (
        99_299,
        700,
        1,
    )
    record = world.state.run(MILL, run_id("may"))
    assert record == RunRecord(tree_key(RUN, MILL + run_id("may")), MILL, run_id("may"), 701, 2)
    assert world.territory().lines_count == 3
    assert len(candidate.replaced) == 3 + 2
    assert transaction.work == 2 * 10 + 4 * 5
    assert is_batch(transaction)
    full_sums(world.objects())


# -- the cap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total_minor", "code"),
    # Of 10,000.00 the cap of 1,000 basis points leaves 1,000.00.
    [(100_000, None), (99_999, None), (100_001, "wage_share_above_cap")],
)
def test_a_tenth_and_not_one_unit_more(world: Month, total_minor: int, code: str | None) -> None:
    world.block(world.issue([(MILL, 100_000)]))
    transaction = world.wages("mill", "may", lines(10, total_minor), 1_000_000)
    assert world.code(transaction) == code


@pytest.mark.parametrize(("cap_bps", "most_minor"), [(1_000, 1_000), (999, 999), (1, 1), (37, 37)])
def test_a_territory_may_say_less(world: Month, cap_bps: int, most_minor: int) -> None:
    world.alter(world.territory()._replace(wage_cap_bps=cap_bps))
    gross_minor, total_minor = 100 * 100, most_minor
    if total_minor < 10:
        gross_minor, total_minor = gross_minor * 10, total_minor * 10
    at = world.wages("mill", "may", lines(10, total_minor), gross_minor)
    above = world.wages("mill", "may", lines(10, total_minor + 1), gross_minor)
    assert world.code(at) is None
    assert world.code(above) == "wage_share_above_cap"


def test_1_001_basis_points_are_too_much(world: Month) -> None:
    """The share itself: 1,000 of 10,000 passes, 1,001 does not."""
    for total_minor, code in ((10_000, None), (10_010, "wage_share_above_cap")):
        transaction = world.wages("mill", "may", lines(10, total_minor), 100_000)
        assert world.code(transaction) == code


def test_the_cap_rounds_down(world: Month) -> None:
    world.alter(world.territory()._replace(wage_cap_bps=333))
    # 333 of 10,000 of 100.00 is 3.33; of 200.00 it is 6.66.
    for gross_minor, most_minor in ((10_000, 333), (20_000, 666)):
        at = world.wages("mill", "may", lines(10, most_minor), gross_minor)
        above = world.wages("mill", "may", lines(10, most_minor + 1), gross_minor)
        assert (world.code(at), world.code(above)) == (None, "wage_share_above_cap")


# -- the gross total -----------------------------------------------------------------------------


def test_nine_lines_carry_no_gross_and_ten_do(world: Month) -> None:
    def refused(count: int, gross_minor: int | None) -> str | None:
        made = tuple((account, minor, COMMITMENT) for account, minor in lines(count, 100))
        return refusal_of(world, raw_of(world, (run_id("may"), gross_minor, made)))

    assert refused(9, None) is None
    assert refused(9, 100_000) == "gross_total_invalid"
    assert refused(1, 100_000) == "gross_total_invalid"
    assert refused(10, None) == "gross_total_invalid"
    assert refused(10, 100_000) is None
    assert refused(11, 100_000) is None
    assert refused(11, None) == "gross_total_invalid"


@pytest.mark.parametrize("gross_minor", [10_001, 9_999, 100, 15_000, 1])
def test_the_gross_is_rounded_to_hundreds(world: Month, gross_minor: int) -> None:
    transaction = world.wages("mill", "may", lines(10, 10), gross_minor)
    assert world.code(transaction) == "gross_total_invalid"


@pytest.mark.parametrize("gross_minor", [0, -10_000, AMOUNT_MINOR_MAX + 1])
def test_the_gross_is_an_amount(world: Month, gross_minor: int) -> None:
    made = tuple((account, minor, COMMITMENT) for account, minor in lines(10, 100))
    raw = raw_of(world, (run_id("may"), gross_minor, made))
    assert refusal_of(world, raw) == "amount_out_of_range"


@given(st.integers(1, 10**12), st.integers(1, 3_000), st.integers(0, 6))
def test_the_gross_is_rounded_up(gross_minor: int, count: int, decimals: int) -> None:
    said = wages_gross_minor(gross_minor, count, decimals)
    if count < 10:
        assert said is None
    else:
        step = 100 * 10**decimals
        assert said is not None and said % step == 0
        assert gross_minor <= said < gross_minor + step


# -- who signs -----------------------------------------------------------------------------------


def test_employer_and_territory_both_sign(world: Month) -> None:
    pay = [(ANA, 5)]
    assert world.code(world.wages("mill", "may", pay)) is None
    assert world.code(world.wages("mill", "may", pay, signers=())) == "signatures_insufficient"
    for stranger in ("brume node", "ana", "lavo issuer 0"):
        alone = world.wages("mill", "may", pay, signers=(stranger,))
        added = world.wages("mill", "may", pay, signers=("lavo node", stranger))
        assert (world.code(alone), world.code(added)) == ("key_unknown", "key_unknown")
    for staff in (("lavo staff",), ("lavo node", "lavo staff")):
        assert world.code(world.wages("mill", "may", pay, signers=staff)) == "role_missing"


def test_the_employer_s_threshold_and_limits_hold(world: Month) -> None:
    keys = [
        OpenedKey(key("firm").public_key, roles.SPEND, 1_000),
        OpenedKey(key("firm 2").public_key, roles.SPEND, None),
        OpenedKey(key("firm 3").public_key, roles.SPEND, None),
    ]
    world.open_employer("firm", 10_000, threshold=2, keys=keys)

    def code(amount_minor: int, *signers: str) -> str | None:
        return world.code(world.wages("firm", "may", [(ANA, amount_minor)], signers=signers))

    assert code(1_000, "lavo node") == "signatures_insufficient"
    assert code(1_000, "lavo node", "firm 2") is None
    assert code(1_001, "lavo node", "firm 2") == "limit_exceeded"
    assert code(1_001, "lavo node", "firm 2", "firm 3") is None
    assert code(1_000, "firm 2") == "signatures_insufficient"


def test_the_office_s_threshold_is_the_staff_s_business(world: Month) -> None:
    office = world.account(world.territory().account_id)
    world.alter(office._replace(threshold=2))
    assert world.code(world.wages("mill", "may", [(ANA, 5)])) is None


def test_a_frozen_office_or_employer_pays_nobody(world: Month) -> None:
    office = world.account(world.territory().account_id)
    until_ms = world.time_ms + 1
    world.alter(office._replace(frozen_until_ms=until_ms))
    assert world.code(world.wages("mill", "may", [(ANA, 5)])) == "account_frozen"
    world.alter(office)
    world.alter(world.account(MILL)._replace(frozen_until_ms=until_ms))
    assert world.code(world.wages("mill", "may", [(ANA, 5)])) == "account_frozen"


# -- who pays whom -------------------------------------------------------------------------------


def test_only_employers_pay_wages(world: Month) -> None:
    world.settle("ana", "baker shop", amount_minor=100)
    for name in ("ana", "baker shop"):
        assert world.code(world.wages(name, "may", [(ANA, 5)])) == "account_kind_invalid"


def test_wages_are_not_paid_in_time(world: Month) -> None:
    world.block(world.open([entry("clock", "employer", "MIN"), entry("timo", currency="MIN")]))
    world.block(world.issue([(person("clock"), 90)], currency="MIN"))
    code = world.code(world.wages("clock", "may", [(person("timo"), 5)]))
    assert code == "currency_mismatch"


def test_residents_of_this_territory_and_currency_alone(world: Month) -> None:
    world.block(world.open([entry("timo", currency="MIN"), entry("baker shop")]))
    world.settle_brume("zoe")
    cases = [
        (person("nobody"), "account_unknown"),
        (person("baker shop"), "account_kind_invalid"),
        (MILL, "account_kind_invalid"),
        (world.commons(), "account_kind_invalid"),
        (world.territory().account_id, "account_kind_invalid"),
        (person("timo"), "currency_mismatch"),
        (person("zoe", "brume"), "currency_mismatch"),
    ]
    for identity, code in cases:
        assert world.code(world.wages("mill", "may", [(ANA, 1), (identity, 1)])) == code


def test_the_last_unit_and_not_one_more(world: Month) -> None:
    assert world.code(world.wages("mill", "may", [(ANA, 100_001)])) == "balance_insufficient"
    world.block(world.wages("mill", "may", [(ANA, 100_000)]))
    assert world.balance(MILL) == 0


def test_a_resident_s_balance_stays_in_its_range(world: Month) -> None:
    world.alter(world.account(ANA)._replace(balance_minor=AMOUNT_MINOR_MAX - 1))
    assert world.code(world.wages("mill", "may", [(ANA, 1)])) is None
    assert world.code(world.wages("mill", "may", [(ANA, 2)])) == "amount_out_of_range"


# -- once ----------------------------------------------------------------------------------------


def test_a_run_is_paid_once_whatever_its_lines_say(world: Month) -> None:
    world.open_employer("forge", 1_000)
    world.block(world.wages("mill", "may", [(ANA, 5)]))
    for again in ([(ANA, 5)], [(person(NAMES[1]), 6)]):
        assert world.code(world.wages("mill", "may", again)) == "payroll_already_submitted"
    world.block(world.wages("forge", "may", [(ANA, 5)]))
    world.block(world.wages("mill", "june", [(ANA, 5)]))
    assert world.balance(ANA) == 15


def test_wages_and_bulletins_have_runs_of_their_own(world: Month) -> None:
    world.block(world.issue([(world.commons(), 100)]))
    world.block(world.open_programme("clean-up", 100))
    world.block(world.credit(programme("clean-up"), "may", [(ANA, 5)]))
    world.block(world.wages("mill", "may", [(ANA, 5)]))
    assert world.balance(ANA) == 10


def test_a_run_that_was_refused_can_come_again(world: Month) -> None:
    assert world.code(world.wages("mill", "may", [(ANA, 100_001)])) == "balance_insufficient"
    world.block(world.wages("mill", "may", [(ANA, 99_999)]))


def test_lines_of_the_day_are_counted() -> None:
    world = opened(Parameters(lines_per_day_max=4))
    world.block(world.wages("mill", "may", lines(3, 100)))
    assert world.code(world.wages("mill", "june", lines(1, 100))) == "quota_exceeded"
    world.time_ms += DAY_MS
    assert world.code(world.wages("mill", "june", lines(4, 100))) is None
    assert world.code(world.wages("mill", "june", lines(5, 100))) == "quota_exceeded"


# -- shapes --------------------------------------------------------------------------------------

LINE: tuple[Value, ...] = (ANA, 5, COMMITMENT)
RUN_ID = run_id("may")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((RUN_ID, None), "encoding_not_canonical"),
        ((RUN_ID, None, (LINE,), None), "encoding_not_canonical"),
        ((RUN_ID[1:], None, (LINE,)), "encoding_not_canonical"),
        (("may", None, (LINE,)), "encoding_not_canonical"),
        ((RUN_ID, "1", (LINE,)), "encoding_not_canonical"),
        ((RUN_ID, False, (LINE,)), "encoding_not_canonical"),
        ((RUN_ID, None, ()), "encoding_not_canonical"),
        ((RUN_ID, None, (LINE, LINE)), "line_duplicate"),
        ((RUN_ID, None, ((ANA, 0, COMMITMENT),)), "amount_out_of_range"),
        ((RUN_ID, None, (LINE,)), None),
    ],
)
def test_there_is_one_shape(world: Month, fields: tuple[Value, ...], code: str | None) -> None:
    assert refusal_of(world, raw_of(world, fields)) == code
