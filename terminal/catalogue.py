"""Every code's message and hint, in both languages. Codes themselves are never translated."""

from terminal import messages_en, messages_fr
from terminal.languages import Language, current_language

_CATALOGUES: dict[Language, dict[str, tuple[str, str]]] = {
    "fr": messages_fr.MESSAGES,
    "en": messages_en.MESSAGES,
}
_WORDS: dict[Language, dict[str, str]] = {
    "fr": messages_fr.WORDS,
    "en": messages_en.WORDS,
}


def message(code: str, language: Language | None = None) -> str:
    """What went wrong, in a person's words. A code we do not know is named as it is."""
    return _entry(code, language)[0]


def hint(code: str, language: Language | None = None) -> str:
    """What to do about it; may be empty for a code we do not know."""
    return _entry(code, language)[1]


def codes() -> frozenset[str]:
    """Every code that has a message."""
    return frozenset(messages_fr.MESSAGES)


def word(name: str, language: Language | None = None) -> str:
    """One of the few words that error lines are made of."""
    return _WORDS[language or current_language()][name]


def _entry(code: str, language: Language | None) -> tuple[str, str]:
    chosen = language or current_language()
    return _CATALOGUES[chosen].get(code) or (f"{_WORDS[chosen]['refused']} ({code})", "")
