"""Activities: what a person did for a programme on a day, registered, then confirmed."""

from collections.abc import Mapping, Sequence

from node.registry.audit import Audit
from node.registry.cells import (
    TEXT_CHARACTERS_MAX,
    code_faults,
    date_faults,
    is_period,
    newest_day,
    text_faults,
)
from node.registry.database import Database, Parameters
from node.registry.records import Act, Activity, ActivityRow, Imported
from node.registry.refusals import LineRefusal, LinesRefused, in_order
from primitives.errors import Refused

MINUTES_MAX = 1_440
ID_MAX = 2**63 - 1
"""The largest number that the database can look for."""

Key = tuple[str, str, str]
"""Person, programme, date: one activity each."""


class Activities:
    """The sheets of a territory."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def import_activities(
        self, act: Act, rows: Sequence[ActivityRow], file_sha256: bytes
    ) -> Imported:
        """All rows or none. The same file again changes nothing, whatever was confirmed since;
        what another file registered already is refused.

        Raises `LinesRefused`: `person_unknown`, `programme_unknown`, `level_unknown`,
        `date_out_of_range` (outside the programme, or still to come), `minutes_out_of_range`,
        `line_duplicate`, `activity_duplicate`, and those of cells.
        """
        with self._database.all_or_none():
            sheet = _Sheet(self._database, newest_day(act.time_ms), file_sha256)
            faults = [fault for row in rows for fault in sheet.faults(row)]
            if faults:
                raise LinesRefused(in_order(faults))
            new = [row for row in rows if not sheet.knows(row)]
            self._database.execute_many(
                "INSERT INTO activities (person, programme, date, minutes, level, confirmed_by,"
                " file_sha256) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*row[1:], file_sha256) for row in new],
            )
            subject = f"activities {len(new)} of {len(rows)}, file {file_sha256.hex()}"
            self._audit.note(act, "import", subject)
        return Imported(len(new), len(rows) - len(new))

    def listed(
        self,
        act: Act,
        limit: int,
        after: int = 0,
        *,
        period: str | None = None,
        programme: str | None = None,
        unconfirmed: bool = False,
    ) -> list[Activity]:
        """Activities by number, from the one behind `after`, all or those asked for."""
        conditions, parameters = _filters(period, programme)
        if unconfirmed:
            conditions.append("confirmed_by = ''")
        with self._database.all_or_none():
            rows = self._database.all(
                "SELECT id, person, programme, date, minutes, level, confirmed_by, batch_id"
                f" FROM activities WHERE {' AND '.join(['id > ?', *conditions])}"
                " ORDER BY id LIMIT ?",
                (after, *parameters, limit),
            )
            self._audit.note(act, "read", f"activities {len(rows)} behind {after}")
        return [Activity(*row) for row in rows]

    def confirm(self, act: Act, confirmed_by: str, ids: Sequence[int]) -> int:
        """Vouch for these activities, all or none; gives how many were not confirmed yet.

        Raises `Refused`: `activity_unknown`, `cell_empty`, `cell_too_long`.
        """
        _check_name(confirmed_by)
        confirmed = 0
        with self._database.all_or_none():
            for id in ids:
                if not self._is_registered(id):
                    raise Refused("activity_unknown", str(id), field="ids")
                changed = self._database.execute(
                    "UPDATE activities SET confirmed_by = ? WHERE id = ? AND confirmed_by = ''",
                    (confirmed_by, id),
                )
                if changed:
                    self._audit.note(act, "confirm", f"activity {id}")
                confirmed += changed
        return confirmed

    def confirm_all(self, act: Act, confirmed_by: str, programme: str, period: str) -> int:
        """The same for a programme's activities of a period.

        Raises `Refused`: `programme_unknown`, `period_malformed`, `cell_empty`, `cell_too_long`.
        """
        _check_name(confirmed_by)
        conditions, parameters = _filters(period, programme)
        with self._database.all_or_none():
            found = self._database.first(
                "SELECT 1 FROM programmes WHERE programme = ?", (programme,)
            )
            if found is None:
                raise Refused("programme_unknown", programme, field="programme")
            confirmed = self._database.execute(
                "UPDATE activities SET confirmed_by = ? WHERE confirmed_by = '' AND "
                + " AND ".join(conditions),
                (confirmed_by, *parameters),
            )
            self._audit.note(act, "confirm", f"programme {programme} {period}: {confirmed}")
        return confirmed

    def _is_registered(self, id: int) -> bool:
        if not 0 < id <= ID_MAX:
            return False
        return self._database.first("SELECT 1 FROM activities WHERE id = ?", (id,)) is not None


class _Sheet:
    """A file's rows against what the registry knows."""

    def __init__(self, database: Database, newest: str, file_sha256: bytes) -> None:
        self._database = database
        self._newest = newest
        self._file_sha256 = file_sha256
        self._people = {row[0] for row in database.all("SELECT person FROM residents")}
        self._levels = {row[0] for row in database.all("SELECT level FROM levels")}
        self._dates: Mapping[str, tuple[str, str]] = {
            row[0]: (row[1], row[2])
            for row in database.all("SELECT programme, from_date, to_date FROM programmes")
        }
        self._seen: set[Key] = set()

    def faults(self, row: ActivityRow) -> list[LineRefusal]:
        """Everything wrong with a row; rows come in the file's order."""
        line = row.line
        malformed = [
            *code_faults(
                line,
                [("person", row.person), ("programme", row.programme), ("level", row.level)],
            ),
            *text_faults(line, [("confirmed_by", row.confirmed_by)]),
            *date_faults(line, [("date", row.date)]),
        ]
        if malformed:
            return malformed
        found: list[LineRefusal] = []
        if row.person not in self._people:
            found.append(LineRefusal(line, "person_unknown", "person", row.person))
        if row.level not in self._levels:
            found.append(LineRefusal(line, "level_unknown", "level", row.level))
        if not 1 <= row.minutes <= MINUTES_MAX:
            found.append(LineRefusal(line, "minutes_out_of_range", "minutes", str(row.minutes)))
        return [*found, *self._date_faults(row), *self._repetitions(row)]

    def knows(self, row: ActivityRow) -> bool:
        """Whether this very file brought the row in before."""
        return self._known(row) == (row.minutes, row.level, self._file_sha256)

    def _date_faults(self, row: ActivityRow) -> list[LineRefusal]:
        dates = self._dates.get(row.programme)
        if dates is None:
            return [LineRefusal(row.line, "programme_unknown", "programme", row.programme)]
        if dates[0] <= row.date <= min(dates[1], self._newest):
            return []
        return [LineRefusal(row.line, "date_out_of_range", "date", row.date)]

    def _repetitions(self, row: ActivityRow) -> list[LineRefusal]:
        key = (row.person, row.programme, row.date)
        if key in self._seen:
            return [LineRefusal(row.line, "line_duplicate", "person", row.person)]
        self._seen.add(key)
        if self._known(row) is not None and not self.knows(row):
            return [LineRefusal(row.line, "activity_duplicate", "person", row.person)]
        return []

    def _known(self, row: ActivityRow) -> tuple[int, str, bytes] | None:
        return self._database.first(
            "SELECT minutes, level, file_sha256 FROM activities"
            " WHERE person = ? AND programme = ? AND date = ?",
            (row.person, row.programme, row.date),
        )


def _filters(period: str | None, programme: str | None) -> tuple[list[str], Parameters]:
    """Conditions on activities. Raises `Refused("period_malformed")`."""
    conditions: list[str] = []
    parameters: list[str] = []
    if period is not None:
        if not is_period(period):
            raise Refused("period_malformed", field="period")
        conditions.append("date BETWEEN ? AND ?")
        parameters += [f"{period}-01", f"{period}-31"]
    if programme is not None:
        conditions.append("programme = ?")
        parameters.append(programme)
    return conditions, parameters


def _check_name(confirmed_by: str) -> None:
    if not confirmed_by.strip():
        raise Refused("cell_empty", field="confirmed_by")
    if len(confirmed_by) > TEXT_CHARACTERS_MAX:
        raise Refused("cell_too_long", field="confirmed_by")
