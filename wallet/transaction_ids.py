"""A transaction's id: over all signed bytes, signatures included (docs/protocol.md, section 2)."""

from primitives.hashing import hash_bytes


def transaction_id(raw: bytes) -> bytes:
    """The id of a transaction, 32 bytes."""
    return hash_bytes("tx", raw)
