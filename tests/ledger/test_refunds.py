"""payment.refund: what was paid goes back, at most once, to where it came from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger.commitment import LogReceipts
from ledger.envelope import assemble, sign_transaction
from ledger.fields import PAYMENT_REFUND
from ledger.objects import REFUND, RefundRecord, tree_key
from ledger.refunds import refund_fields
from ledger.rules import Parameters
from ledger.transaction import Transaction
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import InvariantBroken
from primitives.receipt_log import CHUNK_LEAVES, ReceiptLog, receipt_leaf
from tests.ledger.world import DAY_MS, World, key, person, refusal_of

SHOP = person("baker shop")


@pytest.fixture
def world() -> World:
    made = World()
    made.settle("ana", "ben", "baker shop", amount_minor=10_000)
    return made


def paid(world: World, amount_minor: int = 1_000) -> tuple[Transaction, int]:
    """A payment of `ana` to the shop that is final, with its receipt number."""
    payment = world.pay("ana", SHOP, amount_minor)
    world.block(payment)
    return payment, world.state.receipt_count - 1


def later_log(world: World, ids: Sequence[bytes]) -> None:
    """Let so many other transactions be accepted, as far as the receipt log can tell."""
    log = ReceiptLog()
    log.append([*world.ids, *ids])
    world.open_state(log)


def test_a_part_and_then_the_rest(world: World) -> None:
    payment, number = paid(world)
    world.block(world.refund("baker shop", payment, number, 400))
    assert (world.balance(person("ana")), world.balance(SHOP)) == (9_400, 10_600)
    record = world.state.refund(number)
    assert record == RefundRecord(
        tree_key(REFUND, number), number, 400, payment.created_ms + 60 * DAY_MS
    )
    assert world.code(world.refund("baker shop", payment, number, 601)) == "refund_above_original"
    world.block(world.refund("baker shop", payment, number, 600))
    assert (world.balance(person("ana")), world.balance(SHOP)) == (10_000, 10_000)
    assert world.code(world.refund("baker shop", payment, number, 1)) == "refund_above_original"


def test_payment_and_refund_in_one_block(world: World) -> None:
    payment = world.pay("ana", SHOP, 50)
    number = world.state.receipt_count
    world.block(
        payment,
        world.refund("baker shop", payment, number, 20),
        world.refund("baker shop", payment, number, 30),
    )
    record = world.state.refund(number)
    assert record is not None and record.refunded_minor == 50
    assert world.balance(SHOP) == 10_000


def test_only_the_payee_gives_back(world: World) -> None:
    payment, number = paid(world)
    for name in ("ana", "ben"):
        fields = refund_fields(payment.raw, number, 1)
        body = world.body(PAYMENT_REFUND, person(name), key(name), fields)
        raw = sign_transaction(body, world.network_id, key(name))
        assert refusal_of(world, raw) == "receipt_unknown"


def test_the_receipt_number_must_be_the_originals(world: World) -> None:
    payment, number = paid(world)
    other, other_number = paid(world)
    assert world.code(world.refund("baker shop", payment, other_number, 1)) == "receipt_unknown"
    assert world.code(world.refund("baker shop", other, number, 1)) == "receipt_unknown"
    assert world.code(world.refund("baker shop", payment, 10**9, 1)) == "receipt_unknown"
    never = world.pay("ana", SHOP, 5)
    assert world.code(world.refund("baker shop", never, number, 1)) == "receipt_unknown"
    count = world.state.receipt_count
    assert world.code(world.refund("baker shop", never, count, 1)) == "receipt_unknown"


def test_the_same_payment_signed_otherwise_has_no_receipt(world: World) -> None:
    payment, number = paid(world)
    forged = world.decode(assemble(payment.body, b"f" * 64))
    assert world.code(world.refund("baker shop", forged, number, 1)) == "receipt_unknown"


def test_a_path_is_refused_where_the_leaf_is_looked_up(world: World) -> None:
    payment, number = paid(world)
    log = world.log
    path = log.prove(number).chunk_path
    refund = world.refund("baker shop", payment, number, 1, path)
    assert world.code(refund) == "receipt_unknown"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"raw": None},
        {"raw": b""},
        {"number": -1},
        {"number": 2**53},
        {"number": "1"},
        {"amount": "1"},
        {"path": ()},
        {"path": (b"h" * 32,) * 15},
        {"path": (b"h" * 32,) * 17},
        {"path": (b"h" * 31,) * 16},
        {"path": b"h" * 512},
        {"amount": 0},
        {"amount": -1},
        {"amount": 2**53},
    ],
)
def test_each_fault_of_the_fields_has_its_code(world: World, change: dict[str, Value]) -> None:
    payment, number = paid(world)
    values: dict[str, Value] = {"raw": payment.raw, "number": number, "amount": 1, "path": None}
    values.update(change)
    body = world.body(PAYMENT_REFUND, SHOP, key("baker shop"), tuple(values.values()))
    raw = sign_transaction(body, world.network_id, key("baker shop"))
    expected: str | None = "encoding_not_canonical"
    if not change:
        expected = None
    elif change.get("raw") == b"":
        expected = "receipt_unknown"
    elif "amount" in change and change["amount"] != "1":
        expected = "amount_out_of_range"
    assert refusal_of(world, raw) == expected


def test_only_payments_are_refunded(world: World) -> None:
    payment, number = paid(world)
    world.block(world.refund("baker shop", payment, number, 10))
    refund_number = world.state.receipt_count - 1
    refund = world.refund("baker shop", payment, number, 10)
    for original in (refund, world.issue([(SHOP, 5)])):
        fields = refund_fields(original.raw, refund_number, 1)
        body = world.body(PAYMENT_REFUND, SHOP, key("baker shop"), fields)
        raw = sign_transaction(body, world.network_id, key("baker shop"))
        assert refusal_of(world, raw) == "receipt_unknown"


def test_an_original_of_another_network_is_none(world: World) -> None:
    elsewhere = World(Parameters(retry_ms=999))
    payment = elsewhere.pay("ana", SHOP, 5)
    fields = refund_fields(payment.raw, 0, 1)
    body = world.body(PAYMENT_REFUND, SHOP, key("baker shop"), fields)
    raw = sign_transaction(body, world.network_id, key("baker shop"))
    assert refusal_of(world, raw) == "receipt_unknown"


def test_too_late_is_too_late() -> None:
    world = World(Parameters(refund_days_max=2))
    world.settle("ana", "baker shop")
    payment, number = paid(world)
    until_ms = payment.created_ms + 2 * DAY_MS
    world.time_ms = until_ms
    assert world.code(world.refund("baker shop", payment, number, 1)) is None
    world.time_ms = until_ms + 1
    assert world.code(world.refund("baker shop", payment, number, 1)) == "date_out_of_range"


def test_a_refund_without_end_stays_encodable() -> None:
    world = World(Parameters(refund_days_max=AMOUNT_MINOR_MAX))
    world.settle("ana", "baker shop")
    payment, number = paid(world)
    world.block(world.refund("baker shop", payment, number, 1))
    record = world.state.refund(number)
    assert record is not None and record.until_ms == AMOUNT_MINOR_MAX


def test_a_refund_is_spent_like_a_payment(world: World) -> None:
    payment, number = paid(world)
    world.block(world.pay("baker shop", person("ben"), 10_500))
    assert world.code(world.refund("baker shop", payment, number, 501)) == "balance_insufficient"
    shop = world.account(SHOP)
    limited = shop.devices[0]._replace(limit_minor=99)
    world.alter(shop._replace(devices=(limited,)))
    assert world.code(world.refund("baker shop", payment, number, 100)) == "limit_exceeded"
    world.alter(shop._replace(frozen_until_ms=world.time_ms + 1))
    assert world.code(world.refund("baker shop", payment, number, 100)) == "account_frozen"


def test_what_goes_back_must_have_room(world: World) -> None:
    payment, number = paid(world)
    ana = world.account(person("ana"))
    world.alter(ana._replace(balance_minor=AMOUNT_MINOR_MAX - 5))
    assert world.code(world.refund("baker shop", payment, number, 6)) == "amount_out_of_range"


# -- the chunks of the receipt log -----------------------------------------------------------------


def test_the_chunk_before_the_open_one_is_looked_up(world: World) -> None:
    payment, number = paid(world)
    later_log(world, [bytes([1]) * 32] * (2 * CHUNK_LEAVES - 1 - world.state.receipt_count))
    assert world.state.receipt_count == 2 * CHUNK_LEAVES - 1
    assert world.code(world.refund("baker shop", payment, number, 1)) is None
    path = tuple(bytes([2]) * 32 for _ in range(16))
    assert world.code(world.refund("baker shop", payment, number, 1, path)) == "receipt_unknown"


def test_an_older_receipt_needs_its_path(world: World) -> None:
    payment, number = paid(world)
    later_log(world, [bytes([1]) * 32] * (2 * CHUNK_LEAVES - 1 - world.state.receipt_count))
    # One more transaction fills the second chunk: the first is no longer the one before the open.
    world.block(world.pay("ben", SHOP, 1))
    assert world.state.receipt_count == 2 * CHUNK_LEAVES
    assert world.code(world.refund("baker shop", payment, number, 1)) == "receipt_unknown"
    path = world.log.prove(number).chunk_path
    assert world.code(world.refund("baker shop", payment, number, 1, path)) is None
    wrong = (path[0][::-1], *path[1:])
    assert world.code(world.refund("baker shop", payment, number, 1, wrong)) == "receipt_unknown"
    world.block(world.refund("baker shop", payment, number, 400, path))
    again = world.refund("baker shop", payment, number, 601, path)
    assert world.code(again) == "refund_above_original"


def test_the_chunk_that_counts_is_that_of_the_refund_itself(world: World) -> None:
    """In one block: the payment that fills a chunk moves the window for the refund after it."""
    payment, number = paid(world)
    later_log(world, [bytes([1]) * 32] * (2 * CHUNK_LEAVES - 1 - world.state.receipt_count))
    filler = world.pay("ben", SHOP, 1)
    refund = world.refund("baker shop", payment, number, 1)
    path = world.log.prove(number).chunk_path
    with_path = world.refund("baker shop", payment, number, 1, path)
    assert world.code(refund) is None
    world.block(filler, with_path)
    assert world.code(refund) == "receipt_unknown"


def test_leaves_that_are_not_held_are_not_answered() -> None:
    log = ReceiptLog()
    ids = [number.to_bytes(32, "big") for number in range(10)]
    log.append(ids)
    receipts = LogReceipts(log)
    assert receipts.receipt_leaf(3) == receipt_leaf(3, ids[3])
    assert receipts.receipt_leaf(10) is None and receipts.receipt_leaf(-1) is None
    assert receipts.chunk_root(0) is None
    assert World().state.receipt_leaf(0) is None
    log.append([bytes([1]) * 32] * (2 * CHUNK_LEAVES - 10))
    leaves = [
        receipt_leaf(place, bytes([1]) * 32) for place in range(CHUNK_LEAVES, 2 * CHUNK_LEAVES)
    ]
    loaded = ReceiptLog()
    loaded.load(log.chunk_roots(), leaves, ())
    receipts = LogReceipts(loaded)
    assert receipts.receipt_leaf(CHUNK_LEAVES) == leaves[0]
    assert receipts.chunk_root(1) == log.chunk_roots()[1]
    with pytest.raises(InvariantBroken):
        receipts.receipt_leaf(0)
