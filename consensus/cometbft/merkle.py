"""The Merkle tree of RFC 6962, section 2.1, over SHA-256: CometBFT's `crypto/merkle`.

A leaf is hashed after a byte 0, two nodes after a byte 1, and n > 1 leaves are split at the largest
power of two below n; nothing is padded, so a tree of other shape has another root. The tree over no
leaves is the hash of nothing. `primitives.merkle`, the tree of our own objects, is another one.
"""

from collections.abc import Sequence
from hashlib import sha256

AUNTS_MAX = 100
"""As CometBFT's `MaxAunts`."""
EMPTY_ROOT = sha256(b"").digest()
_LEAF = b"\x00"
_NODE = b"\x01"
_HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's content."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(_NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over the contents of these leaves."""
    if not leaves:
        return EMPTY_ROOT
    return _root([leaf_hash(leaf) for leaf in leaves])


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The aunts of the leaf at `index`, from its sibling up to the root's child.

    Raises `IndexError` where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    hashes = [leaf_hash(leaf) for leaf in leaves]
    aunts: list[bytes] = []
    while len(hashes) > 1:
        split = _split(len(hashes))
        left, right = hashes[:split], hashes[split:]
        if index < split:
            aunts.append(_root(right))
            hashes = left
        else:
            aunts.append(_root(left))
            hashes, index = right, index - split
    return tuple(reversed(aunts))


def root_from_path(leaf: bytes, index: int, total: int, aunts: Sequence[bytes]) -> bytes | None:
    """The root that these aunts lead to from a leaf's content; None where a tree of `total` leaves
    has no such path. Aunts may come from anyone."""
    if not 0 <= index < total or len(aunts) > AUNTS_MAX:
        return None
    if not all(type(aunt) is bytes and len(aunt) == _HASH_BYTES for aunt in aunts):
        return None
    turns: list[bool] = []
    while total > 1:
        split = _split(total)
        is_left = index < split
        turns.append(is_left)
        index, total = (index, split) if is_left else (index - split, total - split)
        if len(turns) > len(aunts):
            return None
    if len(turns) != len(aunts):
        return None
    node = leaf_hash(leaf)
    for is_left, aunt in zip(reversed(turns), aunts, strict=True):
        node = node_hash(node, aunt) if is_left else node_hash(aunt, node)
    return node


def _root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return node_hash(_root(hashes[:split]), _root(hashes[split:]))


def _split(count: int) -> int:
    """The largest power of two below `count` (> 1)."""
    return 1 << (count - 1).bit_length() - 1
