"""The reserve: the one place where money is created and destroyed.

`reserve.issue`: the issuer creates money against what was paid into the reserve. `reserve.redeem`:
a holder gives money up, with the issuer's signatures, and the issuer pays euros out. The fee goes
to the currency's fee account in local money; reserve and supply fall by the rest alone. A currency
of kind `time` has no reserve: its supply alone moves.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.account_kinds import EURO
from ledger.batches import check_line_count, read_lines
from ledger.envelope import Transaction
from ledger.fields import Issue, Redemption
from ledger.lanes import LaneUse, check_lane
from ledger.objects import Account, Currency, TerritoryRecord
from ledger.payments import check_payee, check_room
from ledger.roles import ISSUE, SPEND
from ledger.rules import Parameters
from ledger.shapes import (
    HASH_BYTES,
    expect_amount,
    expect_bytes,
    expect_text,
    wrong_shape,
)
from ledger.signers import check_signers, check_two_parties
from ledger.state import Candidate
from ledger.territories import check_unfrozen, count_lines, known_account, known_territory
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused

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
    lines, total_minor = read_lines(values[1], parameters)
    return Issue(currency, lines, total_minor)


def check_issue(view: View, transaction: Transaction, issue: Issue, time_ms: int) -> IssuePlan:
    """All that an issue needs of the state; changes nothing."""
    parameters = view.parameters
    use = check_lane(view, transaction, time_ms, ISSUE, parameters.valid_for_cosigned_ms_max)
    currency = known_currency(view, issue.currency)
    if currency.issuer_id != use.account.id:
        raise Refused("role_missing", f"the account is not the issuer of {currency.code}")
    check_signers(use.account, transaction, ISSUE)
    check_line_count(issue.lines, parameters)
    territory = known_territory(view, currency.prefix)
    territory = count_lines(view, territory, transaction.created_ms, len(issue.lines))
    credited: list[Account] = []
    for line in issue.lines:
        account = check_payee(view.account(line.account), currency.code)
        check_room(account, line.amount_minor)
        credited.append(account.credited(line.amount_minor))
    return IssuePlan(
        use,
        tuple(credited),
        _moved(currency, issue.total_minor),
        territory,
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
    currency = known_currency(view, redemption.currency)
    holder = use.account
    amount_minor = redemption.amount_minor
    if holder.currency != currency.code:
        raise Refused("currency_mismatch", f"the account holds {holder.currency}")
    if holder.kind not in currency.redeem_kinds:
        raise Refused("account_kind_invalid", f"accounts of kind {holder.kind} do not redeem")
    issuer = known_account(view, currency.issuer_id)
    check_unfrozen(issuer, time_ms)
    check_two_parties(holder, SPEND, amount_minor, issuer, ISSUE, transaction, issuer.threshold)
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


def known_currency(view: View, code: str) -> Currency:
    """The currency that a transaction names, or `currency_unknown`."""
    currency = view.currency(code)
    if currency is None:
        raise Refused("currency_unknown", f"{code[:20]!r}", field="currency")
    return currency


def _moved(currency: Currency, amount_minor: int) -> Currency:
    """The totals after so much was created (destroyed, if negative), or `amount_out_of_range`."""
    supply_minor = currency.supply_minor + amount_minor
    reserve_minor = currency.reserve_minor + (amount_minor if currency.kind == EURO else 0)
    if supply_minor > AMOUNT_MINOR_MAX or reserve_minor > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", f"the supply of {currency.code} would pass 2^53 − 1")
    return currency._replace(supply_minor=supply_minor, reserve_minor=reserve_minor)
