"""Making a snapshot while the node runs: in a thread of its own, at a walking pace.

What it reads is pinned at the block (`SnapshotSource`), so the chain goes on meanwhile. Objects
come in key order, which gives each its next key; they are put into one file a chunk and sorted by
slot. Everything is hashed again, so a snapshot that is not what its header commits to is never
shown to anyone; and all balances are added up against the currencies (`full_sums`).
"""

import heapq
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from consensus.header import Header
from ledger.invariants import full_sums
from ledger.objects import StateObject, decode_object
from node.chain_records import SLOT_BYTES
from node.private_files import sync_folder
from node.snapshots.manifest import LEVEL_MAX, Manifest
from node.snapshots.parts import (
    PART_BYTES_MAX,
    SlotEntry,
    objects_root,
    pack_entry,
    pack_objects,
    read_entry,
    receipts_root,
)
from node.store import PinnedRange
from primitives.errors import InvariantBroken
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES
from primitives.tree_proofs import KEY_MAX, KEY_MIN

MANIFEST_FILE = "manifest"
_BUFFER_BYTES = 16 << 20
_WORK_SECONDS = 0.004
_REST_SECONDS = 0.008
_LENGTH_BYTES = 4

T = TypeVar("T")


class Abandoned(Exception):
    """The node stops; the snapshot is not made."""


@dataclass(frozen=True)
class SnapshotSource:
    """The state after the block before `header`, pinned.

    `objects` are the store's, `newer` (by their store keys) stand in front of them. `ids_between`
    and `chunk_roots` read the receipt log, whose beginning never changes.
    """

    header: Header
    slots: int
    objects: PinnedRange
    newer: Mapping[bytes, bytes]
    receipts: int
    ids_between: Callable[[int, int], Iterator[bytes]]
    chunk_roots: Sequence[bytes]


class Pace:
    """Leaves the interpreter to the event loop two thirds of the time."""

    def __init__(self, is_wanted: Callable[[], bool], rest_seconds: float = _REST_SECONDS) -> None:
        self._is_wanted = is_wanted
        self._rest_seconds = rest_seconds
        self._since = time.perf_counter()

    def step(self) -> None:
        """Called between small pieces of work. Raises `Abandoned`."""
        if time.perf_counter() - self._since > _WORK_SECONDS:
            if not self._is_wanted():
                raise Abandoned
            time.sleep(self._rest_seconds)
            self._since = time.perf_counter()


def make_snapshot(source: SnapshotSource, folder: Path, pace: Pace) -> Manifest:
    """Make it in `folder`, which is not there yet and appears whole.

    Raises `InvariantBroken` where state and header, or balances and currencies, do not agree.
    """
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        manifest = _make(source, making, pace)
        _sync_all(making)
        making.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)
        source.objects.close()
    return manifest


def objects_file(folder: Path, index: int) -> Path:
    """Where a snapshot keeps an object chunk."""
    return folder / f"objects-{index}"


def _make(source: SnapshotSource, making: Path, pace: Pace) -> Manifest:
    buckets = _Buckets(making)
    full_sums(_put_into(buckets, source, pace))
    buckets.flush()
    level, roots = LEVEL_MAX, None
    while roots is None:
        roots = _write_chunks(buckets, source.slots, level, making, pace)
        level -= 1
    buckets.remove()
    receipt_roots, open_root = _receipt_roots(source, pace)
    manifest = Manifest(
        source.header, source.slots, level + 1, roots, source.receipts, receipt_roots, open_root
    )
    if manifest.root != source.header.state_root:
        raise InvariantBroken(f"the state before block {manifest.height} is not its header's")
    (making / MANIFEST_FILE).write_bytes(manifest.encode())
    return manifest


