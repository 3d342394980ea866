"""The plan: the same for a seed every time, and possible in whatever order things arrive."""

from collections import Counter

import pytest

from clients.demo.attempts import ATTEMPT_CODES
from clients.demo.people import LIMIT_MINOR, demo_secret, make_towns
from clients.demo.places import PLACES, names_of
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
    assert plan.payments == 10_000
    assert plan.refunds == 200
    assert plan.refusals == dict.fromkeys(sorted(ATTEMPT_CODES), ATTEMPTS_PER_CODE)
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
    towns = make_towns(0, residents=30, services=3)
    victims = {make_plan(seed, purchases=200, towns=towns).victim for seed in range(40)}
    assert victims == {0, 1, 2, 3}


def test_every_purchase_can_be_paid_in_any_order(plan: Plan) -> None:
    spent: Counter[bytes] = Counter()
    for step in plan.steps:
        if isinstance(step, Purchase):
            spent[step.payer.account_id] += step.amount_minor
            assert step.payer.place == step.payee.place
            assert step.amount_minor <= (step.payer.limit_minor or step.amount_minor)
    assert all(cost <= plan.issued_minor[id] for id, cost in spent.items())


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
            assert step.amount_minor > plan.issued_minor[step.payer.account_id]
        elif step.code == "currency_mismatch":
            assert step.payer.place != step.other.place
        elif step.code == "number_used":
            assert step.original is not None
            assert plan.steps[step.original].number == step.number
            assert plan.steps[step.original].payer == step.payer


def test_visitors_keep_still(plan: Plan) -> None:
    visitors = {person.account_id for town in plan.towns for person in town.visitors}
    assert all(step.payer.account_id not in visitors for step in plan.steps)


def test_supplies_are_what_everyone_is_given(plan: Plan) -> None:
    assert sum(plan.supplies_minor.values()) == sum(plan.issued_minor.values())


def test_people_have_names_of_their_country() -> None:
    for town in make_towns(1, residents=20, services=18):
        names = names_of(town.place.country)
        assert len(names.first_names) == 40
        assert len(set(names.family_names)) == len(names.family_names) >= 35
        for person in town.residents:
            assert any(person.name.startswith(first) for first in names.first_names)
        assert len({service.name for service in town.services}) == 18
        assert not any("{" in person.name for person in town.people)


def test_secrets_depend_on_every_word() -> None:
    secrets = {demo_secret(1, "a"), demo_secret(2, "a"), demo_secret(1, "b"), demo_secret(1)}
    assert len(secrets) == 4
