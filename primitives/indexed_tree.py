"""The indexed Merkle tree over all objects: proves what is there and what is not.

Rules (`docs/protocol.md` §3). Slots only grow. Slot 0 is the sentinel with key 0; each leaf names
the next greater key, the last one 2^256 − 1. A new key takes the next slot; a removed key's slot
becomes the empty leaf for ever, and the leaf below skips it.

A version is one block: every node that changed is hashed once, level by level. What each of the
last versions replaced is kept, to undo it when a branch is left and to prove against it. Levels
and leaf contents are flat byte arrays, so a million entries are a few large objects.

It must not know what an object is, nor which block made a version.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from primitives.errors import InvariantBroken, Refused
from primitives.hashing import HASH_BYTES
from primitives.merkle import depth_of, empty_subtree, parent_hashes
from primitives.ordered_keys import OrderedKeys
from primitives.tree_levels import (
    CONTENT_BYTES,
    filled,
    leaf_hashes,
    levels_above,
    put_nodes,
    rehash,
    replaced_nodes,
)
from primitives.tree_proofs import (
    KEY_MAX,
    KEY_MIN,
    NODE_TAG,
    Absence,
    Presence,
    absence_root,
    presence_root,
    value_hash_of,
    verify_absence,
    verify_presence,
)

__all__ = [
    "VERSIONS_KEPT",
    "Absence",
    "IndexedTree",
    "Presence",
    "absence_root",
    "presence_root",
    "value_hash_of",
    "verify_absence",
    "verify_presence",
]

VERSIONS_KEPT = 64


class _Version:
    """What one version replaced."""

    __slots__ = ("contents", "count", "key_moves", "nodes", "slots")

    def __init__(self, count: int) -> None:
        self.count = count  # slots before
        self.slots: dict[bytes, int | None] = {}  # before, of keys that came or went
        self.key_moves: list[tuple[bytes, int, bool]] = []  # key, slot, whether it came; in order
        self.contents: dict[int, bytes] = {}  # before, of slots there were
        self.nodes: list[tuple[array[int], bytes]] = []  # per level: indices, hashes before

    def node(self, level: int, index: int) -> bytes | None:
        """The node before this version, None if this version left it alone."""
        if level >= len(self.nodes):
            return None
        indices, hashes = self.nodes[level]
        at = bisect_left(indices, index)
        if at == len(indices) or indices[at] != index:
            return None
        return hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES]


class IndexedTree:
    """The tree of one branch. `version` arguments are the present one (None) or one of the
    `versions_kept` before it; older ones are refused with `version_not_kept`."""

    __slots__ = ("_contents", "_count", "_levels", "_order", "_slots", "_undo", "_version")

    def __init__(self, versions_kept: int = VERSIONS_KEPT) -> None:
        self._undo: deque[_Version] = deque(maxlen=versions_kept)
        self._version = 0
        self.load((), 1)

    @property
    def version(self) -> int:
        """How many versions were applied (since `load`) and not undone."""
        return self._version

    def apply(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        """One block's changes as one version: (key, value hash), None removes the key.

        New keys take slots in the given order, which must be the protocol's.
        """
        self._check(changes)
        record = _Version(self._count)
        emptied: set[int] = set()
        slots, contents, replaced = self._slots, self._contents, record.contents
        for key, value_hash in changes:
            slot = slots.get(key)
            if value_hash is None:
                emptied.add(self._remove(key, record))
            elif slot is None:
                self._insert(key, value_hash, record)
            else:
                at = slot * CONTENT_BYTES
                if slot not in replaced and slot < record.count:
                    replaced[slot] = bytes(contents[at : at + CONTENT_BYTES])
                contents[at + 64 : at + 96] = value_hash
        self._rehash(record, emptied)
        self._undo.append(record)
        self._version += 1

    def undo(self) -> None:
        """Back to the version before."""
        if not self._undo:
            raise InvariantBroken("no version is kept that could be undone")
        record = self._undo.pop()
        self._version -= 1
        for key, slot, came in reversed(record.key_moves):
            if came:
                del self._slots[key]
                self._order.remove(key)
            else:
                self._slots[key] = slot
                self._order.add(key)
        self._resize(record.count)
        for slot, content in record.contents.items():
            self._contents[slot * CONTENT_BYTES : (slot + 1) * CONTENT_BYTES] = content
        for nodes, (indices, hashes) in zip(self._levels, record.nodes, strict=False):
            for at, index in enumerate(indices):
                before = hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES]
                nodes[index * HASH_BYTES : (index + 1) * HASH_BYTES] = before

    def root(self, version: int | None = None) -> bytes:
        """The tree root, 32 bytes."""
        later = self._later(version)
        return self._node(depth_of(self._count_before(later)), 0, later)

    def count(self, version: int | None = None) -> int:
        """How many slots there are, the sentinel's and emptied ones included."""
        return self._count_before(self._later(version))

    def slot(self, key: bytes) -> int | None:
        """The key's slot in the present version, None if it is not in the tree."""
        return self._slots.get(key)

    def prove(self, key: bytes, version: int | None = None) -> Presence | Absence:
        """That the key is in the tree, or that it is not."""
        if len(key) != HASH_BYTES or not KEY_MIN < key < KEY_MAX:
            raise InvariantBroken("this cannot be a key")
        later = self._later(version)
        count = self._count_before(later)
        slot = self._slot_before(key, later)
        if slot is not None:
            next_key = self._content(slot, later)[32:64]
            return Presence(slot, next_key, count, self._path(slot, count, later))
        slot = self._neighbour(key, later)
        content = self._content(slot, later)
        path = self._path(slot, count, later)
        return Absence(slot, content[:32], content[32:64], content[64:], count, path)

    def load(self, entries: Iterable[tuple[int, bytes, bytes]], count: int) -> None:
        """Begin again from what a store holds: (slot, key, value hash) of every object, in any
        order, and the number of slots. Slots that no entry names are empty, but the sentinel's.
        No version before this is kept; the caller compares the root.
        """
        if count < 1:
            raise InvariantBroken("a tree has its sentinel")
        keys: list[bytes] = []
        slots: list[int] = []
        hashes = bytearray()
        for slot, key, value_hash in entries:
            if len(key) != HASH_BYTES or len(value_hash) != HASH_BYTES:
                raise InvariantBroken(f"the key or value in slot {slot} is malformed")
            keys.append(key)
            slots.append(slot)
            hashes += value_hash
        if any(key >= following for key, following in pairwise(keys)):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            hashes = bytearray().join([hashes[at * 32 : at * 32 + 32] for at in order])
            keys, slots = [keys[at] for at in order], [slots[at] for at in order]
        contents, leaves = filled(keys, slots, hashes, count)
        self._begin(keys, slots, contents, levels_above(leaves))

    def resume(
        self,
        keys: Sequence[bytes],
        slots: Sequence[int],
        contents: bytearray,
        levels: list[bytearray],
        changed: Iterable[int],
    ) -> None:
        """Begin again from what another tree of this network was, and what changed since: the
        ascending `keys` with their slots, none of which is empty; the contents of all slots; the
        levels over them as they were. The slots `changed` are hashed, all else is believed: the
        caller knows where it comes from, and compares the root. The arrays are this tree's now.
        """
        if len(keys) != len(slots) or len(contents) != (len(slots) + 1) * CONTENT_BYTES:
            raise InvariantBroken("keys, slots and contents are not of one tree")
        self._begin(keys, slots, contents, levels)
        self._resize(self._count)
        rehash(self._levels, self._contents, sorted(changed), self._count)

    @property
    def image(self) -> tuple[bytearray, list[bytearray]]:
        """The contents of all slots and the levels over them, for `resume`; not to be changed."""
        return self._contents, self._levels

    def _begin(
        self,
        keys: Sequence[bytes],
        slots: Sequence[int],
        contents: bytearray,
        levels: list[bytearray],
    ) -> None:
        if keys and (keys[0] == KEY_MIN or keys[-1] == KEY_MAX):
            raise InvariantBroken("the least and the greatest key are the sentinel's")
        self._contents, self._count = contents, len(contents) // CONTENT_BYTES
        self._slots = dict(zip(keys, slots, strict=True))
        if len(self._slots) != len(keys):
            raise InvariantBroken("a key stands in two slots")
        self._order = OrderedKeys(keys)
        self._levels = levels
        self._undo.clear()
        self._version = 0

    def _check(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Refuse a whole version before anything is changed."""
        moved: dict[bytes, bool] = {}
        for key, value_hash in changes:
            if len(key) != HASH_BYTES or key in (KEY_MIN, KEY_MAX):
                raise InvariantBroken("this cannot be a key")
            if value_hash is None:
                if not moved.get(key, key in self._slots):
                    raise InvariantBroken("a key that is not in the tree cannot be removed")
                moved[key] = False
            elif len(value_hash) != HASH_BYTES:
                raise InvariantBroken("a value hash is 32 bytes")
            elif key not in self._slots or key in moved:
                moved[key] = True

    def _insert(self, key: bytes, value_hash: bytes, record: _Version) -> None:
        below = self._slot_below(key)
        self._keep(below, record)
        slot, at = self._count, below * CONTENT_BYTES
        self._contents += key + self._contents[at + 32 : at + 64] + value_hash
        self._contents[at + 32 : at + 64] = key
        self._count += 1
        self._slots[key] = slot
        self._order.add(key)
        record.slots.setdefault(key, None)
        record.key_moves.append((key, slot, True))

    def _remove(self, key: bytes, record: _Version) -> int:
        """Take the key out; the slot to be emptied."""
        slot = self._slots.pop(key)
        self._order.remove(key)
        below = self._slot_below(key)
        self._keep(below, record)
        self._keep(slot, record)
        at, removed_at = below * CONTENT_BYTES, slot * CONTENT_BYTES
        self._contents[at + 32 : at + 64] = self._contents[removed_at + 32 : removed_at + 64]
        record.slots.setdefault(key, slot)
        record.key_moves.append((key, slot, False))
        return slot

    def _slot_below(self, key: bytes) -> int:
        """The slot of the greatest key below, which may be the sentinel's."""
        below = self._order.below(key)
        return 0 if below is None else self._slots[below]

    def _keep(self, slot: int, record: _Version) -> None:
        if slot < record.count and slot not in record.contents:
            record.contents[slot] = self._content(slot, ())

    def _rehash(self, record: _Version, emptied: set[int]) -> None:
        """Hash every leaf whose content changed and every node above one, each once."""
        self._resize(self._count)
        indices = [*sorted(record.contents), *range(record.count, self._count)]
        hashes = leaf_hashes(self._contents, indices, emptied)
        depth, depth_before = depth_of(self._count), depth_of(record.count)
        for level, nodes in enumerate(self._levels):
            if level <= depth_before:
                record.nodes.append(replaced_nodes(nodes, indices, -(-record.count >> level)))
            put_nodes(nodes, indices, hashes)
            if level < depth:
                indices = list(dict.fromkeys([index >> 1 for index in indices]))
                hashes = parent_hashes(nodes, indices, NODE_TAG, empty_subtree(level, NODE_TAG))

    def _resize(self, count: int) -> None:
        """Give contents and levels the sizes of `count` slots."""
        self._count = count
        del self._contents[count * CONTENT_BYTES :]
        levels_count = depth_of(count) + 1
        del self._levels[levels_count:]
        self._levels.extend(bytearray() for _ in range(levels_count - len(self._levels)))
        for level, nodes in enumerate(self._levels):
            size = -(-count >> level) * HASH_BYTES
            if len(nodes) < size:
                nodes += bytes(size - len(nodes))
            else:
                del nodes[size:]

    def _later(self, version: int | None) -> Sequence[_Version]:
        """What has been replaced since `version`, oldest first."""
        if version is None or version == self._version:
            return ()
        back = self._version - version
        if not 0 < back <= len(self._undo):
            raise Refused("version_not_kept", f"version {version}; the present is {self._version}")
        return [self._undo[-distance] for distance in range(back, 0, -1)]

    def _count_before(self, later: Sequence[_Version]) -> int:
        return later[0].count if later else self._count

    def _slot_before(self, key: bytes, later: Sequence[_Version]) -> int | None:
        for record in later:
            if key in record.slots:
                return record.slots[key]
        return self._slots.get(key)

    def _content(self, slot: int, later: Sequence[_Version]) -> bytes:
        for record in later:
            content = record.contents.get(slot)
            if content is not None:
                return content
        return bytes(self._contents[slot * CONTENT_BYTES : (slot + 1) * CONTENT_BYTES])

    def _node(self, level: int, index: int, later: Sequence[_Version]) -> bytes:
        for record in later:
            node = record.node(level, index)
            if node is not None:
                return node
        return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def _path(self, slot: int, count: int, later: Sequence[_Version]) -> tuple[bytes, ...]:
        path = []
        for level in range(depth_of(count)):
            sibling = slot >> level ^ 1
            if sibling << level < count:
                path.append(self._node(level, sibling, later))
            else:
                path.append(empty_subtree(level, NODE_TAG))
        return tuple(path)

    def _neighbour(self, key: bytes, later: Sequence[_Version]) -> int:
        """The slot, in the version before `later`, of the greatest key below an absent one."""
        below = self._order.below(key)
        while below is not None and self._slot_before(below, later) is None:
            below = self._order.below(below)
        slot = None if below is None else self._slot_before(below, later)
        at = 0 if slot is None else slot
        # Keys removed since then may lie between; that version's own chain leads over them.
        while (next_key := self._content(at, later)[32:64]) < key:
            next_slot = self._slot_before(next_key, later)
            if next_slot is None:
                raise InvariantBroken("a leaf names a next key that is not in the tree")
            at = next_slot
        return at