def _put_into(buckets: "_Buckets", source: SnapshotSource, pace: Pace) -> Iterator[StateObject]:
    """Put every slot where it belongs, and give every object to be added up."""
    key, slot, value = KEY_MIN, 0, b""
    for store_key, stored in _merged(source.objects, source.newer):
        pace.step()
        buckets.put(SlotEntry(slot, key, store_key[1:], value))
        key, slot = store_key[1:], int.from_bytes(stored[:SLOT_BYTES], "big")
        value = stored[SLOT_BYTES:]
        yield decode_object(value)
    buckets.put(SlotEntry(slot, key, KEY_MAX, value))


def _merged(objects: PinnedRange, newer: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Both in key order, what is newer in the place of what stands there."""
    before = ((key, 1, value) for key, value in objects)
    fresh = ((key, 0, newer[key]) for key in sorted(newer))
    last = b""
    for key, _, value in heapq.merge(fresh, before):
        if key != last:
            yield key, value
        last = key


class _Buckets:
    """One file for every 2^LEVEL_MAX slots, filled in any order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "buckets"
        self._folder.mkdir()
        self._waiting: dict[int, list[bytes]] = {}
        self._waiting_bytes = 0

    def put(self, entry: SlotEntry) -> None:
        """Keep one slot."""
        item = pack_entry(entry)
        self._waiting.setdefault(entry.slot >> LEVEL_MAX, []).append(
            len(item).to_bytes(_LENGTH_BYTES, "big") + item
        )
        self._waiting_bytes += len(item)
        if self._waiting_bytes > _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for index, items in self._waiting.items():
            with self._file(index).open("ab") as stream:
                stream.write(b"".join(items))
        self._waiting, self._waiting_bytes = {}, 0

    def items(self, index: int) -> list[bytes]:
        """A bucket's slots, ascending."""
        file = self._file(index)
        if not file.exists():
            return []
        content, at, items = file.read_bytes(), 0, []
        while at < len(content):
            begin = at + _LENGTH_BYTES
            at = begin + int.from_bytes(content[at:begin], "big")
            items.append(content[begin:at])
        return sorted(items)

    def remove(self) -> None:
        """They are not needed any more."""
        shutil.rmtree(self._folder)

    def _file(self, index: int) -> Path:
        return self._folder / str(index)


def _write_chunks(
    buckets: _Buckets, slots: int, level: int, making: Path, pace: Pace
) -> tuple[bytes, ...] | None:
    """The chunks of 2^level slots, and their roots; None where one is too large."""
    roots: list[bytes] = []
    for bucket in range(-(-slots >> LEVEL_MAX)):
        entries = [read_entry(item) for item in _paced(buckets.items(bucket), pace)]
        first = bucket << (LEVEL_MAX - level)
        for index in range(first, min(first + (1 << (LEVEL_MAX - level)), -(-slots >> level))):
            pace.step()
            chunk = [entry for entry in entries if entry.slot >> level == index]
            content = pack_objects(pack_entry(entry) for entry in chunk)
            if len(content) > PART_BYTES_MAX:
                return None
            objects_file(making, index).write_bytes(content)
            pace.step()
            roots.append(objects_root(_paced(chunk, pace), index, slots, level))
    return tuple(roots)


def _paced(items: Iterable[T], pace: Pace) -> Iterator[T]:
    """The same, with a rest where one is due."""
    for item in items:
        pace.step()
        yield item


def _receipt_roots(source: SnapshotSource, pace: Pace) -> tuple[tuple[bytes, ...], bytes]:
    """The roots of the full chunks of the receipt log, and of the open one."""
    full = source.receipts >> CHUNK_DEPTH
    roots = list(source.chunk_roots[:full])
    for chunk in range(len(roots), full + 1):
        first = chunk << CHUNK_DEPTH
        end = min(source.receipts, first + CHUNK_LEAVES)
        pace.step()
        ids = b"".join(_paced(source.ids_between(first, end), pace))
        roots.append(receipts_root(ids, first, pace.step))
    return tuple(roots[:full]), roots[full]


def _sync_all(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
