"""Where an object stands in the state's tree."""

from __future__ import annotations

from primitives.hashing import hash_items

OBJECT_VERSION = 1


def tree_key(kind: str, identity: bytes | str | int) -> bytes:
    """Key of an object in the indexed tree, 32 bytes.

    `identity` is what tells objects of a kind apart, e.g. an account's id, a currency's code, the
    receipt number of the payment that a refund record belongs to; empty text where there is one.
    """
    return hash_items("key", [kind, identity])
