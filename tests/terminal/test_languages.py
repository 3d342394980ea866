"""Which language a command speaks."""

import pytest

from terminal.languages import choose_language, set_language, text


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "fr"),
        ([], {"LANG": "C.UTF-8"}, "fr"),
        ([], {"LANG": "de_DE.UTF-8"}, "fr"),
        ([], {"LANG": "en_GB.UTF-8"}, "en"),
        ([], {"LANG": "en_GB.UTF-8", "DEMOCITE_LANG": "fr"}, "fr"),
        (["wallet", "--lang", "en"], {"LANG": "fr_FR"}, "en"),
        (["wallet", "--lang=en"], {}, "en"),
        (["wallet", "--lang", "xx"], {"LANG": "en"}, "en"),
        (["wallet", "--", "--lang", "en"], {}, "fr"),
    ],
)
def test_the_option_wins_then_the_environment_then_french(
    arguments: list[str], environment: dict[str, str], expected: str
) -> None:
    assert choose_language(arguments, environment) == expected


def test_text_is_in_the_current_language() -> None:
    assert text("oui", "yes") == "oui"
    set_language("en")
    try:
        assert text("oui", "yes") == "yes"
    finally:
        set_language("fr")
