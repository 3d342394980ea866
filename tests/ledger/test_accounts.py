"""account.open: who may, what is opened, and every refusal."""

from __future__ import annotations

import msgpack
import pytest

from ledger import roles
from ledger.account_kinds import COMMONS, EMPLOYER, ISSUER, PROGRAMME, RESIDENT, SERVICE, TERRITORY
from ledger.accounts import open_fields
from ledger.envelope import sign_transaction
from ledger.fields import ACCOUNT_OPEN, OpenedAccount, OpenedKey
from ledger.rules import Parameters
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.errors import Refused
from tests.ledger.world import DAY_MS, World, entry, key, person, refusal_of

SMALL_ORDER_KEY = bytes([1]) + bytes(31)


def opened_key(name: str, role: int = roles.SPEND, limit: int | None = None) -> OpenedKey:
    return OpenedKey(key(name).public_key, role, limit)


def raw_open(world: World, fields: tuple[Value, ...]) -> bytes:
    territory = world.state.territory("lavo")
    assert territory is not None
    body = world.body(ACCOUNT_OPEN, territory.account_id, key("lavo staff"), fields, number=1)
    return sign_transaction(body, world.network_id, key("lavo staff"))


def test_accounts_open_empty_with_their_keys() -> None:
    world = World()
    keys = [opened_key("eve", roles.SPEND, 500), opened_key("ivo", roles.SPEND | roles.MANAGE)]
    world.block(
        world.open([entry("ana"), entry("eve", EMPLOYER, threshold=2, keys=keys)]),
    )
    ana, eve = world.account(person("ana")), world.account(person("eve"))
    assert (ana.kind, ana.currency, ana.balance_minor, ana.prefix) == (RESIDENT, "LAV", 0, "lavo")
    assert (eve.kind, eve.threshold, eve.blind) == (EMPLOYER, 2, entry("eve").blind)
    assert [tuple(device) for device in eve.devices] == [
        (key("eve").public_key, roles.SPEND, 500, 0, 0, 0),
        (key("ivo").public_key, roles.SPEND | roles.MANAGE, None, 0, 0, 0),
    ]
    assert world.currency("LAV").accounts == 3 + 2
    territory = world.state.territory("lavo")
    assert territory is not None and territory.opened_count == 2


def test_every_kind_a_town_hall_opens_and_no_other() -> None:
    world = World()
    kinds = (RESIDENT, SERVICE, EMPLOYER, COMMONS)
    world.block(world.open([entry(f"a {kind}", kind) for kind in kinds]))
    for kind in (PROGRAMME, TERRITORY, ISSUER, "bank", ""):
        raw = raw_open(world, open_fields([entry("x", kind)]))
        assert refusal_of(world, raw) == "account_kind_invalid"


def test_an_account_in_the_territorys_other_currency() -> None:
    world = World()
    world.block(world.open([entry("ana", currency="MIN")]))
    assert world.account(person("ana")).currency == "MIN"
    assert world.currency("MIN").accounts == 1
    assert world.code(world.open([entry("ben", currency="BRU")])) == "currency_mismatch"
    assert world.code(world.open([entry("ben", currency="QQQ")])) == "currency_mismatch"


def test_what_is_open_is_not_opened_again() -> None:
    world = World()
    world.block(world.open([entry("ana")]))
    assert world.code(world.open([entry("ben"), entry("ana", SERVICE)])) == "account_exists"
    same_key_twice = open_fields([entry("ben"), entry("ben", SERVICE)])
    assert refusal_of(world, raw_open(world, same_key_twice)) == "line_duplicate"


def test_the_accounts_of_the_genesis_are_not_opened_again() -> None:
    world = World()
    for name in ("lavo staff", "lavo issuer 0"):
        assert world.code(world.open([entry(name)])) == "account_exists"


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (entry("a", keys=()), "encoding_not_canonical"),
        (entry("a", keys=[opened_key(f"k{i}") for i in range(17)]), "encoding_not_canonical"),
        (entry("a", keys=[opened_key("k"), opened_key("k")]), "line_duplicate"),
        (entry("a", threshold=0), "threshold_invalid"),
        (entry("a", threshold=2), "threshold_invalid"),
        (entry("a", threshold=-1), "threshold_invalid"),
        (
            entry("a", threshold=2, keys=[opened_key("k"), opened_key("l", roles.MANAGE)]),
            "threshold_invalid",
        ),
        (entry("a", keys=[opened_key("k", 0)]), "roles_invalid"),
        (entry("a", keys=[opened_key("k", -1)]), "roles_invalid"),
        (entry("a", keys=[opened_key("k", roles.SPEND | roles.STAFF)]), "roles_invalid"),
        (entry("a", keys=[opened_key("k", roles.ISSUE)]), "roles_invalid"),
        (entry("a", keys=[opened_key("k", 16)]), "roles_invalid"),
        (entry("a", keys=[opened_key("k", roles.SPEND, 0)]), "amount_out_of_range"),
        (entry("a", keys=[opened_key("k", roles.SPEND, 2**53)]), "amount_out_of_range"),
        (entry("a", keys=[OpenedKey(SMALL_ORDER_KEY, 1, None)]), "key_invalid"),
        (entry("a", keys=[OpenedKey(b"\xff" * 32, 1, None)]), "key_invalid"),
        (entry("a", keys=[OpenedKey(b"k" * 31, 1, None)]), "encoding_not_canonical"),
        (entry("a")._replace(blind=b"b" * 15), "encoding_not_canonical"),
        (entry("a", threshold=True), "encoding_not_canonical"),
    ],
)
def test_each_fault_of_an_account_has_its_code(account: OpenedAccount, code: str) -> None:
    world = World()
    assert refusal_of(world, raw_open(world, open_fields([account]))) == code


@pytest.mark.parametrize("fields", [(), ((), ()), ((),), (None,), ((1,),), (((),),), (("a",) * 5,)])
def test_a_wrong_shape_is_refused(fields: tuple[Value, ...]) -> None:
    world = World()
    assert refusal_of(world, raw_open(world, fields)) == "encoding_not_canonical"


def test_sixteen_keys_with_the_highest_limits() -> None:
    world = World()
    keys = [opened_key(f"k{i}", roles.SPEND, 2**53 - 1) for i in range(16)]
    transaction = world.open([entry("k0", threshold=16, keys=keys)])
    assert transaction.work == 10 + 4 * 3 + 5 * 16
    world.block(transaction)
    assert len(world.account(person("k0")).devices) == 16


def test_only_the_territorys_staff_opens() -> None:
    world = World()
    world.settle("ana")
    by_resident = world.make(ACCOUNT_OPEN, person("ana"), key("ana"), open_fields([entry("x")]))
    assert world.code(by_resident) == "role_missing"
    issuer = world.currency("LAV").issuer_id
    by_issuer = world.make(ACCOUNT_OPEN, issuer, key("lavo issuer 2"), open_fields([entry("x")]))
    assert world.code(by_issuer) == "role_missing"
    assert world.code(world.open([entry("x")], staff="ana")) == "key_unknown"
    assert world.code(world.open([entry("x")], cosigners=["ana"])) == "key_unknown"
    assert world.code(world.open([entry("x")], cosigners=["lavo staff 2"])) is None


def test_staff_must_be_as_many_as_the_threshold() -> None:
    world = World()
    alone = world.open([entry("x", currency="BRU")], staff="brume staff", prefix="brume")
    assert world.code(alone) == "signatures_insufficient"
    both = world.open(
        [entry("x", currency="BRU")],
        staff="brume staff",
        prefix="brume",
        cosigners=["brume staff 2"],
    )
    world.block(both)
    assert world.account(person("x", "brume")).prefix == "brume"


def test_the_staff_role_elsewhere_opens_nothing() -> None:
    world = World()
    world.settle("ana")
    account = world.account(person("ana"))
    device = account.devices[0]._replace(roles=roles.STAFF)
    world.alter(account._replace(devices=(device,)))
    attempt = world.make(ACCOUNT_OPEN, person("ana"), key("ana"), open_fields([entry("x")]))
    assert world.code(attempt) == "role_missing"


def test_the_days_accounts_are_bounded() -> None:
    world = World(Parameters(accounts_opened_per_day_max=3))
    world.block(world.open([entry("a"), entry("b")]))
    assert world.code(world.open([entry("c"), entry("d")])) == "quota_exceeded"
    world.block(world.open([entry("c")]))
    world.time_ms += DAY_MS
    world.block(world.open([entry("d"), entry("e"), entry("f")]))
    territory = world.state.territory("lavo")
    assert territory is not None
    assert (territory.day, territory.opened_count) == (world.time_ms // DAY_MS, 3)


def test_too_many_accounts_are_too_large() -> None:
    world = World(Parameters(lines_max=2))
    fields = open_fields([entry(name) for name in "abc"])
    assert refusal_of(world, raw_open(world, fields)) == "transaction_too_large"


def test_more_than_half_a_blocks_work_is_too_large() -> None:
    world = World(Parameters(block_work_max=1_000))
    assert world.code(world.open([entry(f"n{i}") for i in range(53)])) is None
    assert world.code(world.open([entry(f"n{i}") for i in range(54)])) == "transaction_too_large"


def test_new_accounts_take_slots_in_key_order_inside_a_transaction() -> None:
    world = World()
    before = len(world.store.slots)
    first = world.open([entry(f"n{i}") for i in range(9)])
    second = world.open([entry(f"m{i}") for i in range(9)])
    world.block(first, second)
    new = sorted(world.store.slots, key=lambda one: world.store.slots[one])[before:]
    assert new[:9] == sorted(new[:9]) and new[9:] == sorted(new[9:])
    keys = {world.account(person(f"n{i}")).tree_key for i in range(9)}
    assert set(new[:9]) == keys
    assert all(world.tree.slot(one) == world.store.slots[one] for one in new)


def test_the_id_follows_from_the_first_key() -> None:
    world = World()
    keys = [opened_key("second"), opened_key("ana")]
    world.block(world.open([entry("ana", keys=keys)]))
    assert world.state.account(person("ana")) is None
    assert world.account(account_id("lavo", key("second").public_key)).devices[1].key == (
        key("ana").public_key
    )


def test_a_raw_list_where_an_array_of_accounts_is_expected() -> None:
    world = World()
    raw = raw_open(world, (tuple(msgpack.unpackb(b"\x91\x01", use_list=False)),))
    with pytest.raises(Refused, match="encoding_not_canonical"):
        world.decode(raw)
