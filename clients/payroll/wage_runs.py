"""A run as the town hall drafts it, checked against the file, and as what is signed.

The town hall draws the salts and knows the accounts; everything else must be what the file says, or
nothing is signed. A commitment is opened here before it is signed, so the employer knows that the
ledger's line stands for this wage and no other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clients.payroll.payroll_file import Payroll, PayrollLine
from ledger.fields import WAGES_PAY
from ledger.line_commitments import wage_commitment
from ledger.wages import wages_gross_minor, wages_pay_fields
from primitives import addresses
from primitives.encoding import Value
from primitives.errors import Refused
from wallet.outbox_entry import intent_hash

RUN_ID_BYTES = 16
ACCOUNT_ID_BYTES = 20
SALT_BYTES = 32
HASH_BYTES = 32
# Until the bytes expire a mended payroll cannot take their place, so this is not long.
WAGES_VALID_MS = 3_600_000


@dataclass(frozen=True)
class RunLine:
    """One line to be paid: the ledger's part, and what its commitment is over."""

    line: int
    employee: str
    gross_minor: int
    account: bytes
    amount_minor: int
    commitment: bytes
    salt: bytes


@dataclass(frozen=True)
class WageRun:
    """A run that was checked. An intent as `wallet.payments` has them."""

    run_id: bytes
    period: str
    gross_total_minor: int | None
    lines: tuple[RunLine, ...]
    file_sha256: bytes
    run_name: str | None
    currency: str
    kind: str = WAGES_PAY
    valid_for_ms: int = WAGES_VALID_MS

    @property
    def total_minor(self) -> int:
        """What the employer pays."""
        return sum(line.amount_minor for line in self.lines)

    def key(self) -> str:
        """See `wallet.payments.Intent`. Another draft of the same file is another intent."""
        parts = [line.commitment for line in self.lines]
        return intent_hash(self.kind, self.run_id, self.gross_total_minor, *parts)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `wallet.payments.Intent`. The salts stay with the employer, who may disclose."""
        lines = [(line.account, line.amount_minor, line.commitment) for line in self.lines]
        private: dict[str, str | int] = {
            "currency": self.currency,
            "amount_minor": self.total_minor,
            "run_id": self.run_id.hex(),
            "period": self.period,
            "file_sha256": self.file_sha256.hex(),
            "run_name": self.run_name or "",
            "lines": json.dumps([_line_to_json(line) for line in self.lines]),
        }
        return wages_pay_fields(self.run_id, self.gross_total_minor, lines), private


def run_reference(file_sha256: bytes, run_name: str | None) -> tuple[str, str]:
    """What a payroll is known by, as it stands in an outbox entry: the file, and its name."""
    return file_sha256.hex(), run_name or ""


def check_draft(
    payroll: Payroll, draft: Mapping[str, object], *, prefix: str, currency: str, decimals: int
) -> WageRun:
    """The run to sign, if the town hall's draft says what the file says.

    Raises `Refused`: `payroll_differs` with the line, `node_answer_malformed`.
    """
    by_line = {line.line: line for line in payroll.paid_lines}
    listed = draft.get("lines")
    if not isinstance(listed, list):
        raise Refused("node_answer_malformed", field="lines")
    lines = [_checked_line(one, by_line, prefix) for one in listed]
    if sorted(line.line for line in lines) != sorted(by_line):
        raise _differs("it has other lines", payroll)
    if len({line.account for line in lines}) != len(lines):
        raise _differs("an account stands twice", payroll)
    gross_total_minor = draft.get("gross_total_minor")
    if gross_total_minor is not None and type(gross_total_minor) is not int:
        raise Refused("node_answer_malformed", field="gross_total_minor")
    gross_minor = sum(line.gross_minor for line in lines)
    if gross_total_minor != wages_gross_minor(gross_minor, len(lines), decimals):
        raise _differs("its gross total is another one", payroll)
    return WageRun(
        run_id=_bytes(draft, "run_id", RUN_ID_BYTES),
        period=payroll.period,
        gross_total_minor=gross_total_minor,
        lines=tuple(lines),
        file_sha256=payroll.sha256,
        run_name=payroll.run_name,
        currency=currency,
    )


def lines_from_private(private: Mapping[str, str | int]) -> list[RunLine]:
    """The lines of an outbox entry. Raises `Refused("outbox_malformed")`."""
    try:
        return [
            RunLine(
                line=int(one[0]),
                employee=str(one[1]),
                gross_minor=int(one[2]),
                account=bytes.fromhex(one[3]),
                amount_minor=int(one[4]),
                commitment=bytes.fromhex(one[5]),
                salt=bytes.fromhex(one[6]),
            )
            for one in json.loads(str(private["lines"]))
        ]
    except (KeyError, ValueError, TypeError, IndexError):
        raise Refused("outbox_malformed", "wages") from None


def _line_to_json(line: RunLine) -> list[object]:
    return [
        line.line,
        line.employee,
        line.gross_minor,
        line.account.hex(),
        line.amount_minor,
        line.commitment.hex(),
        line.salt.hex(),
    ]


def _checked_line(content: object, by_line: Mapping[int, PayrollLine], prefix: str) -> RunLine:
    if not isinstance(content, dict) or type(content.get("line")) is not int:
        raise Refused("node_answer_malformed", field="lines")
    asked = by_line.get(content["line"])
    if asked is None:
        raise Refused("payroll_differs", "a line that pays nothing", line=content["line"])
    account = _bytes(content, "account", ACCOUNT_ID_BYTES)
    commitment = _bytes(content, "commitment", HASH_BYTES)
    salt = _bytes(content, "salt", SALT_BYTES)
    if content.get("amount_minor") != asked.local_minor:
        raise Refused("payroll_differs", "another amount", line=asked.line, field="local_share")
    if asked.account and addresses.format_address(prefix, account) != asked.account:
        raise Refused("payroll_differs", "another account", line=asked.line, field="account")
    if commitment != wage_commitment(salt, asked.gross_minor, asked.employee, asked.period):
        raise Refused("payroll_differs", "it commits to something else", line=asked.line)
    return RunLine(
        asked.line, asked.employee, asked.gross_minor, account, asked.local_minor, commitment, salt
    )


def _differs(detail: str, payroll: Payroll) -> Refused:
    return Refused("payroll_differs", detail, file=payroll.file)


def _bytes(content: Mapping[str, object], name: str, size: int) -> bytes:
    word = content.get(name)
    try:
        raw = bytes.fromhex(word) if isinstance(word, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise Refused("node_answer_malformed", field=name)
    return raw
