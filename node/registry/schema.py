"""The registry's tables, as steps from one version to the next.

A step that was published is never changed: another is added. Statements run one by one inside one
transaction, so that a step is made whole or not at all.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """What leads to `version` from the version before."""

    version: int
    statements: tuple[str, ...]


_PEOPLE = (
    """CREATE TABLE registry (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        prefix TEXT NOT NULL,
        secret BLOB NOT NULL CHECK (length(secret) = 32)
    ) STRICT""",
    """CREATE TABLE residents (
        person TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        first_name TEXT NOT NULL,
        birth_date TEXT NOT NULL,
        email TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # Codes of people whose record was erased, hashed with the secret: their activities went with
    # them, so the same code must not come back and have them credited again.
    """CREATE TABLE erased (person_hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID""",
    """CREATE TABLE partners (
        kind TEXT NOT NULL CHECK (kind IN ('employer', 'service')),
        code TEXT NOT NULL,
        name TEXT NOT NULL,
        siret TEXT NOT NULL,
        sector TEXT NOT NULL,
        PRIMARY KEY (kind, code)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE links (
        account BLOB PRIMARY KEY CHECK (length(account) = 20),
        kind TEXT NOT NULL CHECK (kind IN ('resident', 'employer', 'service')),
        code TEXT NOT NULL,
        UNIQUE (kind, code)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE consents (
        account BLOB NOT NULL CHECK (length(account) = 20),
        employer BLOB NOT NULL CHECK (length(employer) = 20),
        time_ms INTEGER NOT NULL,
        given INTEGER NOT NULL CHECK (given IN (0, 1)),
        key BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (account, employer, time_ms)
    ) STRICT, WITHOUT ROWID""",
)

_BULLETINS = (
    """CREATE TABLE programmes (
        programme TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        budget_minor INTEGER NOT NULL CHECK (budget_minor > 0),
        from_date TEXT NOT NULL,
        to_date TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'open', 'closed')),
        blind BLOB NOT NULL CHECK (length(blind) = 16),
        salt BLOB NOT NULL CHECK (length(salt) = 32)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE levels (
        level TEXT PRIMARY KEY,
        rate_per_hour_minor INTEGER NOT NULL CHECK (rate_per_hour_minor > 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        programme TEXT NOT NULL REFERENCES programmes,
        period TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        run_id BLOB NOT NULL CHECK (length(run_id) = 16),
        state TEXT NOT NULL CHECK (state IN ('prepared', 'signed', 'final', 'released')),
        amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
        raw BLOB,
        transaction_id BLOB,
        height INTEGER
    ) STRICT""",
    """CREATE UNIQUE INDEX batches_run ON batches (run_id) WHERE state <> 'released'""",
    """CREATE TABLE batch_lines (
        batch_id INTEGER NOT NULL REFERENCES batches,
        position INTEGER NOT NULL,
        person TEXT,
        account BLOB NOT NULL,
        minutes INTEGER NOT NULL CHECK (minutes > 0),
        amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
        salt BLOB,
        commitment BLOB NOT NULL CHECK (length(commitment) = 32),
        PRIMARY KEY (batch_id, position),
        UNIQUE (batch_id, account)
    ) STRICT, WITHOUT ROWID""",
    """CREATE INDEX batch_lines_person ON batch_lines (person)""",
    # One activity stands in one batch at most: this column is the only place that says so.
    """CREATE TABLE activities (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        person TEXT NOT NULL REFERENCES residents,
        programme TEXT NOT NULL REFERENCES programmes,
        date TEXT NOT NULL,
        minutes INTEGER NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
        level TEXT NOT NULL REFERENCES levels,
        confirmed_by TEXT NOT NULL,
        file_sha256 BLOB NOT NULL CHECK (length(file_sha256) = 32),
        batch_id INTEGER REFERENCES batches,
        UNIQUE (person, programme, date),
        CHECK (batch_id IS NULL OR confirmed_by <> '')
    ) STRICT""",
    """CREATE INDEX activities_programme ON activities (programme, date)""",
    """CREATE INDEX activities_batch ON activities (batch_id)""",
    """CREATE INDEX activities_level ON activities (level)""",
)

_PAYROLLS = (
    """CREATE TABLE runs (
        run_id BLOB PRIMARY KEY CHECK (length(run_id) = 16),
        employer BLOB NOT NULL CHECK (length(employer) = 20),
        employer_code TEXT,
        period TEXT NOT NULL,
        file_sha256 BLOB NOT NULL CHECK (length(file_sha256) = 32),
        run_name TEXT,
        state TEXT NOT NULL CHECK (state IN ('draft', 'signed', 'final', 'released')),
        gross_total_minor INTEGER,
        total_local_minor INTEGER NOT NULL CHECK (total_local_minor > 0),
        raw BLOB,
        transaction_id BLOB,
        height INTEGER,
        valid_until_ms INTEGER,
        CHECK (state IN ('draft', 'released') OR raw IS NOT NULL)
    ) STRICT, WITHOUT ROWID""",
    """CREATE INDEX runs_employer ON runs (employer, period)""",
    """CREATE TABLE run_lines (
        run_id BLOB NOT NULL REFERENCES runs,
        position INTEGER NOT NULL,
        line INTEGER NOT NULL,
        employee TEXT,
        account BLOB NOT NULL CHECK (length(account) = 20),
        gross_minor INTEGER,
        amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
        commitment BLOB NOT NULL CHECK (length(commitment) = 32),
        salt BLOB,
        PRIMARY KEY (run_id, position),
        UNIQUE (run_id, employee)
    ) STRICT, WITHOUT ROWID""",
    """CREATE INDEX run_lines_employee ON run_lines (employee)""",
)

_OPERATIONS = (
    """CREATE TABLE operations (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        kind TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,
        programme TEXT REFERENCES programmes,
        batch_id INTEGER REFERENCES batches,
        number INTEGER NOT NULL,
        body BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'signed', 'final', 'released')),
        raw BLOB,
        transaction_id BLOB,
        height INTEGER,
        valid_until_ms INTEGER NOT NULL,
        CHECK (state IN ('waiting', 'released') OR raw IS NOT NULL)
    ) STRICT, WITHOUT ROWID""",
    """CREATE UNIQUE INDEX operations_batch ON operations (batch_id)
        WHERE batch_id IS NOT NULL AND state <> 'released'""",
    """CREATE UNIQUE INDEX operations_number ON operations (number) WHERE state <> 'released'""",
    """CREATE TABLE operation_signatures (
        operation BLOB NOT NULL REFERENCES operations,
        key BLOB NOT NULL CHECK (length(key) = 32),
        signature BLOB NOT NULL CHECK (length(signature) = 64),
        PRIMARY KEY (operation, key)
    ) STRICT, WITHOUT ROWID""",
)

_AUDIT = (
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time_ms INTEGER NOT NULL,
        key BLOB NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT""",
    """CREATE TRIGGER audit_kept BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END""",
    """CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END""",
)

# A node that gets another key of its own has another lane, whose numbers begin anew.
_LANES = (
    "ALTER TABLE operations ADD COLUMN lane BLOB NOT NULL DEFAULT x''",
    "DROP INDEX operations_number",
    """CREATE UNIQUE INDEX operations_number ON operations (lane, number)
        WHERE state <> 'released'""",
)

STEPS: tuple[Step, ...] = (
    Step(1, _PEOPLE + _BULLETINS + _PAYROLLS + _OPERATIONS + _AUDIT),
    Step(2, _LANES),
)
"""In order, each one version above the one before."""
