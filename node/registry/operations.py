"""Operations: acts of the territory that its staff sign before its node does.

What happens to an operation happens to its batch of bulletins or its programme in the same
transaction, so that a node killed at any moment finds both as they belong together.
"""

import secrets
from collections.abc import Callable

from ledger.fields import PROGRAMME_CLOSE, PROGRAMME_OPEN
from node.registry.audit import Audit
from node.registry.bulletins import Bulletins
from node.registry.database import Database, Row
from node.registry.programmes import CLOSED, OPEN, Programmes
from node.registry.records import Act, NewOperation, Operation, StaffSignature
from primitives.errors import Refused

ID_BYTES = 16
PENDING_MAX = 32
WAITING, SIGNED, FINAL, RELEASED = "waiting", "signed", "final", "released"
STATES = (WAITING, SIGNED, FINAL, RELEASED)

_STATE_AFTER = {PROGRAMME_OPEN: OPEN, PROGRAMME_CLOSE: CLOSED}
_SELECT = (
    "SELECT id, kind, amount_minor, programme, batch_id, number, body, state, raw,"
    " transaction_id, height, valid_until_ms FROM operations"
)


class Operations:
    """The operations of a territory, by the order of their numbers."""

    def __init__(
        self, database: Database, audit: Audit, bulletins: Bulletins, programmes: Programmes
    ) -> None:
        self._database = database
        self._audit = audit
        self._bulletins = bulletins
        self._programmes = programmes

    def add(self, act: Act, new: NewOperation, lane: bytes = b"") -> Operation:
        """Keep an operation for the staff to sign; `lane` is the node's key that signs last.

        Raises `Refused`: `operations_pending_max`; `record_in_use` when the programme's opening
        or closing is under way already.
        """
        with self._database.all_or_none():
            pending = self._database.one(
                "SELECT COUNT(*) FROM operations WHERE state IN ('waiting', 'signed')"
            )
            if pending[0] >= PENDING_MAX:
                raise Refused("operations_pending_max", str(PENDING_MAX))
            if new.kind in _STATE_AFTER and self._is_pending(new.kind, new.programme):
                raise Refused("record_in_use", f"{new.programme}", field="programme")
            id = secrets.token_bytes(ID_BYTES)
            self._database.execute(
                "INSERT INTO operations (id, kind, amount_minor, programme, batch_id, number,"
                " body, valid_until_ms, lane, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')",
                (id, *new, lane),
            )
            self._audit.note(act, "ask", f"{new.kind} {id.hex()}")
            return self.get(id)

    def sign_by_staff(self, act: Act, id: bytes, key: bytes, signature: bytes) -> Operation:
        """Keep a signature that was checked; a key's second one changes nothing.

        Raises `Refused`: `operation_unknown`, `operation_settled` once it waits no more.
        """
        with self._database.all_or_none():
            operation = self.get(id)
            if key in [one.key for one in operation.signatures]:
                return operation
            if operation.state != WAITING:
                raise Refused("operation_settled", operation.state)
            self._database.execute(
                "INSERT INTO operation_signatures (operation, key, signature) VALUES (?, ?, ?)",
                (id, key, signature),
            )
            self._audit.note(act, "sign", f"{operation.kind} {id.hex()}")
            return self.get(id)

    def sign(self, act: Act, id: bytes, raw: bytes, transaction_id: bytes) -> Operation:
        """Keep what the node signed, before anybody sees it; a batch is checked once more.

        The same bytes again are no fault. Raises `Refused`: `operation_unknown`,
        `operation_settled`, `bulletins_differ`.
        """
        with self._database.all_or_none():
            operation = self.get(id)
            if operation.state in (SIGNED, FINAL) and operation.raw == raw:
                return operation
            if operation.state != WAITING:
                raise Refused("operation_settled", operation.state)
            if operation.batch_id is not None:
                self._bulletins.sign(operation.batch_id, raw, transaction_id)
            self._database.execute(
                "UPDATE operations SET state = 'signed', raw = ?, transaction_id = ? WHERE id = ?",
                (raw, transaction_id, id),
            )
            self._audit.note(act, "countersign", f"{operation.kind} {id.hex()}")
            return self.get(id)

    def finish(self, act: Act, id: bytes, height: int) -> Operation:
        """The ledger holds it. Raises `Refused`: `operation_unknown`, `operation_settled`."""
        with self._database.all_or_none():
            operation = self.get(id)
            if operation.state == FINAL:
                return operation
            if operation.state != SIGNED:
                raise Refused("operation_settled", operation.state)
            if operation.batch_id is not None:
                self._bulletins.finish(operation.batch_id, height)
            state = _STATE_AFTER.get(operation.kind)
            if state is not None and operation.programme is not None:
                self._programmes.move(operation.programme, state)
            self._database.execute(
                "UPDATE operations SET state = 'final', height = ? WHERE id = ?", (height, id)
            )
            self._audit.note(act, "finish", f"{operation.kind} {id.hex()}")
            return self.get(id)

    def release(self, act: Act, id: bytes) -> Operation:
        """It can never become final any more: never countersigned, or absent after its time.

        Raises `Refused`: `operation_unknown`, `operation_settled` for a final one.
        """
        with self._database.all_or_none():
            operation = self.get(id)
            if operation.state == RELEASED:
                return operation
            if operation.state == FINAL:
                raise Refused("operation_settled", operation.state)
            self._database.execute("UPDATE operations SET state = 'released' WHERE id = ?", (id,))
            if operation.batch_id is not None:
                self._bulletins.release(operation.batch_id)
            self._audit.note(act, "release", f"{operation.kind} {id.hex()}")
            return self.get(id)

    def get(self, id: bytes) -> Operation:
        """One operation. Raises `Refused("operation_unknown")`."""
        row = self._database.first(f"{_SELECT} WHERE id = ?", (id,))
        if row is None:
            raise Refused("operation_unknown", id.hex())
        return self._operation(row)

    def in_state(self, state: str) -> list[Operation]:
        """Those that stand so, by their numbers."""
        rows = self._database.all(f"{_SELECT} WHERE state = ? ORDER BY number", (state,))
        return [self._operation(row) for row in rows]

    def numbers_in_use(self, is_on_lane: Callable[[bytes], bool]) -> set[int]:
        """Numbers of the node's lane that are given to operations under way; `is_on_lane` says
        whether a body is on that lane, and not on the one of a key before."""
        rows = self._database.all(
            "SELECT number, body FROM operations WHERE state IN ('waiting', 'signed')"
        )
        return {number for number, body in rows if is_on_lane(body)}

    def _is_pending(self, kind: str, programme: str | None) -> bool:
        found = self._database.first(
            "SELECT 1 FROM operations WHERE kind = ? AND programme = ?"
            " AND state IN ('waiting', 'signed')",
            (kind, programme),
        )
        return found is not None

    def _operation(self, row: Row) -> Operation:
        signatures = self._database.all(
            "SELECT key, signature FROM operation_signatures WHERE operation = ? ORDER BY key",
            (row[0],),
        )
        given = tuple(StaffSignature(*one) for one in signatures)
        return Operation._make((*row[:8], given, *row[8:]))
