"""The plan: the same for a seed every time, and possible in whatever order things arrive."""

from collections import Counter

import pytest

from clients.demo.attempts import ATTEMPT_CODES
from clients.demo.example_files import expected_refusals
from clients.demo.people import LIMIT_MINOR, demo_secret
from clients.demo.places import PLACES
from clients.demo.plan import ATTEMPTS_PER_CODE, Plan, make_plan
from clients.demo.steps import Attempt, GivingBack, Purchase
from ledger.lanes import WINDOW


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(1)


def test_what_the_demonstration_promises(plan: Plan) -> None:
    assert len(plan.towns) == 4
    assert sum(len(town.residents) for town in plan.towns) >= 2_000
    assert sum(len(town.services) for town in plan.towns) >= 150
    assert sum(len(town.employers) for town in plan.towns) >= 60
    assert plan.payments >= 10_000
    assert plan.refunds == plan.payments // 50
    assert plan.refusals.keys() == set(ATTEMPT_CODES)
    assert all(count >= ATTEMPTS_PER_CODE for count in plan.refusals.values())
    assert 0 < plan.kill_at < len(plan.steps) // 2
    assert len({place.currency for place in PLACES}) == 4


def test_a_seed_gives_one_plan(plan: Plan) -> None:
    again = make_plan(1)
    assert again.steps == plan.steps
    assert again.issued_minor == plan.issued_minor
    assert (again.victim, again.kill_at) == (plan.victim, plan.kill_at)
    other = make_plan(2)
    assert other.steps != plan.steps
    assert other.towns[0].people[0].key_seed != plan.towns[0].people[0].key_seed


def test_every_seed_kills_someone() -> None:
    victims = {make_plan(seed, purchases=50).victim for seed in range(20)}
    assert victims == {0, 1, 2, 3}


def test_every_purchase_can_be_paid_in_any_order(plan: Plan) -> None:
    owned = Counter(plan.issued_minor)
    for town, month in zip(plan.towns, plan.months, strict=True):
        for code, amount_minor in month.received_minor.items():
            owned[town.by_code[code].account_id] += amount_minor
    spent: Counter[bytes] = Counter()
    for step in plan.steps:
        if isinstance(step, Purchase):
            spent[step.payer.account_id] += step.amount_minor
            assert step.payer.place == step.payee.place
            assert step.amount_minor <= (step.payer.limit_minor or step.amount_minor)
    assert all(cost <= owned[id] for id, cost in spent.items())
    assert any(cost > plan.issued_minor[id] for id, cost in spent.items())


def test_what_is_given_back_was_paid_to_who_gives_it(plan: Plan) -> None:
    given: Counter[int] = Counter()
    for place, step in enumerate(plan.steps):
        if isinstance(step, GivingBack):
            paid = plan.steps[step.original]
            assert isinstance(paid, Purchase)
            assert step.original < place or step.original < len(plan.steps)
            assert step.payer == paid.payee
            given[step.original] += step.amount_minor
            assert given[step.original] <= paid.amount_minor


def test_lane_numbers_are_used_once_and_fit_the_window(plan: Plan) -> None:
    taken: set[tuple[bytes, int]] = set()
    for step in plan.steps:
        if isinstance(step, Attempt) and step.code == "number_used":
            continue
        lane = (step.payer.account_id, step.number)
        assert lane not in taken
        taken.add(lane)
        assert 1 <= step.number <= WINDOW


def test_attempts_aim_where_they_must(plan: Plan) -> None:
    for step in plan.steps:
        if not isinstance(step, Attempt):
            continue
        if step.code == "limit_exceeded":
            assert step.payer.limit_minor == LIMIT_MINOR < step.amount_minor
        elif step.code == "balance_insufficient":
            assert step.payer.limit_minor is None
            assert step.amount_minor >= plan.issued_minor[step.payer.account_id] + 500_000
        elif step.code == "currency_mismatch":
            assert step.payer.place != step.other.place
        elif step.code == "number_used":
            assert step.original is not None
            assert plan.steps[step.original].number == step.number
            assert plan.steps[step.original].payer == step.payer


def test_visitors_keep_still(plan: Plan) -> None:
    visitors = {person.account_id for town in plan.towns for person in town.visitors}
    assert all(step.payer.account_id not in visitors for step in plan.steps)
    for town, month in zip(plan.towns, plan.months, strict=True):
        assert not {person.code for person in town.visitors} & month.received_minor.keys()


def test_supplies_are_what_everyone_and_the_commons_are_given(plan: Plan) -> None:
    given_minor = sum(plan.issued_minor.values()) + sum(plan.commons_minor.values())
    assert sum(plan.supplies_minor.values()) == given_minor


def test_there_is_money_for_hours_and_wages(plan: Plan) -> None:
    for town, month in zip(plan.towns, plan.months, strict=True):
        assert month.programmes_minor <= plan.commons_minor[month.place.prefix]
        for code, payroll in month.payrolls.items():
            assert payroll.local_total_minor <= plan.issued_minor[town.by_code[code].account_id]


def test_two_must_sign_the_bulletins_of_one_town_alone(plan: Plan) -> None:
    above: set[str] = set()
    for month in plan.months:
        totals = Counter[str]()
        for hours in month.bulletins:
            totals[hours.programme] += hours.amount_minor
        above.update(month.place.prefix for total in totals.values() if total > 100_000)
    assert above == {"liria"}


def test_the_expected_refusals_hold_those_of_the_plan(plan: Plan) -> None:
    expected = expected_refusals()
    for code, count in (Counter(plan.refusals) + plan.unread).items():
        assert expected[code] >= count


def test_secrets_depend_on_every_word() -> None:
    secrets = {demo_secret(1, "a"), demo_secret(2, "a"), demo_secret(1, "b"), demo_secret(1)}
    assert len(secrets) == 4
