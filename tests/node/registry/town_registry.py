"""A small town's registry for tests: people, two programmes, two levels, an employer or two."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from node.registry import REGISTRY_FILE, Registry
from node.registry.records import (
    Act,
    ActivityRow,
    BulletinBatch,
    ConsentStatement,
    LevelRow,
    NewOperation,
    Operation,
    PartnerRow,
    Payroll,
    PayrollLine,
    ProgrammeRow,
    ResidentRow,
)

PREFIX = "arden"
PERIOD = "2026-02"
NOW_MS = 1_777_593_600_000
"""2026-05-01, at midnight UTC."""
STAFF = bytes([7]) * 32
ACT = Act(NOW_MS, STAFF, "test")
CAP_BPS = 1_000
PLENTY = {"garden": 10**9, "visits": 10**9}
PEOPLE = ("P1", "P2", "P3")


def account(name: str) -> bytes:
    """An account id that is always the same for a name."""
    return hashlib.sha256(name.encode()).digest()[:20]


EMPLOYER = account("E1")
OTHER_EMPLOYER = account("E2")


def sha(name: str) -> bytes:
    """A file's hash."""
    return hashlib.sha256(name.encode()).digest()


def open_registry(folder: Path) -> Registry:
    """The registry of a folder as the node opens it."""
    return Registry.open(folder / "registry" / REGISTRY_FILE, PREFIX)


def resident(line: int, person: str, name: str = "Martin") -> ResidentRow:
    return ResidentRow(line, person, name, "Anne", "1980-02-29", "anne@example.org")


def activity(
    line: int,
    person: str,
    date: str = "2026-02-10",
    *,
    programme: str = "garden",
    minutes: int = 60,
    level: str = "simple",
    confirmed_by: str = "Lou",
) -> ActivityRow:
    return ActivityRow(line, person, programme, date, minutes, level, confirmed_by)


def settle(registry: Registry, people: Sequence[str] = PEOPLE) -> Registry:
    """Register everybody and what they need; all but the last of `PEOPLE` have accounts."""
    registry.people.import_residents(
        ACT, [resident(line, person) for line, person in enumerate(people, 2)]
    )
    partners = [PartnerRow(line, code, code, "", "") for line, code in enumerate(("E1", "E2"), 2)]
    registry.people.import_employers(ACT, partners)
    registry.people.link(ACT, "employer", "E1", EMPLOYER)
    registry.people.link(ACT, "employer", "E2", OTHER_EMPLOYER)
    for person in people:
        if person != "P3":
            registry.people.link(ACT, "resident", person, account(person))
    registry.levels.import_levels(ACT, [LevelRow(2, "simple", 1_000), LevelRow(3, "odd", 733)])
    registry.programmes.import_programmes(
        ACT,
        [
            ProgrammeRow(2, "garden", "Garden", 100_000, "2024-01-01", "2026-12-31"),
            ProgrammeRow(3, "visits", "Visits", 100_000, "2024-01-01", "2026-12-31"),
        ],
    )
    return registry


def consent(
    registry: Registry,
    person: str,
    employer: bytes = EMPLOYER,
    *,
    given: bool = True,
    time_ms: int = 1,
) -> None:
    registry.consents.record(
        ACT, ConsentStatement(account(person), employer, given, time_ms, bytes(32), bytes(64))
    )


def wage(
    line: int,
    employee: str,
    local_minor: int = 20_000,
    *,
    gross_minor: int = 200_000,
    consent: bool = True,
    period: str = PERIOD,
    address: str | None = None,
) -> PayrollLine:
    return PayrollLine(line, employee, address, gross_minor, local_minor, consent, period)


def payroll(
    *lines: PayrollLine,
    file: str = "file",
    run_name: str | None = None,
    employer: bytes = EMPLOYER,
    period: str = PERIOD,
) -> Payroll:
    return Payroll(employer, period, sha(file), run_name, lines)


def pay(registry: Registry, one: Payroll, cap_bps: int = CAP_BPS) -> bytes:
    """Draft and sign; gives the run's id."""
    run = registry.payrolls.draft(ACT, one, cap_bps, 2)
    raw = b"raw" + run.run_id
    registry.payrolls.sign(ACT, one.employer, run.run_id, raw, sha("id"), NOW_MS, cap_bps)
    return run.run_id


def operation_for(registry: Registry, batch: BulletinBatch, number: int) -> Operation:
    """What the node keeps beside a batch."""
    new = NewOperation(
        "bulletin.credit", batch.amount_minor, batch.programme, batch.id, number, b"body", NOW_MS
    )
    return registry.operations.add(ACT, new)


def signed_batch(registry: Registry, number: int, period: str = PERIOD) -> Operation:
    """Prepare what can be, in one batch, and sign it."""
    with registry.transaction():
        (batch,) = registry.bulletins.prepare(ACT, period, PLENTY)
        operation = operation_for(registry, batch, number)
    return registry.operations.sign(ACT, operation.id, b"raw%d" % number, sha(str(number)))
