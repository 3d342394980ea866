"""Payrolls: checked, drafted with salts, signed after a second check, then final or released.

A run's id follows from the registry's secret, the employer and the file, or the name that the run
was given: the ledger takes it once, also when a registry that forgot it was restored.
"""

import secrets

from ledger.line_commitments import wage_commitment
from ledger.shapes import RUN_BYTES, SALT_BYTES
from ledger.wages import wages_gross_minor
from node.registry.audit import Audit
from node.registry.consents import Consents
from node.registry.database import Database, Row
from node.registry.payroll_checks import PayrollChecks
from node.registry.people import People
from node.registry.records import Act, Payroll, PayrollLine, PayrollRun, RunLine
from node.registry.refusals import LineRefusal, LinesRefused, in_order
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_items

RUN_TAG = "wage_run"
DRAFT, SIGNED, FINAL, RELEASED = "draft", "signed", "final", "released"

_RUNS = (
    "SELECT run_id, employer, period, file_sha256, run_name, state, gross_total_minor,"
    " total_local_minor, raw, transaction_id, height, valid_until_ms FROM runs"
)


class Payrolls:
    """The payrolls that employers handed in; `prefix` is the territory's short name."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        people: People,
        consents: Consents,
        prefix: str,
    ) -> None:
        self._database = database
        self._audit = audit
        self._checks = PayrollChecks(database, people, consents, prefix)

    def check(self, act: Act, payroll: Payroll, cap_bps: int) -> list[LineRefusal]:
        """What is wrong with a payroll; nothing of it is kept.

        Lines: `employee_unknown` (not registered, no account, or another one is named),
        `wage_consent_missing` (in the file or on record), `wage_share_above_cap` with the most
        that is still allowed for the period, `line_duplicate`, `period_mixed`,
        `amount_out_of_range`. The whole: `payroll_already_submitted`, `payroll_empty`,
        `transaction_too_large`, `period_malformed`, `cell_too_long`. A line that pays nothing
        here may be about anybody.
        """
        with self._database.all_or_none():
            refusals = self._checks.refusals(payroll, cap_bps)
            self._audit.note(act, "check", f"payroll {self.run_id(payroll).hex()}")
        return refusals

    def draft(self, act: Act, payroll: Payroll, cap_bps: int, decimals: int) -> PayrollRun:
        """Draw salts for a payroll that is right, to be signed by the employer. The same payroll
        again is the same draft; a changed one takes its place.

        Raises `LinesRefused`; see `check`.
        """
        run_id = self.run_id(payroll)
        with self._database.all_or_none():
            refusals = self._checks.refusals(payroll, cap_bps)
            if refusals:
                raise LinesRefused(refusals)
            lines = [self._line(line) for line in payroll.lines if line.local_minor]
            known = self._find(run_id)
            if known is not None and known.state == DRAFT and _is_same(known, payroll, lines):
                return known
            gross_minor = sum(line.gross_minor or 0 for line in lines)
            self._replace(run_id, payroll, wages_gross_minor(gross_minor, len(lines), decimals))
            self._database.execute_many(
                "INSERT INTO run_lines (run_id, position, line, employee, account, gross_minor,"
                " amount_minor, commitment, salt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(run_id, position, *line) for position, line in enumerate(lines)],
            )
            self._audit.note(act, "draft", f"payroll {run_id.hex()}")
            return self.get(payroll.employer, run_id)

    def sign(
        self,
        act: Act,
        employer: bytes,
        run_id: bytes,
        raw: bytes,
        transaction_id: bytes,
        valid_until_ms: int,
        cap_bps: int,
    ) -> PayrollRun:
        """Keep what the node countersigned, before anybody sees it, once every line was checked
        again. The same bytes again are no fault.

        Raises `LinesRefused`; `Refused`: `payroll_unknown`, `payroll_already_submitted` when
        other bytes of this run are signed.
        """
        with self._database.all_or_none():
            run = self.get(employer, run_id)
            if run.state in (SIGNED, FINAL):
                if run.raw == raw:
                    return run
                raise Refused("payroll_already_submitted", run_id.hex())
            if run.state != DRAFT:
                raise Refused("payroll_unknown", run_id.hex())
            refusals = self._checks_again(run, cap_bps)
            if refusals:
                raise LinesRefused(refusals)
            self._database.execute(
                "UPDATE runs SET state = 'signed', raw = ?, transaction_id = ?,"
                " valid_until_ms = ? WHERE run_id = ?",
                (raw, transaction_id, valid_until_ms, run_id),
            )
            self._audit.note(act, "countersign", f"payroll {run_id.hex()}")
            return self.get(employer, run_id)

    def finish(self, act: Act, employer: bytes, run_id: bytes, height: int) -> PayrollRun:
        """The ledger paid it. Raises `Refused("payroll_unknown")` for one never signed."""
        with self._database.all_or_none():
            run = self.get(employer, run_id)
            if run.state == FINAL:
                return run
            if run.state != SIGNED:
                raise Refused("payroll_unknown", run.state)
            self._database.execute(
                "UPDATE runs SET state = 'final', height = ? WHERE run_id = ?", (height, run_id)
            )
            self._audit.note(act, "finish", f"payroll {run_id.hex()}")
            return self.get(employer, run_id)

    def release(self, act: Act, employer: bytes, run_id: bytes) -> PayrollRun:
        """It can never be paid any more: its lines and salts go, the payroll can come again.

        Raises `Refused`: `payroll_unknown`, `payroll_already_submitted` for a final one.
        """
        with self._database.all_or_none():
            run = self.get(employer, run_id)
            if run.state == FINAL:
                raise Refused("payroll_already_submitted", run_id.hex())
            if run.state != RELEASED:
                self._database.execute("DELETE FROM run_lines WHERE run_id = ?", (run_id,))
                self._database.execute(
                    "UPDATE runs SET state = 'released' WHERE run_id = ?", (run_id,)
                )
                self._audit.note(act, "release", f"payroll {run_id.hex()}")
            return self.get(employer, run_id)

    def get(self, employer: bytes, run_id: bytes) -> PayrollRun:
        """An employer's run. Raises `Refused("payroll_unknown")`, also for another's."""
        run = self._find(run_id)
        if run is None or run.employer != employer:
            raise Refused("payroll_unknown", run_id.hex())
        return run

    def runs_of(self, employer: bytes) -> list[PayrollRun]:
        """An employer's runs, by period; drafts too."""
        rows = self._database.all(
            f"{_RUNS} WHERE employer = ? ORDER BY period, run_id", (employer,)
        )
        return [self._run(row) for row in rows]

    def in_state(self, state: str) -> list[PayrollRun]:
        """All runs that stand so."""
        rows = self._database.all(f"{_RUNS} WHERE state = ? ORDER BY run_id", (state,))
        return [self._run(row) for row in rows]

    def run_id(self, payroll: Payroll) -> bytes:
        """The id that a payroll's run has on the ledger."""
        known_by = (
            ("file", payroll.file_sha256)
            if payroll.run_name is None
            else ("name", payroll.run_name)
        )
        items = [self._database.secret, payroll.employer, *known_by]
        return hash_items(RUN_TAG, items)[:RUN_BYTES]

    # -- within -------------------------------------------------------------------------------

    def _line(self, line: PayrollLine) -> RunLine:
        account = self._checks.account_to_pay(line)
        if account is None:
            raise InvariantBroken("a line that was checked has no account")
        salt = secrets.token_bytes(SALT_BYTES)
        commitment = wage_commitment(salt, line.gross_minor, line.employee, line.period)
        return RunLine(
            line.line,
            line.employee,
            account,
            line.gross_minor,
            line.local_minor,
            commitment,
            salt,
        )

    def _replace(self, run_id: bytes, payroll: Payroll, gross_total_minor: int | None) -> None:
        """An empty draft in the place of an earlier draft, or of a released run."""
        self._database.execute("DELETE FROM run_lines WHERE run_id = ?", (run_id,))
        self._database.execute(
            "DELETE FROM runs WHERE run_id = ? AND state IN ('draft', 'released')", (run_id,)
        )
        self._database.execute(
            "INSERT INTO runs (run_id, employer, employer_code, period, file_sha256, run_name,"
            " state, gross_total_minor, total_local_minor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_id,
                payroll.employer,
                self._checks.employer_code(payroll.employer),
                payroll.period,
                payroll.file_sha256,
                payroll.run_name,
                DRAFT,
                gross_total_minor,
                sum(line.local_minor for line in payroll.lines),
            ),
        )

    def _checks_again(self, run: PayrollRun, cap_bps: int) -> list[LineRefusal]:
        """The draft's lines as if they were handed in now, and that accounts are the same."""
        lines: list[PayrollLine] = []
        moved: list[LineRefusal] = []
        for line in run.lines:
            if line.employee is None or line.gross_minor is None:
                raise InvariantBroken("a draft's line was erased and the draft was not")
            lines.append(
                PayrollLine(
                    line.line,
                    line.employee,
                    None,
                    line.gross_minor,
                    line.amount_minor,
                    True,
                    run.period,
                )
            )
            account = self._checks.account_to_pay(lines[-1])
            if account is not None and account != line.account:
                moved.append(LineRefusal(line.line, "employee_unknown", "account", line.employee))
        payroll = Payroll(run.employer, run.period, run.file_sha256, run.run_name, tuple(lines))
        return in_order([*self._checks.refusals(payroll, cap_bps), *moved])

    def _find(self, run_id: bytes) -> PayrollRun | None:
        row = self._database.first(f"{_RUNS} WHERE run_id = ?", (run_id,))
        return None if row is None else self._run(row)

    def _run(self, row: Row) -> PayrollRun:
        lines = self._database.all(
            "SELECT line, employee, account, gross_minor, amount_minor, commitment, salt"
            " FROM run_lines WHERE run_id = ? ORDER BY position",
            (row[0],),
        )
        return PayrollRun._make((*row[:8], tuple(RunLine(*line) for line in lines), *row[8:]))


def _is_same(known: PayrollRun, payroll: Payroll, lines: list[RunLine]) -> bool:
    """Whether a draft is of this payroll, salts apart."""
    return (known.period, known.file_sha256) == (payroll.period, payroll.file_sha256) and [
        line[:5] for line in known.lines
    ] == [line[:5] for line in lines]
