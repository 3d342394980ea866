"""The families of transactions that rule version 1 knows, each with its three verbs.

`validate` needs no state, `check` reads it and gives a plan, `apply` is where a candidate changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.accounts import OPEN_OBJECTS, apply_open, check_open, validate_open
from ledger.bulletins import BULLETIN_OBJECTS, apply_bulletin, check_bulletin, validate_bulletin
from ledger.envelope import Transaction
from ledger.fields import (
    ACCOUNT_OPEN,
    BULLETIN_CREDIT,
    PAYMENT_PAY,
    PAYMENT_REFUND,
    PROGRAMME_CLOSE,
    PROGRAMME_FUND,
    PROGRAMME_OPEN,
    RESERVE_ISSUE,
    RESERVE_REDEEM,
    WAGES_PAY,
    BulletinCredit,
    Fields,
    Issue,
    Opening,
    WagesPay,
)
from ledger.payments import PAY_OBJECTS, apply_pay, check_pay, validate_pay
from ledger.programmes import (
    PROGRAMME_CLOSE_OBJECTS,
    PROGRAMME_FUND_OBJECTS,
    PROGRAMME_OPEN_OBJECTS,
    apply_programme_open,
    apply_transfer,
    check_programme_close,
    check_programme_fund,
    check_programme_open,
    validate_programme_close,
    validate_programme_fund,
    validate_programme_open,
)
from ledger.refunds import REFUND_OBJECTS, apply_refund, check_refund, validate_refund
from ledger.reserve import (
    ISSUE_OBJECTS,
    REDEEM_OBJECTS,
    apply_issue,
    apply_redeem,
    check_issue,
    check_redeem,
    validate_issue,
    validate_redeem,
)
from ledger.rules import (
    BLOCK_WORK_PER_KEY,
    BLOCK_WORK_PER_OBJECT,
    BLOCK_WORK_PER_SIGNATURE,
    Parameters,
)
from ledger.state import Candidate
from ledger.view import View
from ledger.wages import WAGES_OBJECTS, apply_wages, check_wages, validate_wages
from primitives.encoding import Value

Validate = Callable[[Transaction, tuple[Value, ...], Parameters], Fields]
# A family's fields and plan are its own business; only it reads them.
Check = Callable[[View, Transaction, Any, int], Any]
Apply = Callable[[Candidate, Any], None]


class Family(NamedTuple):
    """The verbs of one kind of transaction."""

    validate: Validate
    check: Check
    apply: Apply
    is_batch: bool


FAMILIES: dict[str, Family] = {
    PAYMENT_PAY: Family(validate_pay, check_pay, apply_pay, False),
    PAYMENT_REFUND: Family(validate_refund, check_refund, apply_refund, False),
    RESERVE_REDEEM: Family(validate_redeem, check_redeem, apply_redeem, False),
    RESERVE_ISSUE: Family(validate_issue, check_issue, apply_issue, True),
    ACCOUNT_OPEN: Family(validate_open, check_open, apply_open, True),
    PROGRAMME_OPEN: Family(
        validate_programme_open, check_programme_open, apply_programme_open, False
    ),
    PROGRAMME_FUND: Family(validate_programme_fund, check_programme_fund, apply_transfer, False),
    PROGRAMME_CLOSE: Family(validate_programme_close, check_programme_close, apply_transfer, False),
    BULLETIN_CREDIT: Family(validate_bulletin, check_bulletin, apply_bulletin, True),
    WAGES_PAY: Family(validate_wages, check_wages, apply_wages, True),
}

_OBJECTS = {
    PAYMENT_PAY: PAY_OBJECTS,
    PAYMENT_REFUND: REFUND_OBJECTS,
    RESERVE_REDEEM: REDEEM_OBJECTS,
    RESERVE_ISSUE: ISSUE_OBJECTS,
    ACCOUNT_OPEN: OPEN_OBJECTS,
    PROGRAMME_OPEN: PROGRAMME_OPEN_OBJECTS,
    PROGRAMME_FUND: PROGRAMME_FUND_OBJECTS,
    PROGRAMME_CLOSE: PROGRAMME_CLOSE_OBJECTS,
    BULLETIN_CREDIT: BULLETIN_OBJECTS,
    WAGES_PAY: WAGES_OBJECTS,
}


def count_work(kind: str, signers: int, fields: Fields) -> int:
    """Units of `block_work_max` that a transaction takes (docs/protocol.md, "Bounds")."""
    objects = _OBJECTS[kind]
    keys = 0
    if isinstance(fields, Issue | BulletinCredit | WagesPay):
        objects += len(fields.lines)
    elif isinstance(fields, Opening):
        objects += len(fields.accounts)
        keys = sum([len(account.keys) for account in fields.accounts])
    return (
        BLOCK_WORK_PER_SIGNATURE * signers
        + BLOCK_WORK_PER_OBJECT * objects
        + BLOCK_WORK_PER_KEY * keys
    )
