"""Levels: what an hour of an activity gives."""

from collections.abc import Sequence

from node.registry.audit import Audit
from node.registry.cells import amount_faults, code_faults
from node.registry.database import Database
from node.registry.records import Act, Imported, Level, LevelRow
from node.registry.refusals import LineRefusal, LinesRefused, in_order

RATE_MINOR_MAX = 10**9
"""So high that nobody means it, so low that no month's sum leaves what an amount can be."""


class Levels:
    """The rates of a territory."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def import_levels(self, act: Act, rows: Sequence[LevelRow]) -> Imported:
        """All rows or none. A known level's rate changes until a bulletin was made out with it.

        Raises `LinesRefused`: `line_duplicate`, `record_in_use`, `cell_empty`, `cell_too_long`,
        `amount_out_of_range`.
        """
        with self._database.all_or_none():
            known = {level.level: level for level in self.listed(-1)}
            faults: list[LineRefusal] = []
            changed: dict[str, LevelRow] = {}
            seen: set[str] = set()
            for row in rows:
                faults += code_faults(row.line, [("level", row.level)])
                rate = ("rate_per_hour_minor", row.rate_per_hour_minor)
                faults += amount_faults(row.line, [rate])
                if row.rate_per_hour_minor > RATE_MINOR_MAX:
                    faults.append(LineRefusal(row.line, "amount_out_of_range", rate[0]))
                if row.level in seen:
                    faults.append(LineRefusal(row.line, "line_duplicate", "level", row.level))
                seen.add(row.level)
                if known.get(row.level) == row[1:]:
                    continue
                if row.level in known and self._is_in_use(row.level):
                    faults.append(LineRefusal(row.line, "record_in_use", "level", row.level))
                changed[row.level] = row
            if faults:
                raise LinesRefused(in_order(faults))
            for row in changed.values():
                self._database.execute(
                    "INSERT INTO levels (level, rate_per_hour_minor) VALUES (?, ?)"
                    " ON CONFLICT (level) DO UPDATE SET"
                    " rate_per_hour_minor = excluded.rate_per_hour_minor",
                    row[1:],
                )
                self._audit.note(act, "import", f"level {row.level} {row.rate_per_hour_minor}")
        return Imported(len(changed), len(rows) - len(changed))

    def listed(self, limit: int, after: str = "") -> list[Level]:
        """Levels by code, from the one behind `after`."""
        rows = self._database.all(
            "SELECT level, rate_per_hour_minor FROM levels WHERE level > ? ORDER BY level LIMIT ?",
            (after, limit),
        )
        return [Level(*row) for row in rows]

    def _is_in_use(self, level: str) -> bool:
        found = self._database.first(
            "SELECT 1 FROM activities WHERE level = ? AND batch_id IS NOT NULL", (level,)
        )
        return found is not None
