"""SHA-256 with a tag, so that no hash can be read as one made for another purpose.

H(tag, content) = SHA-256(byte(len(tag)) ‖ tag ‖ content). The length comes first, so no tag with
its content is the beginning of another.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256

from primitives.encoding import Value, encode
from primitives.errors import InvariantBroken

HASH_BYTES = 32


@cache
def tag_prefix(tag: str) -> bytes:
    """byte(len(tag)) ‖ tag. Tags are constants of the program, so the cache stays small."""
    if not tag.isascii() or not 1 <= len(tag) <= 255:
        raise InvariantBroken(f"{tag!r} cannot be a tag")
    return bytes([len(tag)]) + tag.encode("ascii")


def hash_bytes(tag: str, content: bytes) -> bytes:
    """H(tag, content), 32 bytes, over fixed-width bytes."""
    return sha256(tag_prefix(tag) + content).digest()


def hash_each(tag: str, contents: Iterable[bytes]) -> list[bytes]:
    """H(tag, content) of each, in order: what a block makes by the hundred."""
    prefix = tag_prefix(tag)
    return [sha256(prefix + content).digest() for content in contents]


def hash_items(tag: str, items: Sequence[Value]) -> bytes:
    """H(tag, enc([items…])), 32 bytes. Refuses what has no encoding."""
    return sha256(tag_prefix(tag) + encode(tuple(items))).digest()
