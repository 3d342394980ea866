"""payment.pay: money moves between two accounts of one currency, and every refusal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger import roles
from ledger.account_kinds import COMMONS
from ledger.fields import PAYMENT_PAY, OpenedKey
from ledger.payments import pay_fields
from ledger.transaction import Transaction
from primitives.amounts import AMOUNT_MINOR_MAX
from tests.ledger.world import World, entry, key, person

SHOP = person("baker shop")


@pytest.fixture
def world() -> World:
    made = World()
    made.settle("ana", "baker shop", amount_minor=1_000)
    return made


def shared_account(world: World, threshold: int, limits: Sequence[int | None]) -> None:
    """An account of `eve` with one spending key per limit, and a last one that only manages."""
    names = ["eve", "ivo", "kim"]
    keys = [
        OpenedKey(key(name).public_key, roles.SPEND, limit)
        for name, limit in zip(names, limits, strict=False)
    ]
    keys.append(OpenedKey(key("mia").public_key, roles.MANAGE, None))
    world.block(world.open([entry("eve", threshold=threshold, keys=keys)]))
    world.block(world.issue([(person("eve"), 1_000)]))


def shared_pay(world: World, amount_minor: int, *signers: str) -> Transaction:
    fields = pay_fields(SHOP, "LAV", amount_minor)
    others = [key(name) for name in signers[1:]]
    return world.make(PAYMENT_PAY, person("eve"), key(signers[0]), fields, others)


def test_money_moves_and_totals_stay(world: World) -> None:
    before = world.currency("LAV")
    candidate = world.block(world.pay("ana", SHOP, 300))
    assert world.balance(person("ana")) == 700
    assert world.balance(SHOP) == 1_300
    assert world.currency("LAV") == before
    assert set(candidate.replaced) == {
        world.account(person("ana")).tree_key,
        world.account(SHOP).tree_key,
    }


def test_the_last_unit_can_be_spent_and_not_one_more(world: World) -> None:
    assert world.code(world.pay("ana", SHOP, 1_001)) == "balance_insufficient"
    world.block(world.pay("ana", SHOP, 1_000))
    assert world.balance(person("ana")) == 0
    assert world.code(world.pay("ana", SHOP, 1)) == "balance_insufficient"


def test_money_received_in_a_block_is_spent_in_it(world: World) -> None:
    world.block(world.pay("ana", SHOP, 1_000), world.pay("baker shop", person("ana"), 2_000))
    assert (world.balance(SHOP), world.balance(person("ana"))) == (0, 2_000)


def test_nobody_is_paid_who_is_not_there(world: World) -> None:
    assert world.code(world.pay("ana", person("nobody"), 1)) == "account_unknown"


def test_institutions_are_not_paid(world: World) -> None:
    territory = world.state.territory("lavo")
    assert territory is not None
    for identity in (territory.account_id, world.currency("LAV").issuer_id):
        assert world.code(world.pay("ana", identity, 1)) == "account_kind_invalid"
    world.block(world.pay("ana", territory.commons_id, 5))
    commons = world.account(territory.commons_id)
    assert (commons.kind, commons.balance_minor) == (COMMONS, 5)


def test_both_hold_the_currency_named(world: World) -> None:
    world.block(world.open([entry("timo", currency="MIN")]))
    timo = person("timo")
    assert world.code(world.pay("ana", timo, 1)) == "currency_mismatch"
    assert world.code(world.pay("ana", timo, 1, currency="MIN")) == "currency_mismatch"
    assert world.code(world.pay("ana", SHOP, 1, currency="BRU")) == "currency_mismatch"
    assert world.code(world.pay("ana", SHOP, 1, currency="nothing")) == "currency_mismatch"


def test_a_keys_limit(world: World) -> None:
    shared_account(world, 1, [200, None])
    assert world.code(shared_pay(world, 200, "eve")) is None
    assert world.code(shared_pay(world, 201, "eve")) == "limit_exceeded"
    assert world.code(shared_pay(world, 201, "ivo")) is None
    # A key above its limit does not count, another one's signature does.
    assert world.code(shared_pay(world, 201, "eve", "ivo")) is None


def test_a_threshold(world: World) -> None:
    shared_account(world, 2, [100, None, None])
    assert world.code(shared_pay(world, 50, "ivo")) == "signatures_insufficient"
    assert world.code(shared_pay(world, 50, "ivo", "eve")) is None
    assert world.code(shared_pay(world, 101, "ivo", "eve")) == "limit_exceeded"
    assert world.code(shared_pay(world, 101, "ivo", "kim")) is None
    assert world.code(shared_pay(world, 101, "eve", "ivo", "kim")) is None


def test_who_may_not_sign_is_refused_and_not_ignored(world: World) -> None:
    shared_account(world, 1, [None])
    assert world.code(shared_pay(world, 1, "mia")) == "role_missing"
    assert world.code(shared_pay(world, 1, "eve", "mia")) == "role_missing"
    assert world.code(shared_pay(world, 1, "eve", "stranger")) == "key_unknown"


def test_each_device_has_its_own_lane(world: World) -> None:
    shared_account(world, 1, [None, None])
    world.block(shared_pay(world, 1, "eve"), shared_pay(world, 1, "ivo"))
    devices = world.account(person("eve")).devices
    assert [(device.high, device.bitmap) for device in devices] == [(1, 0), (1, 0), (0, 0)]
    assert world.account(person("eve")).day_count == 2


def test_a_balance_stays_in_range(world: World) -> None:
    shop = world.account(SHOP)
    rich = shop._replace(balance_minor=AMOUNT_MINOR_MAX - 10)
    currency = world.currency("LAV")
    more = rich.balance_minor - shop.balance_minor
    world.alter(rich)
    world.alter(
        currency._replace(
            supply_minor=currency.supply_minor + more, reserve_minor=currency.reserve_minor + more
        )
    )
    assert world.code(world.pay("ana", SHOP, 11)) == "amount_out_of_range"
    world.block(world.pay("ana", SHOP, 10))
    assert world.balance(SHOP) == AMOUNT_MINOR_MAX


def test_the_order_of_refusals(world: World) -> None:
    """The payee before the payer's signers, these before the balance."""
    shared_account(world, 1, [200])
    fields = pay_fields(person("nobody"), "LAV", 5_000)
    unknown = world.make(PAYMENT_PAY, person("eve"), key("eve"), fields)
    assert world.code(unknown) == "account_unknown"
    assert world.code(shared_pay(world, 5_000, "eve")) == "limit_exceeded"
    world.time_ms += 10 * 86_400_000
    assert world.code(unknown) == "validity_expired"
