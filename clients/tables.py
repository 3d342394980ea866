"""Tables as French spreadsheets write them, read strictly: nothing is guessed.

UTF-8 with or without a byte order mark, `;` between fields, the first line naming the columns (in
any order, all of them and no other). Each row knows its line. A cell that cannot be read is noted
with its field, and `parse_rows` tells all of them at once.

Codes: `file_encoding_unknown`, `file_column_missing`, `file_column_unknown`, `file_row_malformed`,
`file_too_large`, `file_empty`; for cells `cell_empty`, `cell_too_long`, `amount_malformed`,
`amount_out_of_range`, `date_malformed` (not `YYYY-MM-DD`), `date_out_of_range` (no such day),
`period_malformed`, `period_out_of_range` (no such month), `count_malformed`, `consent_malformed`.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from primitives import amounts
from primitives.errors import Refused
from terminal.line_refusals import LineRefusal, LinesRefused

FILE_BYTES_MAX = 8 * 1024 * 1024
CELL_CHARACTERS_MAX = 200
CODE_CHARACTERS_MAX = 64
COUNT_DIGITS_MAX = 9

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}")
_CONSENTS = {"oui": True, "yes": True, "non": False, "no": False}

T = TypeVar("T")


@dataclass
class Row:
    """One row. What it cannot read it notes in `faults` and gives a neutral value for."""

    line: int
    cells: Mapping[str, str]
    faults: list[LineRefusal] = field(default_factory=list)

    def code(self, name: str) -> str:
        """What someone or something is known by: a short word or number."""
        return self.text(name, characters_max=CODE_CHARACTERS_MAX)

    def text(
        self,
        name: str,
        *,
        may_be_empty: bool = False,
        characters_max: int = CELL_CHARACTERS_MAX,
    ) -> str:
        """Words, on one line."""
        cell = self.cells[name]
        if not cell and not may_be_empty:
            self._fault("cell_empty", name)
        elif len(cell) > characters_max:
            self._fault("cell_too_long", name, f"{len(cell)} > {characters_max}")
        elif cell and not cell.isprintable():
            self._fault("file_row_malformed", name)
        return cell

    def date(self, name: str) -> str:
        """A day that exists, `YYYY-MM-DD`."""
        return self._day(name, _DATE, "date_malformed", "date_out_of_range", "")

    def period(self, name: str) -> str:
        """A month that exists, `YYYY-MM`."""
        return self._day(name, _PERIOD, "period_malformed", "period_out_of_range", "-01")

    def amount(self, name: str, decimals: int) -> int:
        """An amount in minor units, written with at most the currency's decimals."""
        try:
            return amounts.parse_amount(self.cells[name], decimals)
        except Refused as refusal:
            self._fault(refusal.code, name, self.cells[name][:40])
            return 0

    def count(self, name: str) -> int:
        """A whole number, digits only."""
        cell = self.cells[name]
        if not (cell.isascii() and cell.isdigit() and len(cell) <= COUNT_DIGITS_MAX):
            self._fault("count_malformed", name, cell[:40])
            return 0
        return int(cell)

    def consent(self, name: str) -> bool:
        """`oui`, `non`, `yes` or `no`, in capitals or not."""
        found = _CONSENTS.get(self.cells[name].lower())
        if found is None:
            self._fault("consent_malformed", name, self.cells[name][:40])
        return bool(found)

    def _day(
        self, name: str, shape: re.Pattern[str], malformed: str, absent: str, rest: str
    ) -> str:
        cell = self.cells[name]
        if shape.fullmatch(cell) is None:
            self._fault(malformed, name, cell[:40])
            return ""
        try:
            date.fromisoformat(cell + rest)
        except ValueError:
            self._fault(absent, name, cell)
        return cell

    def _fault(self, code: str, name: str, detail: str = "") -> None:
        self.faults.append(LineRefusal(code, self.line, name, detail))


@dataclass(frozen=True)
class Table:
    """A file's rows. `sha256` is over its bytes as they are."""

    file: str
    """The file's path as the user wrote it, for messages."""
    name: str
    """Its name without folders, for the node."""
    sha256: bytes
    rows: tuple[Row, ...]


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Read a file with exactly these columns. Raises `LinesRefused`, see the module's codes."""
    with path.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    return parse_table(raw, columns, file=str(path))


def parse_table(raw: bytes, columns: Sequence[str], *, file: str) -> Table:
    """Read a table's bytes; `file` names it in messages."""
    if len(raw) > FILE_BYTES_MAX:
        raise LinesRefused([LineRefusal("file_too_large", None)], file)
    try:
        words = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The position is in what was decoded: without the mark, if there is one.
        start = error.start + len(raw) - len(error.object)
        line = raw.count(b"\n", 0, start) + 1
        raise LinesRefused([LineRefusal("file_encoding_unknown", line)], file) from None
    records = _records(words, file)
    header = next(records, None)
    if header is None:
        raise LinesRefused([LineRefusal("file_empty", None)], file)
    line, names = header
    _check_columns(line, names, columns, file)
    rows: list[Row] = []
    faults: list[LineRefusal] = []
    for line, cells in records:
        if len(cells) != len(names):
            detail = f"{len(cells)} ≠ {len(names)}"
            faults.append(LineRefusal("file_row_malformed", line, None, detail))
        else:
            rows.append(Row(line, dict(zip(names, cells, strict=True))))
    if faults:
        raise LinesRefused(faults, file)
    return Table(file, Path(file).name, hashlib.sha256(raw).digest(), tuple(rows))


def parse_rows(table: Table, parse: Callable[[Row], T]) -> list[T]:
    """What `parse` makes of each row. Raises `LinesRefused` with every fault of every row."""
    found: list[T] = []
    faults: list[LineRefusal] = []
    for row in table.rows:
        made = parse(row)
        faults.extend(row.faults)
        found.append(made)
    if faults:
        raise LinesRefused(faults, table.file)
    return found


def _records(words: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line that each begins on; rows without a word are passed over."""
    reader = csv.reader(io.StringIO(words, newline=""), delimiter=";", strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LinesRefused(
                [LineRefusal("file_row_malformed", line, None, str(error))], file
            ) from None
        if any(cells):
            yield line, cells


def _check_columns(line: int, names: list[str], columns: Sequence[str], file: str) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        raise LinesRefused(
            [LineRefusal("file_column_missing", line, name) for name in missing], file
        )
    odd = [name for index, name in enumerate(names) if name not in columns or name in names[:index]]
    if odd:
        raise LinesRefused(
            [LineRefusal("file_column_unknown", line, name[:40]) for name in odd], file
        )
