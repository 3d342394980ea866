"""What goes into the registry and comes out of it.

Rows have the line of the file they come from. Account ids are 20 bytes, dates `2026-05-31`,
periods `2026-05`.
"""

from typing import NamedTuple

from ledger.line_commitments import ActivityLine
from node.registry.refusals import BulletinRefusal


class Act(NamedTuple):
    """Who does something, when and why: it stands in the audit log."""

    time_ms: int
    key: bytes
    """The public key of whoever asked; empty for the node itself."""
    reason: str = ""


class Imported(NamedTuple):
    """How many rows were new or changed, and how many were known as they are."""

    imported: int
    unchanged: int


class ResidentRow(NamedTuple):
    """A line of `residents.csv`."""

    line: int
    person: str
    name: str
    first_name: str
    birth_date: str
    email: str


class Resident(NamedTuple):
    """A person of the register; `account` once linked."""

    person: str
    name: str
    first_name: str
    birth_date: str
    email: str
    account: bytes | None


class PartnerRow(NamedTuple):
    """A line of `employers.csv` or `services.csv`."""

    line: int
    code: str
    name: str
    siret: str
    sector: str


class Partner(NamedTuple):
    """An employer or a service."""

    code: str
    name: str
    siret: str
    sector: str
    account: bytes | None


class LinkRow(NamedTuple):
    """Whose account is whose. `kind`: resident, employer, service."""

    line: int
    kind: str
    code: str
    account: bytes


class ProgrammeRow(NamedTuple):
    """A line of `programmes.csv`."""

    line: int
    programme: str
    title: str
    budget_minor: int
    from_date: str
    to_date: str


class Programme(NamedTuple):
    """A programme; `state` is planned, open or closed. `account` is where it is, or will be."""

    programme: str
    title: str
    budget_minor: int
    from_date: str
    to_date: str
    state: str
    account: bytes


class ProgrammeOpeningParts(NamedTuple):
    """What `programme.open` carries, and the account it opens."""

    seed: bytes
    blind: bytes
    currency: str
    budget_minor: int
    commitment: bytes
    account: bytes


class LevelRow(NamedTuple):
    """A line of `levels.csv`."""

    line: int
    level: str
    rate_per_hour_minor: int


class Level(NamedTuple):
    """What an hour of a level gives."""

    level: str
    rate_per_hour_minor: int


class ActivityRow(NamedTuple):
    """A line of `activities.csv`; an empty `confirmed_by` is not confirmed yet."""

    line: int
    person: str
    programme: str
    date: str
    minutes: int
    level: str
    confirmed_by: str


class Activity(NamedTuple):
    """A registered activity; `batch_id` once a batch of bulletins holds it."""

    id: int
    person: str
    programme: str
    date: str
    minutes: int
    level: str
    confirmed_by: str
    batch_id: int | None


class ConsentStatement(NamedTuple):
    """What an employee signed with a key of the account; `employer` is an account id."""

    account: bytes
    employer: bytes
    given: bool
    time_ms: int
    key: bytes
    signature: bytes


class BulletinLine(NamedTuple):
    """What a person would be credited in a programme."""

    person: str
    programme: str
    minutes: int
    amount_minor: int


class BulletinPreview(NamedTuple):
    """A period's bulletins before they are made out, and what keeps others back."""

    period: str
    lines: tuple[BulletinLine, ...]
    refusals: tuple[BulletinRefusal, ...]
    residents: int
    minutes: int
    amount_minor: int


class BatchLine(NamedTuple):
    """A line of a batch, in the transaction's order. `person` and `salt` are None once erased."""

    position: int
    person: str | None
    account: bytes
    minutes: int
    amount_minor: int
    salt: bytes | None
    commitment: bytes


class BulletinBatch(NamedTuple):
    """Bulletins that one transaction credits. `state`: prepared, signed, final, released."""

    id: int
    programme: str
    period: str
    sequence: int
    run_id: bytes
    state: str
    amount_minor: int
    lines: tuple[BatchLine, ...]
    raw: bytes | None
    transaction_id: bytes | None
    height: int | None


class Bulletin(NamedTuple):
    """One person's bulletin in one batch, with the salt that opens its line."""

    person: str
    programme: str
    period: str
    activities: tuple[ActivityLine, ...]
    minutes: int
    amount_minor: int
    salt: bytes
    commitment: bytes
    line: int
    status: str
    transaction_id: bytes | None
    raw: bytes | None


class PayrollLine(NamedTuple):
    """A line of a payroll. `account` is an address as written, or None for the registered one.
    `gross_minor` is the wage of the whole period, also in a second run of the same period."""

    line: int
    employee: str
    account: str | None
    gross_minor: int
    local_minor: int
    consent: bool
    period: str


class Payroll(NamedTuple):
    """A payroll as an employer hands it in; `employer` is an account id."""

    employer: bytes
    period: str
    file_sha256: bytes
    run_name: str | None
    lines: tuple[PayrollLine, ...]


class RunLine(NamedTuple):
    """A line of a run, in the transaction's order. Employee, gross and salt are None once
    erased."""

    line: int
    employee: str | None
    account: bytes
    gross_minor: int | None
    amount_minor: int
    commitment: bytes
    salt: bytes | None


class PayrollRun(NamedTuple):
    """A payroll on its way to the ledger. `state`: draft, signed, final, released."""

    run_id: bytes
    employer: bytes
    period: str
    file_sha256: bytes
    run_name: str | None
    state: str
    gross_total_minor: int | None
    total_local_minor: int
    lines: tuple[RunLine, ...]
    raw: bytes | None
    transaction_id: bytes | None
    height: int | None
    valid_until_ms: int | None


class StaffSignature(NamedTuple):
    """A signature of one of the staff over an operation's body."""

    key: bytes
    signature: bytes


class NewOperation(NamedTuple):
    """An act of the territory that staff will sign. `number` is the node's lane's."""

    kind: str
    amount_minor: int
    programme: str | None
    batch_id: int | None
    number: int
    body: bytes
    valid_until_ms: int


class Operation(NamedTuple):
    """An operation as it stands. `state`: waiting, signed, final, released."""

    id: bytes
    kind: str
    amount_minor: int
    programme: str | None
    batch_id: int | None
    number: int
    body: bytes
    state: str
    signatures: tuple[StaffSignature, ...]
    raw: bytes | None
    transaction_id: bytes | None
    height: int | None
    valid_until_ms: int


class AuditEntry(NamedTuple):
    """One read of personal data, or one change."""

    id: int
    time_ms: int
    key: bytes
    action: str
    subject: str
    reason: str
