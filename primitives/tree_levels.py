"""The indexed tree's flat arrays: the contents of its slots, and the levels of hashes over them.

A slot's content is key ‖ next key ‖ value hash; a level holds 32 bytes a node, leaves first.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain
from struct import Struct

from primitives.errors import InvariantBroken
from primitives.hashing import HASH_BYTES, tag_prefix
from primitives.merkle import EMPTY_LEAF, depth_of, empty_subtree, parent_hashes
from primitives.tree_proofs import KEY_MAX, LEAF_TAG, NODE_TAG

CONTENT_BYTES = 3 * HASH_BYTES

_put_node = Struct(f"{HASH_BYTES}s").pack_into
"""Writes a node's hash at an offset: a block writes thousands, and a slice takes twice the time."""
_put_content = Struct(f"{CONTENT_BYTES}s").pack_into


def put_nodes(nodes: bytearray, indices: Iterable[int], hashes: Iterable[bytes]) -> None:
    """Write these hashes, of 32 bytes each, at their places of a level."""
    for index, node in zip(indices, hashes, strict=True):
        _put_node(nodes, index * HASH_BYTES, node)


def leaf_hashes(contents: bytearray, indices: Sequence[int], emptied: set[int]) -> list[bytes]:
    """The leaves at `indices`; those in `emptied` hold nothing any more."""
    prefix = tag_prefix(LEAF_TAG)
    hashes = [
        sha256(prefix + slot.to_bytes(8, "big") + contents[slot * 96 : slot * 96 + 96]).digest()
        for slot in indices
    ]
    if emptied:
        for at, slot in enumerate(indices):
            if slot in emptied:
                hashes[at] = EMPTY_LEAF
    return hashes


def replaced_nodes(
    nodes: bytearray, indices: Sequence[int], count_before: int
) -> "tuple[array[int], bytes]":
    """Of the ascending `indices`, those below `count_before`, with their hashes so far."""
    existing = indices[: bisect_left(indices, count_before)]
    return array("Q", existing), b"".join([nodes[i * 32 : i * 32 + 32] for i in existing])


def filled(
    keys: Sequence[bytes], slots: Sequence[int], hashes: bytearray, count: int
) -> tuple[bytearray, bytearray]:
    """Contents and leaves of `count` slots with these ascending keys in them."""
    prefix = tag_prefix(LEAF_TAG)
    contents, leaves = bytearray(count * CONTENT_BYTES), bytearray(EMPTY_LEAF * count)
    present = bytearray(count)
    following = chain(keys, [KEY_MAX])
    next_key = next(following)
    contents[32:64] = next_key
    leaves[:32] = sha256(prefix + bytes(8) + contents[:CONTENT_BYTES]).digest()
    for key, slot, at in zip(keys, slots, range(0, len(hashes), HASH_BYTES), strict=True):
        if not 0 < slot < count or present[slot]:
            raise InvariantBroken(f"slot {slot} of {count} is taken or does not exist")
        present[slot] = 1
        next_key = next(following)
        content = key + next_key + hashes[at : at + HASH_BYTES]
        _put_content(contents, slot * CONTENT_BYTES, content)
        leaf = sha256(prefix + slot.to_bytes(8, "big") + content).digest()
        _put_node(leaves, slot * HASH_BYTES, leaf)
    return contents, leaves


def levels_above(leaves: bytearray) -> list[bytearray]:
    """Every level of a tree, from its leaves."""
    levels = [leaves]
    while len(children := levels[-1]) > HASH_BYTES:
        empty = empty_subtree(len(levels) - 1, NODE_TAG)
        indices = range(-(-len(children) // 64))
        levels.append(bytearray().join(parent_hashes(children, indices, NODE_TAG, empty)))
    return levels


def rehash(
    levels: list[bytearray], contents: bytearray, indices: Sequence[int], count: int
) -> None:
    """Hash the leaves at ascending `indices`, none of which is empty, and what is above them."""
    hashes = leaf_hashes(contents, indices, set())
    for level, nodes in enumerate(levels):
        put_nodes(nodes, indices, hashes)
        if level < depth_of(count):
            indices = list(dict.fromkeys([index >> 1 for index in indices]))
            hashes = parent_hashes(nodes, indices, NODE_TAG, empty_subtree(level, NODE_TAG))
