"""Cells of imported rows: shapes and bounds, checked here whoever read the file.

A cell's content is repeated in no refusal: it may be about a person.
"""

import datetime
from collections.abc import Iterable

from node.registry.refusals import LineRefusal
from primitives.amounts import AMOUNT_MINOR_MAX

CODE_CHARACTERS_MAX = 64
TEXT_CHARACTERS_MAX = 200
_MS_PER_HOUR = 3_600_000
# When a day begins anywhere on Earth, so that nobody's today counts as tomorrow.
_EARLIEST_ZONE_HOURS = 14


def code_faults(line: int, cells: Iterable[tuple[str, str]]) -> list[LineRefusal]:
    """Codes: neither empty nor long, without blanks around them."""
    found: list[LineRefusal] = []
    for field, word in cells:
        if not word or word != word.strip():
            found.append(LineRefusal(line, "cell_empty", field))
        elif len(word) > CODE_CHARACTERS_MAX:
            found.append(LineRefusal(line, "cell_too_long", field))
    return found


def text_faults(line: int, cells: Iterable[tuple[str, str]]) -> list[LineRefusal]:
    """Texts, which may be empty."""
    return [
        LineRefusal(line, "cell_too_long", field)
        for field, word in cells
        if len(word) > TEXT_CHARACTERS_MAX
    ]


def date_faults(line: int, cells: Iterable[tuple[str, str]]) -> list[LineRefusal]:
    """Days that exist, as `2026-05-31`."""
    return [
        LineRefusal(line, "date_malformed", field) for field, word in cells if not is_date(word)
    ]


def amount_faults(line: int, cells: Iterable[tuple[str, int]]) -> list[LineRefusal]:
    """Amounts above nothing that a ledger can hold."""
    return [
        LineRefusal(line, "amount_out_of_range", field)
        for field, amount_minor in cells
        if not 1 <= amount_minor <= AMOUNT_MINOR_MAX
    ]


def is_date(word: str) -> bool:
    """Whether there is such a day, written `2026-05-31` and in no other way."""
    try:
        return datetime.date.fromisoformat(word).isoformat() == word
    except ValueError:
        return False


def is_period(word: str) -> bool:
    """Whether there is such a month, written `2026-05`."""
    return is_date(f"{word}-01")


def newest_day(time_ms: int) -> str:
    """The day that it is, or soon will be, where it is latest on Earth."""
    seconds = (time_ms + _EARLIEST_ZONE_HOURS * _MS_PER_HOUR) // 1000
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
