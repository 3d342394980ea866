"""bulletin.credit: a budget becomes residents' money, once, and every refusal."""

from __future__ import annotations

import pytest

from ledger.envelope import sign_transaction
from ledger.fields import BULLETIN_CREDIT
from ledger.invariants import full_sums
from ledger.objects import RUN, RunRecord, tree_key
from ledger.rules import Parameters, RuleSet
from ledger.transaction import is_batch
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from tests.ledger.month import Month, programme, run_id
from tests.ledger.world import COMMITMENT, DAY_MS, entry, key, person, refusal_of

CLEAN_UP = programme("clean-up")
ANA, BEN = person("ana"), person("ben")
BOTH = ("lavo staff", "lavo staff 2")


@pytest.fixture
def world() -> Month:
    return funded()


def funded(parameters: Parameters | None = None) -> Month:
    made = Month(parameters)
    made.settle("ana", "ben", "baker shop", amount_minor=0)
    made.block(made.issue([(made.commons(), 500_000)]))
    made.block(made.open_programme("clean-up", 1_000))
    return made


def raw_of(world: Month, fields: tuple[Value, ...]) -> bytes:
    territory = world.territory().account_id
    body = world.body(BULLETIN_CREDIT, territory, key("lavo node"), fields, number=60)
    return sign_transaction(body, world.network_id, key("lavo node"), [key("lavo staff")])


def test_the_budget_becomes_residents_money(world: Month) -> None:
    transaction = world.credit(CLEAN_UP, "may", [(ANA, 300), (BEN, 200)])
    candidate = world.block(transaction)
    assert (world.balance(ANA), world.balance(BEN), world.balance(CLEAN_UP)) == (300, 200, 500)
    record = world.state.run(CLEAN_UP, run_id("may"))
    key_of_run = tree_key(RUN, CLEAN_UP + run_id("may"))
    assert record == RunRecord(key_of_run, CLEAN_UP, run_id("may"), 500, 2)
    assert world.store.objects[key_of_run] == record.encode()
    assert world.territory().lines_count == 3
    assert len(candidate.replaced) == 4 + 2
    assert transaction.work == 2 * 10 + 4 * 6
    assert is_batch(transaction)
    full_sums(world.objects())


def test_the_last_unit_of_the_budget_and_not_one_more(world: Month) -> None:
    over = world.credit(CLEAN_UP, "may", [(ANA, 1), (BEN, 1_000)])
    assert world.code(over) == "programme_budget_exceeded"
    world.block(world.credit(CLEAN_UP, "may", [(ANA, 1), (BEN, 999)]))
    assert world.balance(CLEAN_UP) == 0
    assert world.code(world.credit(CLEAN_UP, "june", [(ANA, 1)])) == "programme_budget_exceeded"
    world.block(world.fund(CLEAN_UP, 1), world.credit(CLEAN_UP, "june", [(ANA, 1)]))


def test_two_batches_of_a_block_share_one_budget(world: Month) -> None:
    first = world.credit(CLEAN_UP, "may", [(ANA, 600)])
    world.block(first)
    assert world.code(world.credit(CLEAN_UP, "more", [(ANA, 401)])) == "programme_budget_exceeded"


def test_a_run_is_credited_once_whatever_its_lines_say(world: Month) -> None:
    world.block(world.credit(CLEAN_UP, "may", [(ANA, 1)]))
    for lines in ([(ANA, 1)], [(BEN, 2)]):
        code = world.code(world.credit(CLEAN_UP, "may", lines))
        assert code == "bulletins_already_credited"
    world.block(world.open_programme("school", 50))
    world.block(world.credit(programme("school"), "may", [(ANA, 1)]))


def test_a_run_that_was_refused_can_come_again(world: Month) -> None:
    too_much = world.credit(CLEAN_UP, "may", [(ANA, 1_001)])
    assert world.code(too_much) == "programme_budget_exceeded"
    assert world.state.run(CLEAN_UP, run_id("may")) is None
    world.block(world.credit(CLEAN_UP, "may", [(ANA, 1_000)]))


def test_two_of_the_staff_sign_a_large_batch(world: Month) -> None:
    world.block(world.fund(CLEAN_UP, 200_000, BOTH))
    at = [(ANA, 60_000), (BEN, 40_000)]
    above = [(ANA, 60_000), (BEN, 40_001)]
    assert world.code(world.credit(CLEAN_UP, "may", at)) is None
    assert world.code(world.credit(CLEAN_UP, "may", at, ())) == "signatures_insufficient"
    assert world.code(world.credit(CLEAN_UP, "may", above)) == "signatures_insufficient"
    assert world.code(world.credit(CLEAN_UP, "may", above, BOTH)) is None
    stranger = world.credit(CLEAN_UP, "may", at, ("lavo staff", "ana"))
    assert world.code(stranger) == "key_unknown"


def test_residents_of_this_territory_and_currency_alone(world: Month) -> None:
    world.block(world.open([entry("timo", currency="MIN")]))
    world.settle_brume("zoe")
    cases = [
        (person("nobody"), "account_unknown"),
        (person("baker shop"), "account_kind_invalid"),
        (world.commons(), "account_kind_invalid"),
        (CLEAN_UP, "account_kind_invalid"),
        (world.territory().account_id, "account_kind_invalid"),
        (person("timo"), "currency_mismatch"),
        (person("zoe", "brume"), "currency_mismatch"),
    ]
    for identity, code in cases:
        lines = [(ANA, 1), (identity, 1)]
        assert world.code(world.credit(CLEAN_UP, "may", lines)) == code


