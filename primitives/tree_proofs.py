"""What an indexed tree can prove, and how anyone checks it.

Presence of a key: its leaf, in a slot below the count, leads to the root. Absence: a present leaf
names a smaller key and, as the one after it, a greater. The count decides how long a path is; it
is bound by the state root, which is why checking goes up to a root that is then compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from primitives.hashing import HASH_BYTES, hash_bytes, hash_each
from primitives.merkle import depth_of, is_path, root_from_path

NODE_TAG = "node"
LEAF_TAG = "leaf"
KEY_MIN = bytes(HASH_BYTES)
"""The sentinel's key; below every other."""

KEY_MAX = b"\xff" * HASH_BYTES
"""What the last leaf names as the next key; above every other."""

_COUNT_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class Presence:
    """A key is in the tree: its slot, the next key, the number of slots, the path from its leaf."""

    slot: int
    next_key: bytes
    count: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """A key is not in the tree: the neighbour below it, with all that its leaf holds."""

    slot: int
    key: bytes
    next_key: bytes
    value_hash: bytes
    count: int
    path: tuple[bytes, ...]


def value_hash_of(value: bytes) -> bytes:
    """H("value", value): how an object's bytes stand in its leaf."""
    return hash_bytes("value", value)


def value_hashes_of(values: Iterable[bytes]) -> list[bytes]:
    """The same of each, in order."""
    return hash_each("value", values)


def leaf_hash(slot: int, key: bytes, next_key: bytes, value_hash: bytes) -> bytes:
    """H("leaf", slot(8) ‖ key ‖ next key ‖ value hash)."""
    return hash_bytes(LEAF_TAG, slot.to_bytes(8, "big") + key + next_key + value_hash)


def presence_root(key: bytes, value_hash: bytes, presence: Presence) -> bytes | None:
    """The tree root that the proof leads to, or None if it cannot be one for `key`.

    Whoever compares it must also compare `presence.count`, as the state root does.
    """
    if presence.slot == 0:  # the sentinel is no object
        return None
    return _root(presence.slot, key, presence.next_key, value_hash, presence.count, presence.path)


def absence_root(key: bytes, absence: Absence) -> bytes | None:
    """The tree root that the proof leads to, or None if it cannot be one for `key`.

    Whoever compares it must also compare `absence.count`, as the state root does.
    """
    root = _root(
        absence.slot,
        absence.key,
        absence.next_key,
        absence.value_hash,
        absence.count,
        absence.path,
    )
    if root is None or not _is_hash(key) or not absence.key < key < absence.next_key:
        return None
    return root


def verify_presence(root: bytes, key: bytes, value_hash: bytes, presence: Presence) -> bool:
    """Whether `key` has that value under the tree root of `presence.count` slots. Never raises."""
    return presence_root(key, value_hash, presence) == root


def verify_absence(root: bytes, key: bytes, absence: Absence) -> bool:
    """Whether `key` is not under the tree root of `absence.count` slots. Never raises."""
    return absence_root(key, absence) == root


def _root(
    slot: int, key: bytes, next_key: bytes, value_hash: bytes, count: int, path: tuple[bytes, ...]
) -> bytes | None:
    if type(slot) is not int or type(count) is not int or not 0 <= slot < count <= _COUNT_MAX:
        return None
    if not (_is_hash(key) and _is_hash(next_key) and _is_hash(value_hash) and key < next_key):
        return None
    if not is_path(path, depth_of(count)):
        return None
    return root_from_path(leaf_hash(slot, key, next_key, value_hash), slot, path, NODE_TAG)


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES
