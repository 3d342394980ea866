"""Tagged hashes."""

from hashlib import sha256

import pytest

from primitives.encoding import encode
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import HASH_BYTES, hash_bytes, hash_each, hash_items, tag_prefix


def test_the_tag_and_its_length_come_first() -> None:
    assert hash_bytes("leaf", b"xyz") == sha256(b"\x04leafxyz").digest()
    assert len(hash_bytes("leaf", b"")) == HASH_BYTES
    assert hash_bytes("ab", b"c") != hash_bytes("a", b"bc")


def test_many_are_hashed_as_each_alone() -> None:
    contents = [b"", b"xyz", b"x" * 300]
    assert hash_each("leaf", contents) == [hash_bytes("leaf", one) for one in contents]
    assert hash_each("leaf", iter(contents)) == hash_each("leaf", contents)


def test_items_are_hashed_as_one_array() -> None:
    assert hash_items("key", ["account", b"x"]) == hash_bytes("key", encode(("account", b"x")))
    assert hash_items("key", []) == hash_bytes("key", b"\x90")
    with pytest.raises(Refused):
        hash_items("key", [1.5])  # type: ignore[list-item]


@pytest.mark.parametrize("tag", ["", "é", "x" * 256])
def test_other_tags_are_a_bug(tag: str) -> None:
    with pytest.raises(InvariantBroken):
        tag_prefix(tag)
