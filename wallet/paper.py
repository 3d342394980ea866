"""The paper key: twelve words that decide over all keys of an account.

BIP-39, in French or English. Nothing is stored: the words are shown once, and typed in to use them.
"""

import secrets
import sys
from getpass import getpass
from pathlib import Path

from mnemonic import Mnemonic

from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from terminal.errors import CommandError
from terminal.languages import current_language, text

LISTS = {"fr": "french", "en": "english"}
ENTROPY_BYTES = 16
WORDS = 12
WORDS_BYTES_MAX = 4_096


def new_words(language: str | None = None) -> str:
    """Twelve words, drawn now, in the current language."""
    chosen = LISTS[language or current_language()]
    return Mnemonic(chosen).to_mnemonic(secrets.token_bytes(ENTROPY_BYTES))


def paper_key(words: str) -> SigningKey:
    """The key that the words stand for. Raises `Refused("words_invalid")`."""
    typed = " ".join(words.lower().split())
    for chosen in LISTS.values():
        if len(typed.split(" ")) == WORDS and Mnemonic(chosen).check(typed):
            return SigningKey.from_seed(hash_bytes("paper_key", Mnemonic.to_seed(typed)))
    raise Refused("words_invalid")


def read_words(file: Path | None) -> str:
    """The words from a file (`-`: standard input), or typed on the terminal unseen.

    Raises `CommandError("option_missing")` where there is neither.
    """
    if file is not None:
        if str(file) == "-":
            return sys.stdin.read(WORDS_BYTES_MAX)
        with file.open("rb") as stream:
            raw = stream.read(WORDS_BYTES_MAX)
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Refused("words_invalid", file=str(file)) from None
    if not sys.stdin.isatty():
        raise CommandError(
            "option_missing", text("il manque --words-file FILE", "--words-file FILE is missing")
        )
    return getpass(text("Les douze mots : ", "The twelve words: "))
