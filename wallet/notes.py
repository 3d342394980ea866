"""A payment's note: private text, of which the ledger holds a salted commitment only."""

from primitives.errors import Refused

SALT_BYTES = 32
NOTE_CHARACTERS_MAX = 140


def check_note(text: str) -> str:
    """The note, if it is one line of at most 140 printable characters.

    Raises `Refused("note_malformed")`.
    """
    if len(text) > NOTE_CHARACTERS_MAX or not text.isprintable():
        raise Refused("note_malformed")
    return text
