"""The files that a town hall brings in: which columns each has, and how its cells are read."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.tables import Row, Table, parse_rows, parse_table, read_table
from primitives.errors import Refused
from terminal.line_refusals import LineRefusal, LinesRefused

RowJson = dict[str, object]


@dataclass(frozen=True)
class Register:
    """One kind of file. `name` is the register's, as the node's paths spell it."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[Row, int], RowJson]
    """A row as the node takes it; the second value is the currency's decimals."""


@dataclass(frozen=True)
class RegisterRows:
    """A file's rows, ready to be sent."""

    register: str
    file: str
    file_name: str
    file_sha256: bytes
    rows: tuple[RowJson, ...]

    def to_json(self) -> dict[str, object]:
        """The request's content."""
        return {
            "file_name": self.file_name,
            "file_sha256": self.file_sha256.hex(),
            "rows": list(self.rows),
        }


def _resident(row: Row, _decimals: int) -> RowJson:
    return {
        "line": row.line,
        "person": row.code("person"),
        "name": row.text("name"),
        "first_name": row.text("first_name", may_be_empty=True),
        "birth_date": row.date("birth_date"),
        "email": row.text("email", may_be_empty=True),
    }


def _partner(row: Row, _decimals: int) -> RowJson:
    return {
        "line": row.line,
        "code": row.code("code"),
        "name": row.text("name"),
        "siret": row.text("siret", may_be_empty=True),
        "sector": row.text("sector", may_be_empty=True),
    }


def _programme(row: Row, decimals: int) -> RowJson:
    return {
        "line": row.line,
        "programme": row.code("programme"),
        "title": row.text("title"),
        "budget_minor": row.amount("budget", decimals),
        "from": row.date("from"),
        "to": row.date("to"),
    }


def _level(row: Row, decimals: int) -> RowJson:
    return {
        "line": row.line,
        "level": row.code("level"),
        "rate_per_hour_minor": row.amount("rate_per_hour", decimals),
    }


def _activity(row: Row, _decimals: int) -> RowJson:
    return {
        "line": row.line,
        "person": row.code("person"),
        "programme": row.code("programme"),
        "date": row.date("date"),
        "minutes": row.count("minutes"),
        "level": row.code("level"),
        "confirmed_by": row.text("confirmed_by", may_be_empty=True),
    }


_PARTNER_COLUMNS = ("code", "name", "siret", "sector")

REGISTERS: dict[str, Register] = {
    register.name: register
    for register in (
        Register("residents", ("person", "name", "first_name", "birth_date", "email"), _resident),
        Register("employers", _PARTNER_COLUMNS, _partner),
        Register("services", _PARTNER_COLUMNS, _partner),
        Register("programmes", ("programme", "title", "budget", "from", "to"), _programme),
        Register("levels", ("level", "rate_per_hour"), _level),
        Register(
            "activities",
            ("person", "programme", "date", "minutes", "level", "confirmed_by"),
            _activity,
        ),
    )
}


def read_register(register: str, path: Path, decimals: int) -> RegisterRows:
    """Read a file. Raises `LinesRefused` with everything in it that cannot be read."""
    return _rows(register, read_table(path, REGISTERS[register].columns), decimals)


def parse_register(register: str, raw: bytes, decimals: int, *, file: str) -> RegisterRows:
    """The same from bytes at hand."""
    return _rows(register, parse_table(raw, REGISTERS[register].columns, file=file), decimals)


def one_row(register: str, cells: dict[str, str], decimals: int) -> RegisterRows:
    """One line typed rather than imported, read as a file's line would be.

    Raises `LinesRefused`, whose fields are the columns.
    """
    wanted = REGISTERS[register]
    if tuple(cells) != wanted.columns:
        raise Refused("usage", ", ".join(wanted.columns))
    words = ";".join(cells.values())
    table = Table("", "register", hashlib.sha256(words.encode()).digest(), (Row(1, cells),))
    try:
        return _rows(register, table, decimals)
    except LinesRefused as refused:
        raise LinesRefused(without_lines(refused.refusals)) from None


def without_lines(refusals: Sequence[LineRefusal]) -> list[LineRefusal]:
    """Refusals of something typed, which has no line."""
    return [
        LineRefusal(one.code, None, one.field, one.detail, one.allowed_minor, one.allowed)
        for one in refusals
    ]


def _rows(register: str, table: Table, decimals: int) -> RegisterRows:
    wanted = REGISTERS[register]
    rows = parse_rows(table, lambda row: wanted.read(row, decimals))
    return RegisterRows(register, table.file, table.name, table.sha256, tuple(rows))
