"""Wages: employers pay a share of their wages in local money, countersigned by the territory.

What validators can check of the cap, they check on the run: its total gross wage, rounded up,
against its exact local total. That is coarse on purpose, since two exact totals would subtract to
a wage. The exact check, line by line, is the territory's before its node signs. A run below ten
lines carries no gross at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.account_kinds import EMPLOYER, EURO
from ledger.batches import check_line_count, check_run, credit_residents, read_lines
from ledger.envelope import Transaction
from ledger.fields import WagesPay
from ledger.lanes import LaneUse, check_lane
from ledger.line_commitments import is_within_wage_cap
from ledger.objects import Account, RunRecord, TerritoryRecord
from ledger.reserve import known_currency
from ledger.roles import COUNTERSIGN, SPEND
from ledger.rules import Parameters
from ledger.shapes import RUN_BYTES, expect_amount, expect_bytes, wrong_shape
from ledger.signers import check_two_parties
from ledger.state import Candidate
from ledger.territories import check_unfrozen, count_lines, known_account, known_territory
from ledger.view import View
from primitives.encoding import Value
from primitives.errors import Refused

WAGES_OBJECTS = 3
"""Beside one for each line."""

GROSS_LINES_MIN = 10
"""From so many lines on a run carries its total gross wage."""

GROSS_ROUNDED_TO = 100
"""The total gross wage is rounded up to that many of the currency's units."""

COUNTERSIGNATURES = 1


class WagesPlan(NamedTuple):
    """A payroll that passed its checks; accounts and records as they will be."""

    use: LaneUse
    total_minor: int
    credited: list[Account]
    territory: TerritoryRecord
    run: RunRecord


def wages_pay_fields(
    run_id: bytes, gross_total_minor: int | None, lines: Sequence[tuple[bytes, int, bytes]]
) -> tuple[Value, ...]:
    """The body's last values of `wages.pay`; `run_id` is 16 bytes, a line (account id,
    amount_minor, commitment of 32 bytes). `gross_total_minor`: see `wages_gross_minor`."""
    return (run_id, gross_total_minor, tuple([tuple(line) for line in lines]))


def wages_gross_minor(gross_minor: int, lines_count: int, decimals: int) -> int | None:
    """What a run says of its total gross wage: rounded up, nil where it has too few lines."""
    if lines_count < GROSS_LINES_MIN:
        return None
    step: int = GROSS_ROUNDED_TO * 10**decimals
    return -(-gross_minor // step) * step


def validate_wages(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> WagesPay:
    """Shape, number of lines, amounts and their sum, no account twice; a gross total in runs of
    ten lines or more alone."""
    if len(values) != 3:
        raise wrong_shape("wages.pay")
    run_id = expect_bytes(values[0], RUN_BYTES, "run_id")
    gross_total_minor = values[1]
    if gross_total_minor is not None and type(gross_total_minor) is not int:
        raise wrong_shape("gross_total_minor")
    lines, total_minor = read_lines(values[2], parameters)
    if (gross_total_minor is None) != (len(lines) < GROSS_LINES_MIN):
        raise _gross_invalid(f"{len(lines)} lines: from {GROSS_LINES_MIN} on, and only then")
    if gross_total_minor is not None:
        gross_total_minor = expect_amount(gross_total_minor, "gross_total_minor")
    return WagesPay(run_id, gross_total_minor, lines, total_minor)


def check_wages(view: View, transaction: Transaction, wages: WagesPay, time_ms: int) -> WagesPlan:
    """All that a payroll needs of the state; changes nothing."""
    use = check_lane(view, transaction, time_ms, SPEND, view.parameters.valid_for_cosigned_ms_max)
    employer = use.account
    if employer.kind != EMPLOYER:
        raise Refused("account_kind_invalid", f"accounts of kind {employer.kind} pay no wages")
    currency = known_currency(view, employer.currency)
    if currency.kind != EURO:
        raise Refused("currency_mismatch", f"{currency.code} is no money that wages are paid in")
    territory = known_territory(view, currency.prefix)
    office = known_account(view, territory.account_id)
    check_unfrozen(office, time_ms)
    check_two_parties(
        employer, SPEND, wages.total_minor, office, COUNTERSIGN, transaction, COUNTERSIGNATURES
    )
    check_line_count(wages.lines, view.parameters)
    if wages.gross_total_minor is not None:
        _check_share(wages.total_minor, wages.gross_total_minor, currency.decimals, territory)
    run = check_run(view, employer.id, wages, "payroll_already_submitted")
    territory_after = count_lines(view, territory, transaction.created_ms, len(wages.lines))
    credited = credit_residents(view, wages.lines, currency.code)
    if employer.balance_minor < wages.total_minor:
        raise Refused(
            "balance_insufficient",
            f"{employer.balance_minor} minor units, {wages.total_minor} asked",
        )
    return WagesPlan(use, wages.total_minor, credited, territory_after, run)


def _check_share(
    total_minor: int, gross_total_minor: int, decimals: int, territory: TerritoryRecord
) -> None:
    if gross_total_minor % (GROSS_ROUNDED_TO * 10**decimals):
        raise _gross_invalid("not rounded up to the next hundred")
    if not is_within_wage_cap(total_minor, gross_total_minor, territory.wage_cap_bps):
        raise Refused(
            "wage_share_above_cap",
            f"{total_minor} of {gross_total_minor}, at most {territory.wage_cap_bps} of 10,000",
        )


def _gross_invalid(why: str) -> Refused:
    return Refused("gross_total_invalid", why, field="gross_total_minor")


def apply_wages(candidate: Candidate, plan: WagesPlan) -> None:
    """Pay the wages and remember the run."""
    accounts = (plan.use.spent(plan.total_minor), *plan.credited)
    candidate.write(accounts, territory=plan.territory, records=(plan.run,))
