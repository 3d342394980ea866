"""Lines: what bulletins, payrolls and issues have in common.

A line credits one account; no account stands in two lines of a transaction. Lines of bulletins
and payrolls credit residents alone. The id of such a run is remembered for ever beside who paid
it, so the same run can't be paid twice, whatever its lines say.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.account_kinds import RESIDENT
from ledger.fields import BulletinCredit, CreditLine, WagesPay
from ledger.objects import RUN, Account, RunRecord, tree_key
from ledger.rules import Parameters
from ledger.shapes import (
    HASH_BYTES,
    ID_BYTES,
    expect_amount,
    expect_array,
    wrong_shape,
)
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused


def read_lines(value: Value, parameters: Parameters) -> tuple[tuple[CreditLine, ...], int]:
    """The lines of a body and their sum: shape, number, amounts, no account twice.

    Raises `encoding_not_canonical`, `transaction_too_large`, `amount_out_of_range`,
    `line_duplicate`.
    """
    entries = expect_array(value, "lines")
    if not entries:
        raise wrong_shape("lines")
    check_line_count(entries, parameters)
    lines: list[CreditLine] = []
    for entry in entries:
        if type(entry) is not tuple or len(entry) != 3:
            raise wrong_shape("lines")
        account, amount_minor, commitment = entry
        if type(account) is not bytes or len(account) != ID_BYTES:
            raise wrong_shape("account")
        if type(commitment) is not bytes or len(commitment) != HASH_BYTES:
            raise wrong_shape("commitment")
        if type(amount_minor) is not int:
            raise wrong_shape("amount_minor")
        lines.append(CreditLine(account, amount_minor, commitment))
    for line in lines:
        expect_amount(line.amount_minor, "amount_minor")
    if len({line.account for line in lines}) != len(lines):
        raise Refused("line_duplicate", "an account stands in two lines", field="lines")
    total_minor = sum([line.amount_minor for line in lines])
    if total_minor > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", "the total would pass 2^53 − 1", field="lines")
    return tuple(lines), total_minor


def check_line_count(lines: Sequence[object], parameters: Parameters) -> None:
    """Not more lines than the network allows, whatever a transaction was decoded with."""
    if len(lines) > parameters.lines_max:
        raise Refused("transaction_too_large", f"more than {parameters.lines_max} lines")


def credit_residents(view: View, lines: Sequence[CreditLine], currency: str) -> list[Account]:
    """The accounts of the lines as they will be.

    A currency is one territory's, so who holds it is of that territory. Raises, for the first
    line at fault, `account_unknown`, `account_kind_invalid`, `currency_mismatch`,
    `amount_out_of_range`.
    """
    credited: list[Account] = []
    account_of = view.account
    for identity, amount_minor, _ in lines:
        account = account_of(identity)
        if account is None:
            raise _at_line(credited, "account_unknown", "the account is not open")
        if account.kind != RESIDENT:
            raise _at_line(credited, "account_kind_invalid", f"the account is a {account.kind}'s")
        if account.currency != currency:
            raise _at_line(credited, "currency_mismatch", f"the account holds {account.currency}")
        if account.balance_minor + amount_minor > AMOUNT_MINOR_MAX:
            raise _at_line(credited, "amount_out_of_range", "the balance would pass 2^53 − 1")
        credited.append(account.credited(amount_minor))
    return credited


def _at_line(before: Sequence[object], code: str, why: str) -> Refused:
    return Refused(code, f"line {len(before) + 1}: {why}", field="lines")


def check_run(
    view: View, owner: bytes, batch: BulletinCredit | WagesPay, code_if_known: str
) -> RunRecord:
    """The record of a run that `owner` pays for the first time; else refused with that code."""
    run_id = batch.run_id
    if view.run(owner, run_id) is not None:
        raise Refused(code_if_known, f"run {run_id.hex()}", field="run_id")
    key = tree_key(RUN, owner + run_id)
    return RunRecord(key, owner, run_id, batch.total_minor, len(batch.lines))