def test_only_an_own_programme_pays(world: Month) -> None:
    assert world.code(world.credit(programme("x"), "may", [(ANA, 1)])) == "account_unknown"
    assert world.code(world.credit(world.commons(), "may", [(ANA, 1)])) == "account_kind_invalid"
    world.alter(world.account(CLEAN_UP)._replace(prefix="brume"))
    assert world.code(world.credit(CLEAN_UP, "may", [(ANA, 1)])) == "role_missing"


def test_a_frozen_programme_pays_nobody(world: Month) -> None:
    world.alter(world.account(CLEAN_UP)._replace(frozen_until_ms=world.time_ms + 1))
    assert world.code(world.credit(CLEAN_UP, "may", [(ANA, 1)])) == "account_frozen"


def test_a_frozen_resident_still_receives(world: Month) -> None:
    world.alter(world.account(ANA)._replace(frozen_until_ms=world.time_ms + DAY_MS))
    assert world.code(world.credit(CLEAN_UP, "may", [(ANA, 1)])) is None


def test_a_resident_s_balance_stays_in_its_range(world: Month) -> None:
    world.alter(world.account(ANA)._replace(balance_minor=AMOUNT_MINOR_MAX - 1))
    assert world.code(world.credit(CLEAN_UP, "may", [(ANA, 1)])) is None
    assert world.code(world.credit(CLEAN_UP, "may", [(ANA, 2)])) == "amount_out_of_range"


def test_lines_of_the_day_are_counted() -> None:
    world = funded(Parameters(lines_per_day_max=4))
    world.block(world.credit(CLEAN_UP, "may", [(ANA, 1)]))
    three = [(ANA, 1), (BEN, 1), (person("baker shop"), 1)]
    assert world.code(world.credit(CLEAN_UP, "june", three)) == "quota_exceeded"
    world.block(world.credit(CLEAN_UP, "june", three[:2]))
    assert world.code(world.credit(CLEAN_UP, "july", three[:1])) == "quota_exceeded"
    world.time_ms += DAY_MS
    assert world.code(world.credit(CLEAN_UP, "july", three[:1])) is None


def test_lines_have_a_number(world: Month) -> None:
    small = Month(Parameters(lines_max=2))
    lines = tuple((person(name), 1, COMMITMENT) for name in ("a", "b", "c"))
    fields = (CLEAN_UP, run_id("may"))
    assert refusal_of(small, raw_of(small, (*fields, lines))) == "transaction_too_large"
    assert refusal_of(small, raw_of(small, (*fields, lines[:2]))) is None
    decoded = world.decode(raw_of(world, (*fields, lines)))
    world.state.rules = RuleSet(parameters=Parameters(lines_max=2))
    assert world.code(decoded) == "transaction_too_large"


LINE: tuple[Value, ...] = (ANA, 5, COMMITMENT)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((LINE, LINE), "line_duplicate"),
        ((LINE, (ANA, 6, bytes(32))), "line_duplicate"),
        ((), "encoding_not_canonical"),
        (None, "encoding_not_canonical"),
        ((None,), "encoding_not_canonical"),
        ((LINE[:2],), "encoding_not_canonical"),
        (((*LINE, 1),), "encoding_not_canonical"),
        (((ANA[1:], 5, COMMITMENT),), "encoding_not_canonical"),
        (((ANA, "5", COMMITMENT),), "encoding_not_canonical"),
        (((ANA, True, COMMITMENT),), "encoding_not_canonical"),
        (((ANA, 5, COMMITMENT[1:]),), "encoding_not_canonical"),
        (((ANA, 5, None),), "encoding_not_canonical"),
        (((ANA, 0, COMMITMENT),), "amount_out_of_range"),
        (((ANA, -1, COMMITMENT),), "amount_out_of_range"),
        (((ANA, AMOUNT_MINOR_MAX + 1, COMMITMENT),), "amount_out_of_range"),
        ((LINE, (BEN, AMOUNT_MINOR_MAX, COMMITMENT)), "amount_out_of_range"),
        (((ANA, 0, COMMITMENT), (BEN, 1, b"")), "encoding_not_canonical"),
    ],
)
def test_lines_have_one_shape(world: Month, lines: Value, code: str) -> None:
    assert refusal_of(world, raw_of(world, (CLEAN_UP, run_id("may"), lines))) == code


@pytest.mark.parametrize(
    "fields",
    [
        (CLEAN_UP, run_id("may")),
        (CLEAN_UP, run_id("may"), (LINE,), 1),
        (CLEAN_UP[1:], run_id("may"), (LINE,)),
        (CLEAN_UP, run_id("may")[1:], (LINE,)),
        (CLEAN_UP, None, (LINE,)),
    ],
)
def test_there_is_one_shape(world: Month, fields: tuple[Value, ...]) -> None:
    assert refusal_of(world, raw_of(world, fields)) == "encoding_not_canonical"
