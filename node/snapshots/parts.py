"""The parts of a snapshot: packed, cut and hashed.

object chunk   a group of slot(8) ‖ key(32) ‖ next key(32) ‖ object, by slot; slot 0, the
               sentinel, has key 0 and no object; a slot that is left out is empty
receipt chunk  the ids, 32 bytes each, in order
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from node.peers.groups import pack_group, read_group
from node.snapshots.manifest import LEVEL_MAX, Manifest, join
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES
from primitives.merkle import EMPTY_LEAF, depth_of
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES, receipt_leaf
from primitives.receipt_log import NODE_TAG as LOG_TAG
from primitives.tree_proofs import KEY_MIN, NODE_TAG, leaf_hash, value_hash_of

PART_BYTES_MAX = 8 << 20
_SLOT_BYTES = 8
_HEAD_BYTES = _SLOT_BYTES + 2 * HASH_BYTES
_NO_VALUE = bytes(HASH_BYTES)
_RUN_DEPTH = 9


class SlotEntry(NamedTuple):
    """One slot that is not empty."""

    slot: int
    key: bytes
    next_key: bytes
    value: bytes


def pack_entry(entry: SlotEntry) -> bytes:
    """One slot's bytes in a chunk."""
    return entry.slot.to_bytes(_SLOT_BYTES, "big") + entry.key + entry.next_key + entry.value


def read_entry(item: bytes) -> SlotEntry:
    """Refuses `snapshot_wrong`."""
    if len(item) < _HEAD_BYTES:
        raise Refused("snapshot_wrong", "a slot that is cut")
    slot = int.from_bytes(item[:_SLOT_BYTES], "big")
    return SlotEntry(slot, item[8:40], item[40:72], item[_HEAD_BYTES:])


def pack_objects(items: Iterable[bytes]) -> bytes:
    """A chunk of packed slots, ascending."""
    return pack_group(list(items))


def read_objects(content: bytes, index: int, slots: int, level: int) -> list[SlotEntry]:
    """The slots of chunk `index`. Refuses `peer_malformed` and `snapshot_wrong`."""
    if len(content) > PART_BYTES_MAX:
        raise Refused("snapshot_wrong", "a chunk that is too large")
    items = read_group(content, items_max=1 << LEVEL_MAX)
    first, end = index << level, min(slots, (index + 1) << level)
    entries = [read_entry(item) for item in items]
    at = first - 1
    for entry in entries:
        if not at < entry.slot < end:
            raise Refused("snapshot_wrong", "slots that are out of place")
        if (entry.slot == 0) != (entry.key == KEY_MIN) or (entry.slot == 0 and entry.value):
            raise Refused("snapshot_wrong", "a sentinel that is none")
        at = entry.slot
    return entries


def objects_root(entries: Iterable[SlotEntry], index: int, slots: int, level: int) -> bytes:
    """The root of chunk `index` of a tree of so many slots."""
    first, end = index << level, min(slots, (index + 1) << level)
    leaves = [EMPTY_LEAF] * (end - first)
    for slot, key, next_key, value in entries:
        value_hash = value_hash_of(value) if slot else _NO_VALUE
        leaves[slot - first] = leaf_hash(slot, key, next_key, value_hash)
    return join(tuple(leaves), 0, min(level, depth_of(slots)), NODE_TAG)


def receipts_in(manifest: Manifest, chunk: int) -> tuple[int, int]:
    """First and end number of a chunk of the receipt log."""
    first = chunk << CHUNK_DEPTH
    return first, min(manifest.receipts, first + CHUNK_LEAVES)


def receipts_root(
    ids: bytes, first_number: int, between: Callable[[], None] = lambda: None
) -> bytes:
    """The root of a chunk of the receipt log with these ids, as far as it is filled. It takes a
    tenth of a second; `between` is called every few milliseconds."""
    row: list[bytes] = []
    for begin in range(0, len(ids), HASH_BYTES << _RUN_DEPTH):
        run = ids[begin : begin + (HASH_BYTES << _RUN_DEPTH)]
        first = first_number + begin // HASH_BYTES
        leaves = [
            receipt_leaf(number, run[at : at + HASH_BYTES])
            for number, at in enumerate(range(0, len(run), HASH_BYTES), first)
        ]
        row.append(join(tuple(leaves), 0, _RUN_DEPTH, LOG_TAG))
        between()
    return join(tuple(row), _RUN_DEPTH, CHUNK_DEPTH, LOG_TAG)


def check_objects(manifest: Manifest, index: int, content: bytes) -> list[SlotEntry]:
    """A chunk that came, checked against its root. Refuses `peer_malformed`, `snapshot_wrong`."""
    entries = read_objects(content, index, manifest.slots, manifest.level)
    if objects_root(entries, index, manifest.slots, manifest.level) != manifest.object_roots[index]:
        raise Refused("snapshot_wrong", f"object chunk {index} does not have its root")
    return entries


def check_receipts(manifest: Manifest, chunk: int, content: bytes) -> None:
    """Ids that came, checked against their root. Refuses `snapshot_wrong`."""
    first, end = receipts_in(manifest, chunk)
    if len(content) != (end - first) * HASH_BYTES:
        raise Refused("snapshot_wrong", f"receipt chunk {chunk} has another length")
    is_full = chunk < len(manifest.receipt_roots)
    wanted = manifest.receipt_roots[chunk] if is_full else manifest.open_root
    if receipts_root(content, first) != wanted:
        raise Refused("snapshot_wrong", f"receipt chunk {chunk} does not have its root")
