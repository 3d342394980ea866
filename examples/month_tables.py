"""How the example month's files are written: French spreadsheets' habits, a little different in
each town hall."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

UTF8, LATIN_1, UTF_16 = "utf-8", "latin-1", "utf-16"
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Habits:
    """What a town hall's spreadsheet does on its own."""

    mark: str
    """Before the decimals."""
    pads: bool
    """Whether `12` is written `12,00`."""
    byte_order_mark: bool
    newline: str

    def amount(self, minor: int) -> str:
        """An amount of a currency with two decimals."""
        units, cents = divmod(minor, 100)
        if cents == 0 and not self.pads:
            return str(units)
        return f"{units}{self.mark}{cents:02d}"

    def file(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], encoding: str = UTF8
    ) -> bytes:
        """A table's bytes. Only UTF-8 gets the mark that this town hall's spreadsheet puts."""
        words = io.StringIO(newline="")
        writer = csv.writer(words, delimiter=";", lineterminator=self.newline)
        writer.writerow(columns)
        writer.writerows(rows)
        raw = words.getvalue().encode("utf-16-le" if encoding == UTF_16 else encoding)
        if encoding == UTF_16:
            return b"\xff\xfe" + raw
        return _UTF8_MARK + raw if encoding == UTF8 and self.byte_order_mark else raw


HABITS = {
    "valmont": Habits(",", pads=True, byte_order_mark=True, newline="\r\n"),
    "jura": Habits(".", pads=True, byte_order_mark=False, newline="\n"),
    "brenta": Habits(",", pads=False, byte_order_mark=True, newline="\n"),
    "liria": Habits(",", pads=True, byte_order_mark=False, newline="\r\n"),
}
