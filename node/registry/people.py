"""Residents, employers, services, and whose account is whose."""

from collections.abc import Sequence

from node.registry.audit import Audit
from node.registry.cells import code_faults, date_faults, text_faults
from node.registry.database import Database
from node.registry.erasure import Erasure
from node.registry.records import (
    Act,
    Imported,
    LinkRow,
    Partner,
    PartnerRow,
    Resident,
    ResidentRow,
)
from node.registry.refusals import LineRefusal, LinesRefused, in_order
from primitives.errors import Refused

RESIDENT = "resident"
EMPLOYER = "employer"
SERVICE = "service"

_UNKNOWN = {
    RESIDENT: "person_unknown",
    EMPLOYER: "employer_unknown",
    SERVICE: "service_unknown",
}
_FIELD = {RESIDENT: "person", EMPLOYER: "code", SERVICE: "code"}


class People:
    """Who lives, employs and serves here."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit
        self._erasure = Erasure(database)

    # -- imports ------------------------------------------------------------------------------

    def import_residents(self, act: Act, rows: Sequence[ResidentRow]) -> Imported:
        """All rows or none; a known person's record is brought up to date.

        Raises `LinesRefused`: `line_duplicate`, `person_erased`, `cell_empty`, `cell_too_long`,
        `date_malformed`.
        """
        with self._database.all_or_none():
            faults = _duplicates([(row.line, row.person) for row in rows], "person")
            for row in rows:
                faults += _resident_faults(row)
                if self._erasure.is_erased(row.person):
                    faults.append(LineRefusal(row.line, "person_erased", "person", row.person))
            if faults:
                raise LinesRefused(in_order(faults))
            changed = [row for row in rows if self._upsert_resident(row)]
            self._note_import(act, RESIDENT, [row.person for row in changed])
        return Imported(len(changed), len(rows) - len(changed))

    def import_employers(self, act: Act, rows: Sequence[PartnerRow]) -> Imported:
        """As `import_residents`."""
        return self._import_partners(act, EMPLOYER, rows)

    def import_services(self, act: Act, rows: Sequence[PartnerRow]) -> Imported:
        """As `import_residents`."""
        return self._import_partners(act, SERVICE, rows)

    def _import_partners(self, act: Act, kind: str, rows: Sequence[PartnerRow]) -> Imported:
        with self._database.all_or_none():
            faults = _duplicates([(row.line, row.code) for row in rows], "code")
            for row in rows:
                faults += code_faults(row.line, [("code", row.code)])
                cells = [("name", row.name), ("siret", row.siret), ("sector", row.sector)]
                faults += text_faults(row.line, cells)
            if faults:
                raise LinesRefused(in_order(faults))
            changed = [row for row in rows if self._upsert_partner(kind, row)]
            self._note_import(act, kind, [row.code for row in changed])
        return Imported(len(changed), len(rows) - len(changed))

    def _upsert_resident(self, row: ResidentRow) -> bool:
        known = self._database.first(
            "SELECT name, first_name, birth_date, email FROM residents WHERE person = ?",
            (row.person,),
        )
        if known == row[2:]:
            return False
        self._database.execute(
            "INSERT INTO residents (person, name, first_name, birth_date, email)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET name = excluded.name,"
            " first_name = excluded.first_name, birth_date = excluded.birth_date,"
            " email = excluded.email",
            row[1:],
        )
        return True

    def _upsert_partner(self, kind: str, row: PartnerRow) -> bool:
        known = self._database.first(
            "SELECT name, siret, sector FROM partners WHERE kind = ? AND code = ?", (kind, row.code)
        )
        if known == row[2:]:
            return False
        self._database.execute(
            "INSERT INTO partners (kind, code, name, siret, sector) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, code) DO UPDATE SET name = excluded.name,"
            " siret = excluded.siret, sector = excluded.sector",
            (kind, *row[1:]),
        )
        return True

    def _note_import(self, act: Act, kind: str, codes: Sequence[str]) -> None:
        """An entry a record: an update of somebody must be found under his code."""
        for code in codes:
            self._audit.note(act, "import", f"{kind} {code}")

    # -- accounts -----------------------------------------------------------------------------

    def link(
        self, act: Act, kind: str, code: str, account: bytes, *, replace: bool = False
    ) -> bool:
        """Note whose account this is; True if that is new. `replace` moves a code that has
        another account already (the owner went to a new one).

        Raises `Refused`: `person_unknown`, `employer_unknown`, `service_unknown`,
        `account_linked` when the account is another's or the code has another account.
        """
        with self._database.all_or_none():
            if not self._is_registered(kind, code):
                raise Refused(_UNKNOWN[kind], code, field=_FIELD[kind])
            owner = self._database.first(
                "SELECT kind, code FROM links WHERE account = ?", (account,)
            )
            if owner == (kind, code):
                return False
            if owner is not None:
                raise Refused("account_linked", "the account is another's", field="account")
            known = self.account_of(kind, code)
            if known is not None and not replace:
                raise Refused("account_linked", f"{code} has another account", field=_FIELD[kind])
            self._database.execute("DELETE FROM links WHERE kind = ? AND code = ?", (kind, code))
            self._database.execute(
                "INSERT INTO links (account, kind, code) VALUES (?, ?, ?)", (account, kind, code)
            )
            self._audit.note(act, "link", f"{kind} {code}")
        return True

    def link_all(self, act: Act, rows: Sequence[LinkRow]) -> int:
        """Link all of them or none; gives how many are new. Raises `LinesRefused`."""
        faults: list[LineRefusal] = []
        linked = 0
        with self._database.all_or_none():
            for row in rows:
                try:
                    linked += self.link(act, row.kind, row.code, row.account)
                except Refused as refusal:
                    faults.append(
                        LineRefusal(row.line, refusal.code, refusal.field, refusal.detail)
                    )
            if faults:
                raise LinesRefused(in_order(faults))
        return linked

    def account_of(self, kind: str, code: str) -> bytes | None:
        """The account id that belongs to a code."""
        row = self._database.first(
            "SELECT account FROM links WHERE kind = ? AND code = ?", (kind, code)
        )
        return None if row is None else bytes(row[0])

    def code_of(self, kind: str, account: bytes) -> str | None:
        """The code that an account id belongs to."""
        row = self._database.first(
            "SELECT code FROM links WHERE account = ? AND kind = ?", (account, kind)
        )
        return None if row is None else str(row[0])

    # -- reading ------------------------------------------------------------------------------

    def resident(self, act: Act, person: str) -> Resident:
        """One person's record. Raises `Refused("person_unknown")`."""
        with self._database.all_or_none():
            row = self._database.first(f"{_RESIDENTS} WHERE person = ?", (person,))
            if row is None:
                raise Refused("person_unknown", person, field="person")
            self._audit.note(act, "read", f"resident {person}")
        return Resident(*row)

    def residents(self, act: Act, limit: int, after: str = "") -> list[Resident]:
        """Records by code, from the one behind `after`."""
        with self._database.all_or_none():
            rows = self._database.all(
                f"{_RESIDENTS} WHERE person > ? ORDER BY person LIMIT ?", (after, limit)
            )
            self._audit.note(act, "read", f"residents {len(rows)} behind {after or 'the start'}")
        return [Resident(*row) for row in rows]

    def partners(self, kind: str, limit: int, after: str = "") -> list[Partner]:
        """Employers or services by code, from the one behind `after`."""
        rows = self._database.all(
            "SELECT code, name, siret, sector, account FROM partners LEFT JOIN links"
            " USING (kind, code) WHERE kind = ? AND code > ? ORDER BY code LIMIT ?",
            (kind, after, limit),
        )
        return [Partner(*row) for row in rows]

    def erase(self, act: Act, person: str) -> None:
        """Forget a person: record, account link, activities, consents, and the salts and contents
        of all lines; the ledger's commitments then tell nothing and still verify. The code is
        not taken back.

        Raises `Refused`: `person_unknown`, `erasure_pending` while a batch or a signed run that
        the person stands in is under way.
        """
        with self._database.all_or_none():
            if not self._is_registered(RESIDENT, person):
                raise Refused("person_unknown", person, field="person")
            self._erasure.erase(person, self.account_of(RESIDENT, person))
            self._audit.note(act, "erase", f"resident {person}")
        if not self._database.in_transaction:
            self._database.forget_journal()

    def _is_registered(self, kind: str, code: str) -> bool:
        if kind == RESIDENT:
            found = self._database.first("SELECT 1 FROM residents WHERE person = ?", (code,))
        else:
            found = self._database.first(
                "SELECT 1 FROM partners WHERE kind = ? AND code = ?", (kind, code)
            )
        return found is not None


_RESIDENTS = (
    "SELECT person, name, first_name, birth_date, email, account FROM residents"
    " LEFT JOIN links ON kind = 'resident' AND code = person"
)


def _resident_faults(row: ResidentRow) -> list[LineRefusal]:
    texts = [("name", row.name), ("first_name", row.first_name), ("email", row.email)]
    return [
        *code_faults(row.line, [("person", row.person)]),
        *text_faults(row.line, texts),
        *date_faults(row.line, [("birth_date", row.birth_date)]),
    ]


def _duplicates(keys: Sequence[tuple[int, str]], field: str) -> list[LineRefusal]:
    """Lines whose key stands in an earlier line of the same file."""
    seen: set[str] = set()
    found: list[LineRefusal] = []
    for line, key in keys:
        if key in seen:
            found.append(LineRefusal(line, "line_duplicate", field, key))
        seen.add(key)
    return found
