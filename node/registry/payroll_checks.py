"""What the town hall has against a payroll, line by line: the exact check of the cap is here.

The ledger checks a run's totals only. Here each line is held against the person's registered
account and consent, and against what the same employer paid the same employee for the same period
in runs that were signed, final or not.
"""

from collections.abc import Iterable

from ledger.line_commitments import wage_local_max_minor
from node.registry.cells import CODE_CHARACTERS_MAX, is_period
from node.registry.consents import Consents
from node.registry.database import Database
from node.registry.people import EMPLOYER, RESIDENT, People
from node.registry.records import Payroll, PayrollLine
from node.registry.refusals import LineRefusal, in_order
from primitives.addresses import format_address
from primitives.amounts import AMOUNT_MINOR_MAX

LINES_MAX = 2_000


class PayrollChecks:
    """Reads only; for `Payrolls`, in its transaction."""

    def __init__(self, database: Database, people: People, consents: Consents, prefix: str) -> None:
        self._database = database
        self._people = people
        self._consents = consents
        self._prefix = prefix

    def refusals(self, payroll: Payroll, cap_bps: int) -> list[LineRefusal]:
        """Everything wrong with a payroll; none when it may be signed. See `Payrolls.check`."""
        if self._is_known(payroll):
            # Of course its lines are paid already: to say so line by line helps nobody.
            return [LineRefusal(None, "payroll_already_submitted")]
        found = self._file_refusals(payroll)
        seen: set[str] = set()
        for line in payroll.lines:
            if line.employee in seen:
                found.append(LineRefusal(line.line, "line_duplicate", "employee", line.employee))
            seen.add(line.employee)
            if line.period != payroll.period:
                found.append(LineRefusal(line.line, "period_mixed", "period", line.period))
            amounts = _amount_refusals(line)
            found += amounts
            if line.local_minor > 0:
                found += self._employee_refusals(payroll.employer, line)
                if not amounts:
                    found += self._cap_refusals(payroll, line, cap_bps)
        return in_order(found)

    def account_to_pay(self, line: PayrollLine) -> bytes | None:
        """The employee's registered account, if the line names no other."""
        account = self._people.account_of(RESIDENT, line.employee)
        if account is None or not line.account:
            return account
        # The registered account's address is written out rather than the given one read: there is
        # one right word, and everything else is none.
        return account if format_address(self._prefix, account) == line.account.lower() else None

    def employer_code(self, employer: bytes) -> str | None:
        """The code of the employer whose account this is."""
        return self._people.code_of(EMPLOYER, employer)

    def _is_known(self, payroll: Payroll) -> bool:
        """Whether a run of this file, or of this name, was signed."""
        known = self._database.first(
            "SELECT 1 FROM runs WHERE employer = ? AND state IN ('signed', 'final')"
            " AND (file_sha256 = ? OR run_name = ?)",
            (payroll.employer, payroll.file_sha256, payroll.run_name),
        )
        return known is not None

    def _file_refusals(self, payroll: Payroll) -> list[LineRefusal]:
        found: list[LineRefusal] = []
        if not is_period(payroll.period):
            found.append(LineRefusal(None, "period_malformed", "period"))
        if payroll.run_name is not None and not 1 <= len(payroll.run_name) <= CODE_CHARACTERS_MAX:
            found.append(LineRefusal(None, "cell_too_long", "run_name"))
        paid = sum(line.local_minor > 0 for line in payroll.lines)
        if paid == 0:
            found.append(LineRefusal(None, "payroll_empty"))
        if paid > LINES_MAX:
            found.append(LineRefusal(None, "transaction_too_large", None, f"{paid} lines"))
        if sum(line.local_minor for line in payroll.lines) > AMOUNT_MINOR_MAX:
            found.append(LineRefusal(None, "amount_out_of_range", "local_share"))
        return found

    def _employee_refusals(self, employer: bytes, line: PayrollLine) -> list[LineRefusal]:
        account = self._people.account_of(RESIDENT, line.employee)
        if account is None:
            return [LineRefusal(line.line, "employee_unknown", "employee", line.employee)]
        # Consent comes first: whether an account is a person's is told to his employer alone.
        if not (line.consent and self._consents.is_given(account, employer)):
            return [LineRefusal(line.line, "wage_consent_missing", "consent", line.employee)]
        if self.account_to_pay(line) is None:
            return [LineRefusal(line.line, "employee_unknown", "account", line.employee)]
        return []

    def _cap_refusals(self, payroll: Payroll, line: PayrollLine, cap_bps: int) -> list[LineRefusal]:
        most_minor = wage_local_max_minor(line.gross_minor, cap_bps)
        earlier_minor = self._paid_minor(payroll, line.employee)
        allowed_minor = max(0, most_minor - earlier_minor)
        if line.local_minor <= allowed_minor:
            return []
        return [LineRefusal(line.line, "wage_share_above_cap", "local_share", "", allowed_minor)]

    def _paid_minor(self, payroll: Payroll, employee: str) -> int:
        """What this employer's other runs of the period pay the employee. An employer who moved
        to another account is still the same one."""
        row = self._database.one(
            "SELECT COALESCE(SUM(amount_minor), 0) FROM run_lines JOIN runs USING (run_id)"
            " WHERE employee = ? AND period = ? AND state IN ('signed', 'final')"
            " AND (employer = ? OR employer_code = ?)",
            (employee, payroll.period, payroll.employer, self.employer_code(payroll.employer)),
        )
        return int(row[0])


def _amount_refusals(line: PayrollLine) -> list[LineRefusal]:
    amounts: Iterable[tuple[str, int, int]] = (
        ("gross_wage", line.gross_minor, 1),
        ("local_share", line.local_minor, 0),
    )
    return [
        LineRefusal(line.line, "amount_out_of_range", field)
        for field, amount_minor, least in amounts
        if not least <= amount_minor <= AMOUNT_MINOR_MAX
    ]
