"""The two languages that commands speak. French comes first, for it is the project's own.

The choice is made once, before a command group is loaded (so that its help is in that language):
`--lang`, else `DEMOCITE_LANG`, else `LANG`, else French.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

Language = Literal["fr", "en"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")
DEFAULT_LANGUAGE: Language = "fr"

_current: Language = DEFAULT_LANGUAGE


def current_language() -> Language:
    """The language of this process's messages."""
    return _current


def set_language(language: Language) -> None:
    """Speak `language` from now on."""
    global _current
    _current = language


def text(french: str, english: str) -> str:
    """The one of two texts that is in the current language."""
    return french if _current == "fr" else english


def is_language(word: str) -> bool:
    """Whether `word` is the code of a language that we speak."""
    return word in LANGUAGES


def choose_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language that a command line and its environment ask for.

    An unknown `--lang` is not refused here but by the option itself, which can say so; an
    environment that asks for a third language gets French.
    """
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        value = None
        if argument == "--lang" and index + 1 < len(arguments):
            value = arguments[index + 1]
        elif argument.startswith("--lang="):
            value = argument.removeprefix("--lang=")
        if value is not None and is_language(value):
            return cast(Language, value)
    for name in ("DEMOCITE_LANG", "LANG"):
        value = environment.get(name, "")[:2].lower()
        if is_language(value):
            return cast(Language, value)
    return DEFAULT_LANGUAGE
