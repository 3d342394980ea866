"""Consents: an employee's signed word that an employer may pay part of the wage here.

Whoever calls has checked the signature. Every statement is kept, the newest one counts; their
times only go up, so that an old statement sent again changes nothing.
"""

from node.registry.audit import Audit
from node.registry.database import Database, Row
from node.registry.records import Act, ConsentStatement
from primitives.errors import Refused

# The statement's clock is the employee's device; as for signed requests.
AHEAD_MS_MAX = 60_000

_SELECT = "SELECT account, employer, given, time_ms, key, signature FROM consents"


class Consents:
    """Statements by (employee's account, employer's account)."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def record(self, act: Act, statement: ConsentStatement) -> None:
        """Keep a statement; the very same one again is no fault.

        Raises `Refused("consent_stale")` for one that is not newer than the newest, or dated
        ahead of this node's clock: it would stand against all that follow.
        """
        if statement.time_ms > act.time_ms + AHEAD_MS_MAX:
            raise Refused("consent_stale", "its time is still to come", field="time_ms")
        with self._database.all_or_none():
            newest = self._newest(statement.account, statement.employer)
            if newest is not None:
                said = (newest.given, newest.time_ms)
                if said == (statement.given, statement.time_ms):
                    return
                if statement.time_ms <= newest.time_ms:
                    raise Refused("consent_stale", field="time_ms")
            self._database.execute(
                "INSERT INTO consents (account, employer, given, time_ms, key, signature)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                statement,
            )
            word = "give" if statement.given else "withdraw"
            # Not whose account: an entry must tell nothing once the link is erased.
            self._audit.note(act, word, f"consent {statement.account.hex()}")

    def is_given(self, account: bytes, employer: bytes) -> bool:
        """Whether the newest statement of this account for this employer gives it."""
        newest = self._newest(account, employer)
        return newest is not None and newest.given

    def of_account(self, account: bytes) -> list[ConsentStatement]:
        """The newest statement for each employer."""
        newest = {one.employer: one for one in self.history(account)}
        return list(newest.values())

    def history(self, account: bytes) -> list[ConsentStatement]:
        """Every statement of an account, by employer and time."""
        rows = self._database.all(
            f"{_SELECT} WHERE account = ? ORDER BY employer, time_ms", (account,)
        )
        return [_statement(row) for row in rows]

    def _newest(self, account: bytes, employer: bytes) -> ConsentStatement | None:
        row = self._database.first(
            f"{_SELECT} WHERE account = ? AND employer = ? ORDER BY time_ms DESC LIMIT 1",
            (account, employer),
        )
        return None if row is None else _statement(row)


def _statement(row: Row) -> ConsentStatement:
    statement = ConsentStatement(*row)
    return statement._replace(given=bool(statement.given))
