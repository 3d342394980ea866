"""Round shares below the cap: a share paid exactly at the cap tells the wage to who knows the cap.

The ledger shows every share under a pseudonym. At the cap of 10 % a share of 214,30 is a wage of
2 143,00; a share of 210 is a wage of 2 100 or of anything above it.
"""

from dataclasses import dataclass

from clients.payroll.payroll_file import Payroll
from ledger.line_commitments import wage_local_max_minor

# How round, by the size of the most allowed, both in units of the currency.
_STEPS = ((1_000, 50), (100, 10), (20, 5), (2, 1))


@dataclass(frozen=True)
class RoundShare:
    """A line whose share tells the wage, and one that would not."""

    line: int
    local_minor: int
    suggested_minor: int


def round_share_minor(allowed_minor: int, decimals: int) -> int:
    """The largest round amount below `allowed_minor`; 0 when there is none."""
    unit: int = 10**decimals
    for least, step in _STEPS:
        if allowed_minor >= least * unit:
            step_minor: int = step * unit
            return (allowed_minor - 1) // step_minor * step_minor
    return 0


def telling_shares(payroll: Payroll, cap_bps: int, decimals: int) -> list[RoundShare]:
    """The lines paid exactly at the cap."""
    found: list[RoundShare] = []
    for line in payroll.paid_lines:
        allowed_minor = wage_local_max_minor(line.gross_minor, cap_bps)
        if line.local_minor == allowed_minor:
            found.append(
                RoundShare(line.line, line.local_minor, round_share_minor(allowed_minor, decimals))
            )
    return found
