"""Programmes: what residents give their hours to, between two dates, within a budget.

A programme's seed, and so its account, follows from the registry's secret and the code: a restored
registry that forgot the opening asks for the same account again, and the ledger refuses.
"""

import secrets
from collections.abc import Sequence

from ledger.line_commitments import line_commitment
from ledger.shapes import BLIND_BYTES, SALT_BYTES
from node.registry.audit import Audit
from node.registry.cells import amount_faults, code_faults, date_faults, text_faults
from node.registry.database import Database, Row
from node.registry.records import (
    Act,
    Imported,
    Programme,
    ProgrammeOpeningParts,
    ProgrammeRow,
)
from node.registry.refusals import LineRefusal, LinesRefused, in_order
from primitives.addresses import account_id
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_items

PROGRAMME_TAG = "programme"
PLANNED, OPEN, CLOSED = "planned", "open", "closed"

_SELECT = "SELECT programme, title, budget_minor, from_date, to_date, state FROM programmes"


class Programmes:
    """The programmes of a territory; `prefix` is its short name."""

    def __init__(self, database: Database, audit: Audit, prefix: str) -> None:
        self._database = database
        self._audit = audit
        self._prefix = prefix

    def import_programmes(self, act: Act, rows: Sequence[ProgrammeRow]) -> Imported:
        """All rows or none. A known programme changes until it is open.

        Raises `LinesRefused`: `line_duplicate`, `record_in_use`, `cell_empty`, `cell_too_long`,
        `date_malformed`, `date_out_of_range`, `amount_out_of_range`.
        """
        with self._database.all_or_none():
            known = {one.programme: one for one in self.listed(-1)}
            faults: list[LineRefusal] = []
            changed: dict[str, ProgrammeRow] = {}
            seen: set[str] = set()
            for row in rows:
                faults += _faults(row)
                if row.programme in seen:
                    faults.append(
                        LineRefusal(row.line, "line_duplicate", "programme", row.programme)
                    )
                seen.add(row.programme)
                before = known.get(row.programme)
                if before is not None and before[:5] == row[1:]:
                    continue
                if before is not None and (before.state != PLANNED or self._asked(row.programme)):
                    faults.append(
                        LineRefusal(row.line, "record_in_use", "programme", row.programme)
                    )
                changed[row.programme] = row
            if faults:
                raise LinesRefused(in_order(faults))
            for row in changed.values():
                self._upsert(row)
                self._audit.note(act, "import", f"programme {row.programme}")
        return Imported(len(changed), len(rows) - len(changed))

    def listed(self, limit: int, after: str = "") -> list[Programme]:
        """Programmes by code, from the one behind `after`."""
        rows = self._database.all(
            f"{_SELECT} WHERE programme > ? ORDER BY programme LIMIT ?", (after, limit)
        )
        return [self._programme(row) for row in rows]

    def get(self, code: str) -> Programme:
        """One programme. Raises `Refused("programme_unknown")`."""
        row = self._database.first(f"{_SELECT} WHERE programme = ?", (code,))
        if row is None:
            raise Refused("programme_unknown", code, field="programme")
        return self._programme(row)

    def opening(self, act: Act, code: str, currency: str) -> ProgrammeOpeningParts:
        """What `programme.open` carries: the same at every call, as long as nothing of the
        programme changes. The commitment is over code, title, budget and dates.

        Raises `Refused`: `programme_unknown`, `record_in_use` once it is open.
        """
        programme = self.get(code)
        if programme.state != PLANNED:
            raise Refused("record_in_use", code, field="programme")
        blind, salt = self._database.one(
            "SELECT blind, salt FROM programmes WHERE programme = ?", (code,)
        )
        self._audit.note(act, "open", f"programme {code}")
        return ProgrammeOpeningParts(
            self._seed(code),
            bytes(blind),
            currency,
            programme.budget_minor,
            line_commitment(PROGRAMME_TAG, bytes(salt), tuple(programme[:5])),
            programme.account,
        )

    def move(self, code: str, state: str) -> None:
        """Note that the ledger opened or closed it; for `operations`, in its transaction."""
        if not self._database.execute(
            "UPDATE programmes SET state = ? WHERE programme = ?", (state, code)
        ):
            raise InvariantBroken("an operation of a programme that is not there")

    def _asked(self, code: str) -> bool:
        """Whether its opening is under way."""
        found = self._database.first(
            "SELECT 1 FROM operations WHERE programme = ? AND state IN ('waiting', 'signed')",
            (code,),
        )
        return found is not None

    def _upsert(self, row: ProgrammeRow) -> None:
        self._database.execute(
            "INSERT INTO programmes (programme, title, budget_minor, from_date, to_date, blind,"
            " salt) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (programme) DO UPDATE SET"
            " title = excluded.title, budget_minor = excluded.budget_minor,"
            " from_date = excluded.from_date, to_date = excluded.to_date",
            (*row[1:], secrets.token_bytes(BLIND_BYTES), secrets.token_bytes(SALT_BYTES)),
        )

    def _seed(self, code: str) -> bytes:
        return hash_items("programme_seed", [self._database.secret, code])

    def _programme(self, row: Row) -> Programme:
        return Programme._make((*row, account_id(self._prefix, self._seed(row[0]))))


def _faults(row: ProgrammeRow) -> list[LineRefusal]:
    line = row.line
    dates = date_faults(line, [("from_date", row.from_date), ("to_date", row.to_date)])
    if not dates and row.from_date > row.to_date:
        dates.append(LineRefusal(line, "date_out_of_range", "to_date", "before its beginning"))
    return [
        *code_faults(line, [("programme", row.programme)]),
        *text_faults(line, [("title", row.title)]),
        *amount_faults(line, [("budget_minor", row.budget_minor)]),
        *dates,
    ]
