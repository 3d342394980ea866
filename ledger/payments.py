"""Payments: the lane's account pays another account in the currency both hold.

`payment.pay` changes exactly two objects. It is the transaction that everything here is measured
by; its path is kept short.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.account_kinds import KINDS_CREDITED
from ledger.envelope import Transaction
from ledger.fields import Payment
from ledger.lanes import LaneUse, check_lane, valid_for_ms_max
from ledger.objects import Account
from ledger.roles import SPEND
from ledger.rules import Parameters
from ledger.shapes import HASH_BYTES, ID_BYTES, expect_amount, expect_bytes, wrong_shape
from ledger.signers import check_signers
from ledger.state import Candidate
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused

PAY_OBJECTS = 2


@dataclass(slots=True)
class PayPlan:
    """A payment that passed its checks, and the accounts it moves between. As `LaneUse`."""

    use: LaneUse
    payee: Account
    amount_minor: int


def pay_fields(
    payee: bytes, currency: str, amount_minor: int, note_commitment: bytes | None = None
) -> tuple[Value, ...]:
    """The body's last values of `payment.pay`. `payee` is an account id."""
    return (payee, currency, amount_minor, note_commitment)


def validate_pay(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Payment:
    """Shape, amount, and that one does not pay oneself."""
    if len(values) != 4:
        raise wrong_shape("payment.pay")
    payee, currency, amount_minor, note = values
    if type(payee) is not bytes or len(payee) != ID_BYTES:
        raise wrong_shape("payee")
    if type(currency) is not str:
        raise wrong_shape("currency")
    amount = expect_amount(amount_minor, "amount_minor")
    if note is not None:
        note = expect_bytes(note, HASH_BYTES, "note_commitment")
    if payee == transaction.account:
        raise Refused("payee_is_payer", "payer and payee are one account", field="payee")
    return Payment(payee, currency, amount, note)


def check_payee(account: Account | None, currency: str) -> Account:
    """The account, if it may receive that currency.

    Raises `account_unknown`, `account_kind_invalid`, `currency_mismatch`.
    """
    if account is None:
        raise Refused("account_unknown", "the account to credit is not open", field="payee")
    if account.kind not in KINDS_CREDITED:
        raise Refused("account_kind_invalid", f"accounts of kind {account.kind} are not credited")
    if account.currency != currency:
        raise Refused("currency_mismatch", f"the account to credit holds {account.currency}")
    return account


def check_room(account: Account, amount_minor: int) -> None:
    """Its balance can take that much more; else `amount_out_of_range`."""
    if account.balance_minor + amount_minor > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", "the balance would pass 2^53 − 1")


def check_spend(use: LaneUse, transaction: Transaction, currency: str, amount_minor: int) -> None:
    """The lane's account holds that currency, signed for the amount, and has it.

    Raises `currency_mismatch`, what `check_signers` raises, `balance_insufficient`.
    """
    payer = use.account
    if payer.currency != currency:
        raise Refused("currency_mismatch", f"the paying account holds {payer.currency}")
    limit = use.device.limit_minor
    if len(transaction.signers) != 1 or payer.threshold != 1 or limit is not None:
        check_signers(payer, transaction, SPEND, amount_minor)
    if payer.balance_minor < amount_minor:
        raise Refused(
            "balance_insufficient", f"{payer.balance_minor} minor units, {amount_minor} asked"
        )


def check_pay(view: View, transaction: Transaction, payment: Payment, time_ms: int) -> PayPlan:
    """All that a payment needs of the state; changes nothing."""
    use = check_lane(view, transaction, time_ms, SPEND, valid_for_ms_max(view, transaction))
    payee = check_payee(view.account(payment.payee), payment.currency)
    check_spend(use, transaction, payment.currency, payment.amount_minor)
    check_room(payee, payment.amount_minor)
    return PayPlan(use, payee, payment.amount_minor)


def apply_pay(candidate: Candidate, plan: PayPlan) -> None:
    """Move the money."""
    amount_minor = plan.amount_minor
    candidate.write((plan.use.spent(amount_minor), plan.payee.credited(amount_minor)))
