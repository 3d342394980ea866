"""What others wrote is shown without commanding the terminal."""

import pytest

from terminal.plain import plain


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b[Hpaid", "\\x1b[2J\\x1b[Hpaid"),
        ("\x1b]52;c;cm0=\x07", "\\x1b]52;c;cm0=\\x07"),
        ("a\rb", "a\\rb"),
        ("\x9b31m", "\\x9b31m"),
        ("valmont\u202e1q", "valmont\\u202e1q"),
        ("a\u2066b\u2028c", "a\\u2066b\\u2028c"),
        ("\ud800", "\\ud800"),
        ("a\u200bb", "a\\u200bb"),
    ],
)
def test_what_would_command_a_terminal_is_shown_as_its_number(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


@pytest.mark.parametrize(
    "harmless",
    ["", "Épicerie « L'Été »\u00a0: 4,20\u202f€\n\tdeux baguettes", "██ ▄▄\n", "日本語"],
)
def test_what_people_write_stays(harmless: str) -> None:
    assert plain(harmless) == harmless
