"""The indexed tree and the receipt log, computed afresh each time from the protocol's text.

Written with hashlib alone, so that it shares no mistake with what it is compared to.
"""

from collections.abc import Sequence
from hashlib import sha256

KEY_MAX = b"\xff" * 32


def tagged(tag: str, content: bytes) -> bytes:
    """H(tag, content)."""
    return sha256(bytes([len(tag)]) + tag.encode() + content).digest()


EMPTY = tagged("empty", b"")


def padded_root(leaves: Sequence[bytes], tag: str, depth: int | None = None) -> bytes:
    """The root over 2^depth leaves, the missing ones empty."""
    if depth is None:
        depth = (len(leaves) - 1).bit_length()
    nodes, empty = list(leaves), EMPTY
    for _ in range(depth):
        if len(nodes) % 2:
            nodes.append(empty)
        nodes = [tagged(tag, nodes[i] + nodes[i + 1]) for i in range(0, len(nodes), 2)]
        empty = tagged(tag, empty + empty)
    return nodes[0] if nodes else empty


class NaiveTree:
    """A list of slots, each with (key, value hash) or nothing."""

    def __init__(self, slots: Sequence[tuple[bytes, bytes] | None] = ()) -> None:
        self.slots = list(slots) or [(bytes(32), bytes(32))]

    def changed(self, changes: Sequence[tuple[bytes, bytes | None]]) -> "NaiveTree":
        """A new tree, one version later."""
        after = NaiveTree(self.slots)
        for key, value_hash in changes:
            slot = after.slot(key)
            entry = None if value_hash is None else (key, value_hash)
            if slot is None:
                after.slots.append(entry)
            else:
                after.slots[slot] = entry
        return after

    def slot(self, key: bytes) -> int | None:
        """Where the key is."""
        return next((at for at, entry in enumerate(self.slots) if entry and entry[0] == key), None)

    def next_key(self, key: bytes) -> bytes:
        """The least key above."""
        return min((e[0] for e in self.slots if e and e[0] > key), default=KEY_MAX)

    def value_hash(self, key: bytes) -> bytes:
        """The value hash of a key that is there."""
        return next(entry[1] for entry in self.slots if entry and entry[0] == key)

    def root(self) -> bytes:
        """The tree root."""
        leaves = [
            tagged("leaf", slot.to_bytes(8, "big") + entry[0] + self.next_key(entry[0]) + entry[1])
            if entry
            else EMPTY
            for slot, entry in enumerate(self.slots)
        ]
        return padded_root(leaves, "node")


def naive_log_root(ids: Sequence[bytes], chunk_depth: int) -> bytes:
    """The log root over all receipts, in chunks of 2^chunk_depth."""
    size = 1 << chunk_depth
    leaves = [tagged("receipt", n.to_bytes(8, "big") + id) for n, id in enumerate(ids)]
    full_count = len(leaves) // size
    full = [
        padded_root(leaves[i * size : (i + 1) * size], "log_node", chunk_depth)
        for i in range(full_count)
    ]
    full_root = padded_root(full, "log_node") if full else EMPTY
    open_root = padded_root(leaves[full_count * size :], "log_node", chunk_depth)
    return tagged("log", len(leaves).to_bytes(8, "big") + full_root + open_root)
