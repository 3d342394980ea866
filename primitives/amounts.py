"""Amounts: integers in minor units, never floats.

The limit is JavaScript's largest exact integer, so that every client keeps them exact; it holds
for every sum of amounts too.
"""

import re

from primitives.errors import InvariantBroken, Refused

AMOUNT_MINOR_MAX = 2**53 - 1

_TEXT = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?")
_DIGITS_MAX = len(str(AMOUNT_MINOR_MAX))


def is_amount(value: object) -> bool:
    """Whether `value` is an amount: an int (not a bool) in 0 … 2^53 − 1."""
    return type(value) is int and 0 <= value <= AMOUNT_MINOR_MAX


def parse_amount(text: str, decimals: int) -> int:
    """The amount, in minor units, that a person wrote: `12`, `12,5` or `12.50`.

    At most `decimals` digits after the mark, no grouping, no sign, no blanks; anything else is
    `amount_malformed`, never guessed. Above 2^53 − 1 minor units: `amount_out_of_range`.
    """
    _check_decimals(decimals)
    match = _TEXT.fullmatch(text)
    if match is None:
        raise Refused("amount_malformed", f"{text[:40]!r} is not digits with at most one mark")
    whole, part = match[1], match[2] or ""
    if len(part) > decimals:
        raise Refused("amount_malformed", f"{text[:40]!r} has more than {decimals} decimals")
    digits = (whole + part.ljust(decimals, "0")).lstrip("0")
    # The length first: turning very long digits into a number is slow, or refused by Python.
    if len(digits) > _DIGITS_MAX or int(digits or "0") > AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", "above 2^53 − 1 minor units")
    return int(digits or "0")


def format_amount(amount_minor: int, decimals: int, decimal_mark: str = ",") -> str:
    """The amount as people read it, all decimals shown, no grouping; a minus before negative ones
    (differences are signed). `parse_amount` takes back what this gives for amounts."""
    _check_decimals(decimals)
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}{decimal_mark}{digits[-decimals:]}"


def _check_decimals(decimals: int) -> None:
    if not 0 <= decimals <= _DIGITS_MAX:
        raise InvariantBroken(f"a currency cannot have {decimals} decimals")
