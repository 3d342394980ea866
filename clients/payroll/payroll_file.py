"""A payroll as a file, and what can be said against it without asking anyone.

One line per employee; lines without a local share say what a colleague earns and pay nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clients.tables import Row, Table, parse_rows, parse_table, read_table
from ledger.line_commitments import is_within_wage_cap, wage_local_max_minor
from primitives import addresses
from primitives.errors import Refused
from terminal.line_refusals import LineRefusal, LinesRefused

COLUMNS = ("employee", "account", "gross_wage", "local_share", "consent", "period")
TEMPLATE = ";".join(COLUMNS) + "\n"


@dataclass(frozen=True)
class PayrollLine:
    """One employee's wage and the share of it paid here."""

    line: int
    employee: str
    account: str
    """An address; empty for the account that the territory registered."""
    gross_minor: int
    local_minor: int
    consent: bool
    period: str


@dataclass(frozen=True)
class Payroll:
    """A file's payroll. `name` is what a second payroll of the same file is known by, if given."""

    file: str
    sha256: bytes
    period: str
    lines: tuple[PayrollLine, ...]
    run_name: str | None = None

    @property
    def paid_lines(self) -> tuple[PayrollLine, ...]:
        """The lines that pay something here."""
        return tuple(line for line in self.lines if line.local_minor)

    @property
    def local_total_minor(self) -> int:
        """What the employer pays in local money."""
        return sum(line.local_minor for line in self.lines)

    def named(self, run_name: str | None) -> "Payroll":
        """The same under a name of its own."""
        return replace(self, run_name=run_name or None)


def read_payroll(path: Path, decimals: int) -> Payroll:
    """Read a payroll's file. Raises `LinesRefused` for what cannot be read."""
    return _payroll(read_table(path, COLUMNS), decimals)


def parse_payroll(raw: bytes, decimals: int, *, file: str) -> Payroll:
    """The same from bytes at hand."""
    return _payroll(parse_table(raw, COLUMNS, file=file), decimals)


def _payroll(table: Table, decimals: int) -> Payroll:
    def parse(row: Row) -> PayrollLine:
        return PayrollLine(
            line=row.line,
            employee=row.code("employee"),
            account=row.text("account", may_be_empty=True).lower(),
            gross_minor=row.amount("gross_wage", decimals),
            local_minor=row.amount("local_share", decimals),
            consent=row.consent("consent"),
            period=row.period("period"),
        )

    lines = parse_rows(table, parse)
    if not lines:
        raise LinesRefused([LineRefusal("file_empty")], table.file)
    return Payroll(table.file, table.sha256, lines[0].period, tuple(lines))


def faults_of(payroll: Payroll, cap_bps: int) -> list[LineRefusal]:
    """What is wrong with the lines by themselves, in their order.

    Whether an employee is known, consented, and what other payrolls of the month already took of
    the cap, the town hall says.
    """
    seen: dict[str, int] = {}
    found: list[LineRefusal] = []
    for line in payroll.lines:
        first = seen.setdefault(line.employee, line.line)
        if first != line.line:
            found.append(LineRefusal("line_duplicate", line.line, "employee", f"{line.employee}"))
        if line.period != payroll.period:
            detail = f"{line.period} ≠ {payroll.period}"
            found.append(LineRefusal("period_mixed", line.line, "period", detail))
        if line.account and not _is_address(line.account):
            found.append(LineRefusal("address_malformed", line.line, "account"))
        if line.gross_minor == 0:
            found.append(LineRefusal("amount_out_of_range", line.line, "gross_wage", "0"))
        if line.local_minor and not line.consent:
            found.append(LineRefusal("wage_consent_missing", line.line, "consent"))
        if not is_within_wage_cap(line.local_minor, line.gross_minor, cap_bps):
            allowed_minor = wage_local_max_minor(line.gross_minor, cap_bps)
            found.append(
                LineRefusal(
                    "wage_share_above_cap", line.line, "local_share", allowed_minor=allowed_minor
                )
            )
    return found


def merged(one: Sequence[LineRefusal], other: Sequence[LineRefusal]) -> list[LineRefusal]:
    """Both lists by line, each fault once; `other`'s words are kept where both name it."""
    found = {(refusal.line, refusal.code): refusal for refusal in (*one, *other)}
    return sorted(found.values(), key=lambda refusal: (refusal.line or 0, refusal.code))


def _is_address(word: str) -> bool:
    try:
        addresses.parse_address(word)
    except Refused:
        return False
    return True
