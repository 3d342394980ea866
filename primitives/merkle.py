"""Binary Merkle trees, padded with empty leaves.

Depth = bit length of (count − 1), so a path has exactly that many hashes and one leaf is its own
root. Inner nodes are H(tag, left ‖ right); a leaf is hashed by its owner under another tag, so no
node can stand for a leaf. The empty leaf is H("empty", ""), the empty subtree of level k + 1 is
the node over two of level k.

Levels are held flat, 32 bytes a node: a level of a million nodes is one object, not a million.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from primitives.errors import InvariantBroken
from primitives.hashing import HASH_BYTES, hash_bytes, tag_prefix

EMPTY_LEAF = hash_bytes("empty", b"")

_PAIR_BYTES = 2 * HASH_BYTES


def depth_of(count: int) -> int:
    """How many hashes a path has in a tree of `count` leaves (≥ 1)."""
    return (count - 1).bit_length()


@cache
def empty_subtree(level: int, tag: str) -> bytes:
    """The node at `level` (0 = leaves) under which every leaf is empty."""
    if level == 0:
        return EMPTY_LEAF
    below = empty_subtree(level - 1, tag)
    return hash_bytes(tag, below + below)


def parent_hashes(
    children: bytes | bytearray, indices: Sequence[int], tag: str, empty: bytes
) -> list[bytes]:
    """The nodes at ascending `indices` of the level above `children`.

    `empty` is the empty subtree of the children's level; it completes the last pair.
    """
    prefix = tag_prefix(tag)
    whole = indices
    incomplete = len(children) // _PAIR_BYTES if len(children) % _PAIR_BYTES else -1
    if indices and indices[-1] == incomplete:
        whole = indices[:-1]
    hashes = [sha256(prefix + children[i * 64 : i * 64 + 64]).digest() for i in whole]
    if len(whole) < len(indices):
        left = children[incomplete * _PAIR_BYTES :]
        hashes.append(sha256(prefix + left + empty).digest())
    return hashes


def root(leaves: Sequence[bytes], tag: str) -> bytes:
    """The root over at least one leaf."""
    return levels(leaves, tag)[-1]


def path(leaves: Sequence[bytes], index: int, tag: str) -> tuple[bytes, ...]:
    """The siblings from the leaf at `index` up to the root."""
    if not 0 <= index < len(leaves):
        raise InvariantBroken(f"no leaf {index} among {len(leaves)}")
    return path_in(levels(leaves, tag), index, tag)


def path_in(levels: Sequence[bytes], index: int, tag: str) -> tuple[bytes, ...]:
    """The same, of a tree whose `levels` were hashed before."""
    if not 0 <= index < len(levels[0]) // HASH_BYTES:
        raise InvariantBroken(f"no leaf {index}")
    hashes = []
    for level, nodes in enumerate(levels[:-1]):
        sibling = (index >> level ^ 1) * HASH_BYTES
        hashes.append(nodes[sibling : sibling + HASH_BYTES] or empty_subtree(level, tag))
    return tuple(hashes)


def root_from_path(leaf: bytes, index: int, path: Sequence[bytes], tag: str) -> bytes:
    """The root that `path` leads to. Bit i of `index` says whether the node at level i is a right
    child. The caller checks that the path has the tree's depth (`is_path`)."""
    prefix = tag_prefix(tag)
    node = leaf
    for level, sibling in enumerate(path):
        pair = sibling + node if index >> level & 1 else node + sibling
        node = sha256(prefix + pair).digest()
    return node


def is_path(path: object, depth: int) -> bool:
    """Whether `path`, which may come from anyone, is `depth` hashes."""
    return (
        isinstance(path, tuple)
        and len(path) == depth
        and all(type(node) is bytes and len(node) == HASH_BYTES for node in path)
    )


def levels(leaves: Sequence[bytes], tag: str) -> list[bytes]:
    """The nodes of each level, leaves first and the root last, without empty ones on the right."""
    if not leaves:
        raise InvariantBroken("a tree has at least one leaf")
    found = [b"".join(leaves)]
    if len(found[0]) != len(leaves) * HASH_BYTES:
        raise InvariantBroken("a leaf is 32 bytes")
    for level in range(depth_of(len(leaves))):
        nodes_count = -(-len(found[-1]) // _PAIR_BYTES)
        empty = empty_subtree(level, tag)
        found.append(b"".join(parent_hashes(found[-1], range(nodes_count), tag, empty)))
    return found
