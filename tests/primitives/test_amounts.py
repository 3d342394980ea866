"""Amounts: integers, read and written without guessing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.amounts import AMOUNT_MINOR_MAX, format_amount, is_amount, parse_amount
from primitives.errors import InvariantBroken, Refused


@given(st.integers(0, AMOUNT_MINOR_MAX), st.integers(0, 8), st.sampled_from(",."))
def test_what_is_written_is_read_again(amount_minor: int, decimals: int, mark: str) -> None:
    assert parse_amount(format_amount(amount_minor, decimals, mark), decimals) == amount_minor


@pytest.mark.parametrize(
    ("text", "decimals", "amount_minor"),
    [
        ("12", 2, 1200),
        ("12,5", 2, 1250),
        ("12.50", 2, 1250),
        ("0", 2, 0),
        ("0,01", 2, 1),
        ("007", 0, 7),
        ("90071992547409.91", 2, AMOUNT_MINOR_MAX),
        ("0" * 50 + "1", 2, 100),
    ],
)
def test_amounts_as_people_write_them(text: str, decimals: int, amount_minor: int) -> None:
    assert parse_amount(text, decimals) == amount_minor


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1\n", "+1", "-1", "1.", ".5", ",5", "1,2,3", "1.234", "1,000.00"),
        *("1e3", "0x1", "1_0", "١", "½", "12 50", "1\u00a0000", "NaN", "12€", "--", "1,٥"),
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(text, 2)
    assert refusal.value.code == "amount_malformed"


def test_decimals_beyond_the_currency_are_malformed() -> None:
    for text, decimals in (("1,0", 0), ("1,50", 1), ("1,500", 2)):
        with pytest.raises(Refused, match="amount_malformed"):
            parse_amount(text, decimals)


@pytest.mark.parametrize("text", ["90071992547409.92", "9" * 17, "9" * 100_000])
def test_too_much_is_out_of_range(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(text, 2)
    assert refusal.value.code == "amount_out_of_range"


def test_amounts_as_people_read_them() -> None:
    assert format_amount(1250, 2) == "12,50"
    assert format_amount(1250, 2, ".") == "12.50"
    assert format_amount(5, 2) == "0,05"
    assert format_amount(-5, 2) == "-0,05"
    assert format_amount(90, 0) == "90"
    assert format_amount(1234567, 2) == "12345,67"


def test_what_is_an_amount() -> None:
    for good in (0, 1, AMOUNT_MINOR_MAX):
        assert is_amount(good)
    for bad in (-1, AMOUNT_MINOR_MAX + 1, True, False, 1.0, "1", None):
        assert not is_amount(bad)


def test_impossible_decimals_are_a_bug() -> None:
    for decimals in (-1, 17):
        with pytest.raises(InvariantBroken):
            parse_amount("1", decimals)
        with pytest.raises(InvariantBroken):
            format_amount(1, decimals)
