"""A payment's note: private text, of which the ledger holds a salted commitment only.

Commitment = H("note", [32 random bytes, text]). Whoever has salt and text can show what was
agreed; without them the ledger says nothing.
"""

from primitives.errors import Refused
from primitives.hashing import hash_items

SALT_BYTES = 32
NOTE_CHARACTERS_MAX = 140


def commitment(tag: str, salt: bytes, text: str) -> bytes:
    """The commitment to `text` under `salt`; `tag` says what kind of text it is."""
    return hash_items(tag, [salt, text])


def check_note(text: str) -> str:
    """The note, if it is one line of at most 140 printable characters.

    Raises `Refused("note_malformed")`.
    """
    if len(text) > NOTE_CHARACTERS_MAX or not text.isprintable():
        raise Refused("note_malformed")
    return text
