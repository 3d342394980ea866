"""`account.freeze`, `account.unfreeze`: the town hall stops what leaves an account, with a reason.

Money still comes in, and the owner's keys still block, veto and change keys. A freeze ends by
itself at its date, at most 30 days away; another one renews it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.account_kinds import KINDS_CREDITED
from ledger.acting import Acting, check_acting
from ledger.envelope import Transaction
from ledger.objects import Account
from ledger.power_fields import FREEZE_REASONS, Freezing, Unfreezing
from ledger.powers import Act
from ledger.rules import MS_PER_DAY, Parameters
from ledger.shapes import ID_BYTES, expect_bytes, expect_count, expect_integer, wrong_shape
from ledger.state import Candidate
from ledger.view import View
from primitives.encoding import Value
from primitives.errors import Refused

FREEZE_OBJECTS = 2
FREEZE_MS_MAX: Final = 30 * MS_PER_DAY


class FreezePlan(NamedTuple):
    """A freeze, or its end, that passed its checks; accounts as they will be."""

    accounts: tuple[Account, ...]


def validate_freeze(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Freezing:
    """Shape, and a known reason: else `reason_unknown`."""
    if len(values) != 3:
        raise wrong_shape("account.freeze")
    reason = expect_integer(values[1], "reason")
    if reason not in FREEZE_REASONS:
        raise Refused("reason_unknown", f"{reason}", field="reason")
    return Freezing(
        expect_bytes(values[0], ID_BYTES, "target"), reason, expect_count(values[2], "until_ms")
    )


def validate_unfreeze(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Unfreezing:
    """Shape."""
    if len(values) != 1:
        raise wrong_shape("account.unfreeze")
    return Unfreezing(expect_bytes(values[0], ID_BYTES, "target"))


def check_freeze(
    view: View, transaction: Transaction, freezing: Freezing, time_ms: int
) -> FreezePlan:
    """By the town hall, for at most 30 days from now; else `date_out_of_range`."""
    acting = check_acting(view, transaction, freezing.target, Act.FREEZE, time_ms)
    _check_holds_money(acting)
    if not time_ms < freezing.until_ms <= time_ms + FREEZE_MS_MAX:
        raise Refused("date_out_of_range", "a freeze lasts 30 days at most", field="until_ms")
    frozen = acting.target._replace(
        frozen_until_ms=freezing.until_ms, freeze_reason=freezing.reason
    )
    return FreezePlan(acting.written(frozen))


def check_unfreeze(
    view: View, transaction: Transaction, unfreezing: Unfreezing, time_ms: int
) -> FreezePlan:
    """By the town hall, while it lasts; else `account_not_frozen`."""
    acting = check_acting(view, transaction, unfreezing.target, Act.UNFREEZE, time_ms)
    if acting.target.frozen_until_ms <= time_ms:
        raise Refused("account_not_frozen", "no freeze lasts", field="target")
    thawed = acting.target._replace(frozen_until_ms=0, freeze_reason=0)
    return FreezePlan(acting.written(thawed))


def _check_holds_money(acting: Acting) -> None:
    kind = acting.target.kind
    if kind not in KINDS_CREDITED:
        raise Refused("account_kind_invalid", f"a {kind}'s account holds no money")


def apply_freeze(candidate: Candidate, plan: FreezePlan) -> None:
    """Write it."""
    candidate.write(plan.accounts)
