"""Lanes: a number is accepted once, in any order, within 64 either way; what each lane checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import roles
from ledger.fields import OpenedKey
from ledger.lanes import WINDOW, is_free, use_number
from ledger.objects import DeviceKey
from ledger.rules import Parameters
from primitives.errors import Refused
from tests.ledger.world import DAY_MS, HOUR_MS, World, entry, key, person


@given(st.lists(st.integers(1, 400), max_size=120))
def test_a_lane_accepts_what_a_plain_set_of_numbers_accepts(numbers: list[int]) -> None:
    high, bitmap, used = 0, 0, set[int]()
    for number in numbers:
        expected = None
        if number > high + WINDOW or number < high - WINDOW:
            expected = "number_out_of_window"
        elif number in used:
            expected = "number_used"
        device = DeviceKey(b"", 0, None, high, bitmap)
        assert is_free(device, number) is (expected is None)
        try:
            high, bitmap = use_number(high, bitmap, number)
        except Refused as refusal:
            assert refusal.code == expected
            continue
        assert expected is None
        used.add(number)
        assert high == max(used)
        bits = {high - 1 - i for i in range(WINDOW) if bitmap >> i & 1}
        assert bits == {one for one in used if high - WINDOW <= one < high}
        assert bitmap < 1 << WINDOW


def test_the_window_ends_where_the_protocol_says() -> None:
    assert use_number(0, 0, 64) == (64, 0)
    with pytest.raises(Refused, match="number_out_of_window"):
        use_number(0, 0, 65)
    assert use_number(100, 0, 36) == (100, 1 << 63)
    with pytest.raises(Refused, match="number_out_of_window"):
        use_number(100, 0, 35)
    assert use_number(1, 0, 65) == (65, 1 << 63)


def test_zero_is_no_number() -> None:
    assert not is_free(DeviceKey(b"", 0, None, 5, 0), 0)


def settled() -> World:
    world = World()
    world.settle("ana", "baker shop")
    return world


def test_each_fault_of_the_lane_has_its_code() -> None:
    world = settled()
    shop = person("baker shop")
    assert world.code(world.pay("stranger", shop, 1)) == "account_unknown"
    ana = person("ana")
    foreign = world.make("payment.pay", ana, key("thief"), (shop, "LAV", 1, None))
    assert world.code(foreign) == "key_unknown"
    staff = world.make(
        "payment.pay", territory_account(world), key("lavo staff"), (shop, "LAV", 1, None)
    )
    assert world.code(staff) == "role_missing"
    assert world.code(world.pay("ana", shop, 1)) is None


def territory_account(world: World) -> bytes:
    territory = world.state.territory("lavo")
    assert territory is not None
    return territory.account_id


@pytest.mark.parametrize(
    ("created_after_ms", "valid_for_ms", "code"),
    [
        (0, HOUR_MS, None),
        (120_000, HOUR_MS, None),
        (120_001, HOUR_MS, "validity_expired"),
        (-HOUR_MS, HOUR_MS, None),
        (-HOUR_MS, HOUR_MS - 1, "validity_expired"),
        (0, DAY_MS, None),
        (0, DAY_MS + 1, "validity_too_long"),
        (60_000, 0, "validity_too_long"),
        (60_000, -30_000, "validity_too_long"),
    ],
)
def test_validity_is_against_the_blocks_time(
    created_after_ms: int, valid_for_ms: int, code: str | None
) -> None:
    world = settled()
    payment = world.pay(
        "ana",
        person("baker shop"),
        1,
        created_ms=world.time_ms + created_after_ms,
        valid_for_ms=valid_for_ms,
    )
    assert world.code(payment) == code


def test_a_frozen_account_spends_nothing_and_receives() -> None:
    world = settled()
    shop = person("baker shop")
    until_ms = world.time_ms + 5_000
    world.alter(world.account(person("ana"))._replace(frozen_until_ms=until_ms))
    assert world.code(world.pay("ana", shop, 1)) == "account_frozen"
    assert world.code(world.pay("baker shop", person("ana"), 1)) is None
    world.time_ms = until_ms
    assert world.code(world.pay("ana", shop, 1)) is None


def test_what_several_sign_may_live_thirty_days() -> None:
    world = World()
    keys = [OpenedKey(key(name).public_key, roles.SPEND, None) for name in ("eve", "ivo")]
    world.block(world.open([entry("eve", keys=keys), entry("baker shop")]))
    world.block(world.issue([(person("eve"), 500)]))
    fields = (person("baker shop"), "LAV", 1, None)
    for days, code in ((30, None), (31, "validity_too_long")):
        payment = world.make(
            "payment.pay",
            person("eve"),
            key("eve"),
            fields,
            [key("ivo")],
            valid_for_ms=days * DAY_MS,
        )
        assert world.code(payment) == code


def test_a_replay_is_refused_as_used() -> None:
    world = settled()
    payment = world.pay("ana", person("baker shop"), 10)
    world.block(payment)
    root = world.root()
    assert world.code(payment) == "number_used"
    assert world.root() == root
    assert world.code(world.pay("ana", person("baker shop"), 99, number=1)) == "number_used"
    assert (
        world.code(world.pay("ana", person("baker shop"), 9, number=66)) == "number_out_of_window"
    )


def test_the_accounts_day_quota_counts_and_ends_with_the_day() -> None:
    world = World(Parameters(transactions_per_day_max=2))
    world.settle("ana", "baker shop")
    shop = person("baker shop")
    world.block(world.pay("ana", shop, 1), world.pay("ana", shop, 1))
    assert world.code(world.pay("ana", shop, 1)) == "quota_exceeded"
    earlier = world.pay("ana", shop, 1, created_ms=world.time_ms - DAY_MS, valid_for_ms=DAY_MS * 2)
    assert world.code(earlier) in ("validity_too_long", "quota_exceeded")
    world.time_ms += DAY_MS
    world.block(world.pay("ana", shop, 1))
    account = world.account(person("ana"))
    assert (account.day, account.day_count) == (world.time_ms // DAY_MS, 1)


def test_yesterdays_date_counts_on_the_later_day_stored() -> None:
    world = World(Parameters(transactions_per_day_max=2))
    world.settle("ana", "baker shop")
    shop = person("baker shop")
    world.time_ms += DAY_MS
    late = world.time_ms - DAY_MS // 2
    world.block(world.pay("ana", shop, 1))
    world.block(world.pay("ana", shop, 1, created_ms=late, valid_for_ms=DAY_MS))
    assert world.account(person("ana")).day_count == 2
    assert world.code(world.pay("ana", shop, 1, created_ms=late)) == "validity_expired"
    again = world.pay("ana", shop, 1, created_ms=late, valid_for_ms=DAY_MS)
    assert world.code(again) == "quota_exceeded"
