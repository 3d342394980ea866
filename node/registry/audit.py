"""Who read personal data of the registry, and who changed what: kept for as long as the registry.

Subjects are codes, never names: a code says nothing once its person's record is erased.
"""

from node.registry.database import Database
from node.registry.records import Act, AuditEntry

REASON_CHARACTERS_MAX = 200


class Audit:
    """The log, oldest entry first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, act: Act, action: str, subject: str) -> None:
        """Write an entry, in the transaction of what it is about."""
        with self._database.all_or_none():
            self._database.execute(
                "INSERT INTO audit (time_ms, key, action, subject, reason) VALUES (?, ?, ?, ?, ?)",
                (act.time_ms, act.key, action, subject, act.reason[:REASON_CHARACTERS_MAX]),
            )

    def listed(self, limit: int, after: int = 0) -> list[AuditEntry]:
        """Entries in their order, from the one behind `after`."""
        rows = self._database.all(
            "SELECT id, time_ms, key, action, subject, reason FROM audit WHERE id > ?"
            " ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [AuditEntry(*row) for row in rows]
