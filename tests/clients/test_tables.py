"""French tables, read strictly: every fault has its line and its field."""

import pytest

from clients.tables import Row, Table, parse_rows, parse_table
from terminal.line_refusals import LinesRefused

COLUMNS = ("who", "amount", "day", "month", "count", "consent")


def _table(*lines: str, mark: bool = False, end: str = "\n") -> Table:
    raw = end.join((";".join(COLUMNS), *lines, "")).encode("utf-8-sig" if mark else "utf-8")
    return parse_table(raw, COLUMNS, file="folder/file.csv")


def _read(row: Row) -> tuple[object, ...]:
    return (
        row.code("who"),
        row.amount("amount", 2),
        row.date("day"),
        row.period("month"),
        row.count("count"),
        row.consent("consent"),
    )


def _faults(*lines: str) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(LinesRefused) as caught:
        parse_rows(_table(*lines), _read)
    return [(one.line, one.field, one.code) for one in caught.value.refusals]


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_habits_of_spreadsheets(mark: bool, end: str) -> None:
    table = _table(
        "Étienne;12,5;2024-02-29;2024-02;3;OUI", ";;;;;", "b;1.25;2023-01-01;2023-01;0;no",
        mark=mark, end=end,
    )  # fmt: skip
    assert parse_rows(table, _read) == [
        ("Étienne", 1_250, "2024-02-29", "2024-02", 3, True),
        ("b", 125, "2023-01-01", "2023-01", 0, False),
    ]
    assert [row.line for row in table.rows] == [2, 4]
    assert table.name == "file.csv"


def test_every_bad_cell_is_told_at_once() -> None:
    assert _faults(
        ";1 000;31/12/2023;2023-13;-1;peut-être",
        "x;1,234;2023-02-29;2023;1,5;",
        "ok;1;2023-01-01;2023-01;1;oui",
    ) == [
        (2, "who", "cell_empty"),
        (2, "amount", "amount_malformed"),
        (2, "day", "date_malformed"),
        (2, "month", "period_out_of_range"),
        (2, "count", "count_malformed"),
        (2, "consent", "consent_malformed"),
        (3, "amount", "amount_malformed"),
        (3, "day", "date_out_of_range"),
        (3, "month", "period_malformed"),
        (3, "count", "count_malformed"),
        (3, "consent", "consent_malformed"),
    ]


@pytest.mark.parametrize(
    ("raw", "line", "field", "code"),
    [
        (b"", None, None, "file_empty"),
        (b"a;b\n1;\xe9\n", 2, None, "file_encoding_unknown"),
        (b"\xef\xbb\xbfa;b\n1;2\n\xe9;2\n", 3, None, "file_encoding_unknown"),
        ("a;b\n1;2\n".encode("utf-16"), 1, None, "file_encoding_unknown"),
        (b"a,b\n1,2\n", 1, "a", "file_column_missing"),
        (b"a;B\n1;2\n", 1, "b", "file_column_missing"),
        (b"a;b;c\n1;2;3\n", 1, "c", "file_column_unknown"),
        (b"a;b;b\n1;2;3\n", 1, "b", "file_column_unknown"),
        (b"a;b\n1;2\n1\n", 3, None, "file_row_malformed"),
        (b'a;b\n"x"y;2\n', 2, None, "file_row_malformed"),
    ],
)
def test_files_that_are_no_such_table(
    raw: bytes, line: int | None, field: str | None, code: str
) -> None:
    with pytest.raises(LinesRefused) as caught:
        parse_table(raw, ("a", "b"), file="f.csv")
    first = caught.value.refusals[0]
    assert (first.line, first.field, first.code) == (line, field, code)


def test_a_cell_on_two_lines_does_not_shift_the_numbers() -> None:
    table = parse_table(b'a;b\n"x\ny";2\n3;4\n', ("a", "b"), file="f.csv")
    assert [row.line for row in table.rows] == [2, 4]


def test_a_refusal_reads_as_one_line() -> None:
    with pytest.raises(LinesRefused) as caught:
        parse_rows(_table("x;1,234;2023-01-01;2023-01;1;oui"), _read)
    shown = caught.value.refusals[0].shown("f.csv")
    assert shown.startswith("refused[amount_malformed]: ")
    assert shown.endswith(": 1,234 (f.csv, ligne 2, amount)")
