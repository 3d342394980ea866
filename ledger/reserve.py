"""The reserve: the one place where money is created and destroyed.

`reserve.issue`: the issuer creates money against what was paid into the reserve. `reserve.redeem`:
a holder gives money up, with the issuer's signatures, and the issuer pays euros out. The fee goes
to the currency's fee account in local money; reserve and supply fall by the rest alone. A currency
of kind `time` has no reserve: its supply alone moves.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.account_kinds import EURO
from ledger.days import counted, day_of
from ledger.envelope import Transaction
from ledger.fields import Issue, IssueLine, Redemption
from ledger.lanes import LaneUse, check_lane
from ledger.objects import Account, Currency, TerritoryRecord
from ledger.payments import check_payee, check_room
from ledger.roles import ISSUE, SPEND
from ledger.rules import Parameters
from ledger.shapes import (
    HASH_BYTES,
    ID_BYTES,
    expect_amount,
    expect_array,
    expect_bytes,
    expect_fields,
    expect_text,
    wrong_shape,
)
from ledger.signers import check_signers, check_two_parties
from ledger.state import Candidate
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import InvariantBroken, Refused

REDEEM_OBJECTS = 3
ISSUE_OBJECTS = 2
"""Beside one for each line."""

BPS = 10_000


class IssuePlan(NamedTuple):
    """An issue that passed its checks."""

    use: LaneUse
    credited: tuple[Account, ...]
    currency: Currency
    territory: TerritoryRecord


class RedeemPlan(NamedTuple):
    """A redemption that passed its checks: the accounts and totals as they will be."""

    accounts: tuple[Account, ...]
    currency: Currency


def issue_fields(currency: str, lines: list[tuple[bytes, int, bytes]]) -> tuple[Value, ...]:
    """The body's last values of `reserve.issue`; a line is (account id, amount_minor, commitment
    of 32 bytes to the bank's reference)."""
    return (currency, tuple(lines))


def redeem_fields(currency: str, amount_minor: int, commitment: bytes) -> tuple[Value, ...]:
    """The body's last values of `reserve.redeem`."""
    return (currency, amount_minor, commitment)


def redeem_fee_minor(amount_minor: int, redeem_fee_bps: int) -> int:
    """What of a redeemed amount goes to the fee account: rounded down to the minor unit."""
    return amount_minor * redeem_fee_bps // BPS


