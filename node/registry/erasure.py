"""What is left of a person once the record is erased: nothing that tells who it was.

A hash of the code, keyed with the registry's secret, stays, so that the code is not registered
again and its activities credited a second time.
"""

from node.registry.database import Database
from primitives.errors import Refused
from primitives.hashing import hash_items


class Erasure:
    """Forgets people, inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_erased(self, person: str) -> bool:
        """Whether a person of this code was erased."""
        found = self._database.first(
            "SELECT 1 FROM erased WHERE person_hash = ?", (self._hash(person),)
        )
        return found is not None

    def erase(self, person: str, account: bytes | None) -> None:
        """See `People.erase`."""
        self._check_settled(person)
        change = self._database.execute
        # A draft was promised to nobody; the employer hands the payroll in again.
        drafts = "SELECT run_id FROM run_lines JOIN runs USING (run_id) WHERE state = 'draft'"
        change(
            "UPDATE runs SET state = 'released' WHERE run_id IN"
            f" ({drafts} AND run_lines.employee = ?)",
            (person,),
        )
        change(
            "DELETE FROM run_lines WHERE run_id IN"
            " (SELECT run_id FROM runs WHERE state = 'released')"
        )
        change(
            "UPDATE run_lines SET employee = NULL, gross_minor = NULL, salt = NULL"
            " WHERE employee = ?",
            (person,),
        )
        change("UPDATE batch_lines SET person = NULL, salt = NULL WHERE person = ?", (person,))
        change("DELETE FROM activities WHERE person = ?", (person,))
        if account is not None:
            change("DELETE FROM consents WHERE account = ?", (account,))
        change("DELETE FROM links WHERE kind = 'resident' AND code = ?", (person,))
        change("DELETE FROM residents WHERE person = ?", (person,))
        change("INSERT INTO erased (person_hash) VALUES (?)", (self._hash(person),))

    def _check_settled(self, person: str) -> None:
        """Nothing that names the person is still under way: its bytes may yet become final."""
        pending = self._database.first(
            "SELECT 1 FROM batch_lines JOIN batches ON batches.id = batch_id"
            " WHERE person = ? AND state IN ('prepared', 'signed')"
            " UNION ALL SELECT 1 FROM run_lines JOIN runs USING (run_id)"
            " WHERE employee = ? AND state = 'signed'",
            (person, person),
        )
        if pending is not None:
            raise Refused("erasure_pending", person, field="person")

    def _hash(self, person: str) -> bytes:
        return hash_items("erased_person", [self._database.secret, person])
