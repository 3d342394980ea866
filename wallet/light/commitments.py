"""Salted commitments to private texts: H(tag, [32 random bytes, text]) (protocol, section 4)."""

from primitives.hashing import hash_items


def commitment(tag: str, salt: bytes, text: str) -> bytes:
    """The commitment to `text` under `salt`; `tag` says what kind of text it is."""
    return hash_items(tag, [salt, text])
