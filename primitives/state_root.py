"""The one hash that a header carries for the whole state.

It commits to the number of slots, which decides how long the tree's paths are, beside the roots of
the tree of objects and of the receipt log.
"""

from primitives.hashing import hash_bytes

FORMAT = 1


def state_root(count: int, tree_root: bytes, log_root: bytes) -> bytes:
    """H("state", format(8) ‖ count(8) ‖ tree root ‖ log root); `count` is the tree's slots."""
    counted = FORMAT.to_bytes(8, "big") + count.to_bytes(8, "big")
    return hash_bytes("state", counted + tree_root + log_root)
