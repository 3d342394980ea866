"""Refunds: the payee of a payment gives back all or part of it, at most what was paid.

A refund carries the original's signed bytes and its receipt number. That the original was
accepted is shown by the receipt log alone: its leaf is looked up while its chunk is the open one
or the one before, and proved to a full chunk's root when it is older. No rule reads an old block,
and the original's signatures are not verified again.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.envelope import COMMON_FIELDS, Transaction, open_envelope
from ledger.fields import PAYMENT_PAY, Original, Refunding
from ledger.lanes import LaneUse, check_lane, valid_for_ms_max
from ledger.objects import REFUND, Account, RefundRecord, tree_key
from ledger.payments import check_payee, check_room, check_spend, validate_pay
from ledger.roles import SPEND
from ledger.rules import MS_PER_DAY, Parameters
from ledger.shapes import (
    HASH_BYTES,
    expect_amount,
    expect_bytes,
    expect_count,
    expect_fields,
    wrong_shape,
)
from ledger.state import Candidate
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.merkle import root_from_path
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES, NODE_TAG, receipt_leaf

REFUND_OBJECTS = 3

_ORIGINALS = {PAYMENT_PAY: 1}
"""What can be refunded, whatever the rule version in force."""


class RefundPlan(NamedTuple):
    """A refund that passed its checks."""

    use: LaneUse
    payer: Account
    """The original's payer, who gets the money."""
    amount_minor: int
    record: RefundRecord


def refund_fields(
    original_raw: bytes,
    receipt_number: int,
    amount_minor: int,
    path: tuple[bytes, ...] | None = None,
) -> tuple[Value, ...]:
    """The body's last values of `payment.refund`. `path` leads from the receipt's leaf to its
    full chunk's root, nil while the chunk is the open one or the one before."""
    return (original_raw, receipt_number, amount_minor, path)


def validate_refund(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Refunding:
    """Shape, amount, and that the lane's account is the original's payee."""
    if len(values) != 4:
        raise wrong_shape("payment.refund")
    raw, number, amount_minor, path = values
    if type(raw) is not bytes:
        raise wrong_shape("original_raw")
    receipt_number = expect_count(number, "receipt_number")
    hashes: tuple[bytes, ...] | None = None
    if path is not None:
        steps = expect_fields(path, CHUNK_DEPTH, "path")
        hashes = tuple([expect_bytes(step, HASH_BYTES, "path") for step in steps])
    amount = expect_amount(amount_minor, "amount_minor")
    original = _read_original(raw, transaction.network_id, parameters)
    if original.payee != transaction.account:
        raise Refused("receipt_unknown", "this account is not the payee of the original")
    return Refunding(original, receipt_number, amount, hashes)


def _read_original(raw: bytes, network_id: bytes, parameters: Parameters) -> Original:
    """The payment in `raw`; bytes that are none never got a receipt: `receipt_unknown`."""
    try:
        bytes_max = parameters.transaction_bytes_max
        opened, values = open_envelope(raw, network_id, bytes_max, _ORIGINALS)
        payment = validate_pay(opened, values[COMMON_FIELDS:], parameters)
    except Refused as refusal:
        raise Refused("receipt_unknown", f"the original: {refusal}") from None
    return Original(
        opened.id,
        opened.created_ms,
        opened.account,
        payment.payee,
        payment.currency,
        payment.amount_minor,
    )


def check_receipt(view: View, refunding: Refunding) -> None:
    """The original has that receipt number; else `receipt_unknown`."""
    number = refunding.receipt_number
    count = view.receipt_count
    if number >= count:
        raise Refused("receipt_unknown", f"there are {count} receipts", field="receipt_number")
    leaf = receipt_leaf(number, refunding.original.id)
    chunk = number >> CHUNK_DEPTH
    if chunk >= (count >> CHUNK_DEPTH) - 1:
        if refunding.path is not None:
            raise Refused("receipt_unknown", "a path is given where the leaf is looked up")
        found = view.receipt_leaf(number) == leaf
    else:
        if refunding.path is None:
            raise Refused("receipt_unknown", "the receipt is older and needs its path")
        root = root_from_path(leaf, number % CHUNK_LEAVES, refunding.path, NODE_TAG)
        found = view.chunk_root(chunk) == root
    if not found:
        raise Refused("receipt_unknown", "the number is another transaction's")


def check_refund(
    view: View, transaction: Transaction, refunding: Refunding, time_ms: int
) -> RefundPlan:
    """All that a refund needs of the state; changes nothing."""
    use = check_lane(view, transaction, time_ms, SPEND, valid_for_ms_max(view, transaction))
    check_receipt(view, refunding)
    original = refunding.original
    refundable_ms = view.parameters.refund_days_max * MS_PER_DAY
    until_ms = min(original.created_ms + refundable_ms, AMOUNT_MINOR_MAX)
    if time_ms > until_ms:
        raise Refused("date_out_of_range", "the original is too old to be refunded")
    number = refunding.receipt_number
    stood = view.refund(number)
    refunded_minor = refunding.amount_minor + (0 if stood is None else stood.refunded_minor)
    if refunded_minor > original.amount_minor:
        raise Refused(
            "refund_above_original", f"{refunded_minor} of {original.amount_minor} minor units"
        )
    payer = check_payee(view.account(original.payer), original.currency)
    check_spend(use, transaction, original.currency, refunding.amount_minor)
    check_room(payer, refunding.amount_minor)
    key = tree_key(REFUND, number) if stood is None else stood.tree_key
    record = RefundRecord(key, number, refunded_minor, until_ms)
    return RefundPlan(use, payer, refunding.amount_minor, record)


def apply_refund(candidate: Candidate, plan: RefundPlan) -> None:
    """Move the money back and keep how much went back."""
    amount_minor = plan.amount_minor
    accounts = (plan.use.spent(amount_minor), plan.payer.credited(amount_minor))
    candidate.write(accounts, records=(plan.record,))
