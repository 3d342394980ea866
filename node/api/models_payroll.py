"""What employers hand in, and what employees say to it."""

from typing import Annotated, Literal

from pydantic import Field

from node.api.models import Count, Hash, Hex, Model
from node.api.models_office import (
    AccountId,
    AddressText,
    Asked,
    Code,
    Line,
    Period,
    Salt,
    Signature,
    Text,
)

PAYROLL_LINES_MAX = 10_000

Wage = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]


class PayrollLine(Asked):
    """A line of a payroll's file. `account` null: the one that the territory has on record."""

    line: Line
    employee: Code
    account: AddressText | None
    gross_minor: Wage
    local_minor: Wage
    consent: bool
    period: Period


class Payroll(Asked):
    """A payroll: all its lines are paid, or none."""

    employer: AddressText
    period: Period
    file_sha256: Hash
    run_name: Text | None
    lines: list[PayrollLine] = Field(min_length=1, max_length=PAYROLL_LINES_MAX)


class PayrollChecked(Model):
    """Nothing is wrong with it."""

    lines: Count
    total_gross_minor: Count
    total_local_minor: Count


class DraftLine(Model):
    """A line as the employer's keys sign it, and the salt of its commitment."""

    line: Line
    account: AccountId
    amount_minor: Count
    commitment: Hash
    salt: Salt


class PayrollDraft(Model):
    """What the employer's keys sign: exactly this, or the node does not countersign."""

    run_id: Hex
    gross_total_minor: Count | None
    lines: list[DraftLine]


class EmployerSignature(Asked):
    """One key's signature over the body."""

    key: Hash
    signature: Signature


class PayrollSignatures(Asked):
    """The transaction's body with what the employer signed; the lane's device is among the keys."""

    employer: AddressText
    body: Hex
    signatures: list[EmployerSignature] = Field(min_length=1, max_length=15)


class PayrollSubmitted(Model):
    """A run that the node countersigned."""

    run_id: Hex
    state: Literal["signed", "final"]
    id: Hash
    raw: Hex


class PayrollRun(Model):
    """A run as the territory has it on record."""

    run_id: Hex
    period: str
    file_sha256: Hash
    run_name: str | None
    lines: Count
    total_local_minor: Count
    state: str
    id: Hash | None
    height: Count | None


class PayrollRuns(Model):
    """An employer's runs, newest first."""

    runs: list[PayrollRun]


class ConsentStatement(Asked):
    """An employee's word, signed by a device key of the account (docs/api.md)."""

    account: AddressText
    employer: AddressText
    given: bool
    time_ms: Count
    key: Hash
    signature: Signature


class Consent(Model):
    """What holds for one employer."""

    employer: str
    given: bool
    time_ms: Count


class Consents(Model):
    """An account's words, one an employer."""

    consents: list[Consent]