def validate_issue(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Issue:
    """Shape, number of lines, amounts and their sum, no account twice."""
    if len(values) != 2:
        raise wrong_shape("reserve.issue")
    currency = expect_text(values[0], "currency")
    entries = expect_array(values[1], "lines")
    if not entries:
        raise wrong_shape("lines")
    if len(entries) > parameters.lines_max:
        raise Refused("transaction_too_large", f"more than {parameters.lines_max} lines")
    lines: list[IssueLine] = []
    for entry in entries:
        account, amount_minor, commitment = expect_fields(entry, 3, "lines")
        lines.append(
            IssueLine(
                expect_bytes(account, ID_BYTES, "account"),
                expect_amount(amount_minor, "amount_minor"),
                expect_bytes(commitment, HASH_BYTES, "commitment"),
            )
        )
    if len({line.account for line in lines}) != len(lines):
        raise Refused("line_duplicate", "an account stands in two lines", field="lines")
    total_minor = sum([line.amount_minor for line in lines])
    if total_minor > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", "the total would pass 2^53 − 1", field="lines")
    return Issue(currency, tuple(lines), total_minor)


def check_issue(view: View, transaction: Transaction, issue: Issue, time_ms: int) -> IssuePlan:
    """All that an issue needs of the state; changes nothing."""
    parameters = view.parameters
    use = check_lane(view, transaction, time_ms, ISSUE, parameters.valid_for_cosigned_ms_max)
    currency = _known_currency(view, issue.currency)
    if currency.issuer_id != use.account.id:
        raise Refused("role_missing", f"the account is not the issuer of {currency.code}")
    check_signers(use.account, transaction, ISSUE)
    if len(issue.lines) > parameters.lines_max:
        raise Refused("transaction_too_large", f"more than {parameters.lines_max} lines")
    territory = known_territory(view, currency.prefix)
    day = day_of(territory.day, transaction.created_ms)
    lines_count = counted(territory.day, territory.lines_count, day, len(issue.lines))
    if lines_count > parameters.lines_per_day_max:
        raise Refused("quota_exceeded", "the territory's lines of the day")
    credited: list[Account] = []
    for line in issue.lines:
        account = check_payee(view.account(line.account), currency.code)
        check_room(account, line.amount_minor)
        credited.append(account.credited(line.amount_minor))
    return IssuePlan(
        use,
        tuple(credited),
        _moved(currency, issue.total_minor),
        territory._replace(
            day=day,
            opened_count=counted(territory.day, territory.opened_count, day, 0),
            lines_count=lines_count,
        ),
    )


def apply_issue(candidate: Candidate, plan: IssuePlan) -> None:
    """Create the money."""
    candidate.write((plan.use.spent(0), *plan.credited), (plan.currency,), plan.territory)


def validate_redeem(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Redemption:
    """Shape and amount."""
    if len(values) != 3:
        raise wrong_shape("reserve.redeem")
    return Redemption(
        expect_text(values[0], "currency"),
        expect_amount(values[1], "amount_minor"),
        expect_bytes(values[2], HASH_BYTES, "commitment"),
    )


def check_redeem(
    view: View, transaction: Transaction, redemption: Redemption, time_ms: int
) -> RedeemPlan:
    """All that a redemption needs of the state; changes nothing."""
    valid_for_ms_max = view.parameters.valid_for_cosigned_ms_max
    use = check_lane(view, transaction, time_ms, SPEND, valid_for_ms_max)
    currency = _known_currency(view, redemption.currency)
    holder = use.account
    amount_minor = redemption.amount_minor
    if holder.currency != currency.code:
        raise Refused("currency_mismatch", f"the account holds {holder.currency}")
    if holder.kind not in currency.redeem_kinds:
        raise Refused("account_kind_invalid", f"accounts of kind {holder.kind} do not redeem")
    issuer = view.account(currency.issuer_id)
    if issuer is None:
        raise InvariantBroken(f"{currency.code} has no issuer's account")
    if issuer.frozen_until_ms > time_ms:
        raise Refused("account_frozen", f"the issuer, until {issuer.frozen_until_ms} ms")
    check_two_parties(holder, SPEND, amount_minor, issuer, ISSUE, transaction)
    if holder.balance_minor < amount_minor:
        raise Refused(
            "balance_insufficient", f"{holder.balance_minor} minor units, {amount_minor} asked"
        )
    fee_minor = redeem_fee_minor(amount_minor, currency.redeem_fee_bps)
    rest_minor = amount_minor - fee_minor
    covered_minor = currency.reserve_minor if currency.kind == EURO else currency.supply_minor
    if covered_minor < rest_minor:
        raise Refused("reserve_insufficient", f"{covered_minor} minor units, {rest_minor} asked")
    if fee_minor == 0 or currency.fee_account_id == holder.id:
        accounts: tuple[Account, ...] = (use.spent(rest_minor),)
    else:
        collector = check_payee(view.account(currency.fee_account_id), currency.code)
        check_room(collector, fee_minor)
        accounts = (use.spent(amount_minor), collector.credited(fee_minor))
    return RedeemPlan(accounts, _moved(currency, -rest_minor))


def apply_redeem(candidate: Candidate, plan: RedeemPlan) -> None:
    """Destroy the money, the fee moved before."""
    candidate.write(plan.accounts, (plan.currency,))


def _known_currency(view: View, code: str) -> Currency:
    currency = view.currency(code)
    if currency is None:
        raise Refused("currency_unknown", f"{code[:20]!r}", field="currency")
    return currency


def known_territory(view: View, prefix: str) -> TerritoryRecord:
    """The territory of an object that stands in state; it always exists."""
    territory = view.territory(prefix)
    if territory is None:
        raise InvariantBroken(f"no territory is called {prefix}")
    return territory


def _moved(currency: Currency, amount_minor: int) -> Currency:
    """The totals after so much was created (destroyed, if negative), or `amount_out_of_range`."""
    supply_minor = currency.supply_minor + amount_minor
    reserve_minor = currency.reserve_minor + (amount_minor if currency.kind == EURO else 0)
    if supply_minor > AMOUNT_MINOR_MAX or reserve_minor > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", f"the supply of {currency.code} would pass 2^53 − 1")
    return currency._replace(supply_minor=supply_minor, reserve_minor=reserve_minor)
