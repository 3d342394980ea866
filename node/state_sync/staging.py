"""A store that is being made from a snapshot, beside the one in use.

    y              the offer that it is made from
    y ‖ part(4)    this part is in it
    e ‖ epoch(8)   how an epoch began, as in the store that it becomes: proved before it is put here

A part's objects or ids and its mark are one write. What is not finished has no record of its own
(`m`), so nobody can take it for a store; the finished one is renamed, and that is the switch.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from consensus.header import Block
from ledger.genesis import Genesis
from ledger.invariants import full_sums
from ledger.objects import decode_object
from node.cards_kept import card_entries
from node.chain_records import (
    EPOCH,
    IDS,
    META_KEY,
    OBJECT,
    SLOT_BYTES,
    TRANSACTION,
    Meta,
    number_key,
)
from node.epochs import EpochRecord
from node.peers.catch_up import Target
from node.private_files import sync_folder
from node.snapshots.manifest import Manifest
from node.snapshots.offers import Offer, read_offer
from node.snapshots.parts import check_objects, check_receipts, receipts_in
from node.state_sync.completion import complete
from node.store import Change, Store, after_prefix, open_store
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import HASH_BYTES

_PROGRESS = b"y"
_PART_BYTES = 4


def staging_folder(store_folder: Path) -> Path:
    """Where the unfinished store is."""
    return store_folder.with_name(f"{store_folder.name}.syncing")


def synced_folder(store_folder: Path) -> Path:
    """Where a finished one waits to be put in the other's place."""
    return store_folder.with_name(f"{store_folder.name}.synced")


class Staging:
    """See the module's docstring. `begin` says which snapshot; then parts are `put` in any order;
    `finish` needs all of them. All but `close` may raise OSError; slow ones belong in a thread."""

    def __init__(self, store_folder: Path, kind: str) -> None:
        self._store_folder = store_folder
        self._folder = staging_folder(store_folder)
        self._kind = kind
        self._store: Store | None = None
        self.offer: Offer | None = None
        """What is being fetched; also after a restart."""
        self._missing: set[int] = set()
        self._open()

    def _open(self) -> None:
        """Take up what is there; what can't be taken up is thrown away."""
        if not self._folder.exists():
            return
        try:
            self._store = open_store(self._folder, self._kind)
            raw = self._store.get(_PROGRESS)
            # With a record of its own it was killed while it was finished: objects of later blocks
            # may be in it, so the parts can't be told any more.
            if self._store.get(META_KEY) is not None:
                raise Refused("store_corrupt", "no snapshot is being fetched")
            self.offer = None if raw is None else read_offer(raw)
        except Refused:
            self.throw_away()
            return
        if self.offer is None:
            return  # some epochs, perhaps
        self._missing = set(range(self.offer.manifest.parts))
        for key, _ in self._opened.iterate(_PROGRESS + b"\x00", _PROGRESS + b"\xff" * 5):
            self._missing.discard(int.from_bytes(key[1:], "big"))

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise InvariantBroken("no snapshot is being fetched")
        return self._store

    @property
    def missing(self) -> frozenset[int]:
        """Parts that have not come."""
        return frozenset(self._missing)

    def begin(self, offer: Offer, raw: bytes) -> None:
        """Fetch this snapshot, whose offer is checked; keep what there is of the same one."""
        if self.offer is not None and self.offer.manifest == offer.manifest:
            return
        kept: list[Change] = []
        if self._store is not None:
            kept = list(self._store.iterate(EPOCH, after_prefix(EPOCH)))
        self.throw_away()
        self._store = open_store(self._folder, self._kind)
        self._store.write([*kept, (_PROGRESS, raw)], sync=True)
        self.offer = offer
        self._missing = set(range(offer.manifest.parts))

    def keep_epochs(self, records: Sequence[EpochRecord]) -> None:
        """Keep how these epochs began; they are proved."""
        if self._store is None:
            self._store = open_store(self._folder, self._kind)
        changes: list[Change] = [(number_key(EPOCH, each.epoch), each.encode()) for each in records]
        self._store.write(changes, sync=False)

    def epoch_record(self, epoch: int) -> EpochRecord | None:
        """How an epoch began; None where it was not kept."""
        raw = None if self._store is None else self._store.get(number_key(EPOCH, epoch))
        return None if raw is None else EpochRecord.decode(raw)

    @property
    def newest_epoch(self) -> int:
        """The newest that was kept; 0 where none was."""
        if self._store is not None:
            for key, _ in self._store.iterate(EPOCH, after_prefix(EPOCH), reverse=True):
                return int.from_bytes(key[1:], "big")
        return 0

    def put(self, part: int, content: bytes) -> None:
        """Check a part and keep it. Refuses `peer_malformed` and `snapshot_wrong`."""
        if self.offer is None:
            raise InvariantBroken("no snapshot is being fetched")
        changes = part_changes(self.offer.manifest, part, content, self._opened.get)
        mark = _PROGRESS + part.to_bytes(_PART_BYTES, "big")
        self._opened.write([*changes, (mark, b"")], sync=False)
        self._missing.discard(part)

    def finish(self, genesis: Genesis, old: Meta, blocks: list[Block], reached: Target) -> None:
        """Make it a whole store and rename it, so that the next start takes it.

        `blocks` begin with the snapshot's own and end with `reached`; they were checked. Refuses
        `state_root_differs` and `store_corrupt`, raises `InvariantBroken`: then it is of no use and
        thrown away.
        """
        if self.offer is None or self._missing:
            raise InvariantBroken("a snapshot is finished without all its parts")
        manifest, store = self.offer.manifest, self._opened
        if blocks[0].header != manifest.header or blocks[-1].header != reached.header:
            raise InvariantBroken("the blocks are not those after the snapshot")
        add_up(store)
        begun = reached.header.epoch + (reached.header.next_set_hash is not None)
        later = list(store.iterate(number_key(EPOCH, begun + 1), after_prefix(EPOCH)))
        store.write([(key, None) for key, _ in later], sync=False)
        meta = Meta(
            old.journal_id,
            genesis.network_id,
            slots=manifest.slots,
            receipts=manifest.receipts,
            journal_sequence=old.journal_sequence,
        )
        complete(store, genesis, meta, manifest, blocks, reached.certificate)
        done: list[Change] = [(key, None) for key, _ in store.iterate(_PROGRESS, b"z")]
        store.write(done, sync=True)
        self.close()
        synced = synced_folder(self._store_folder)
        shutil.rmtree(synced, ignore_errors=True)
        self._folder.rename(synced)
        sync_folder(synced.parent)

    def throw_away(self) -> None:
        """Forget what was fetched."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self.offer, self._missing = None, set()

    def close(self) -> None:
        """Let the folder go; what is in it stays."""
        store, self._store = self._store, None
        if store is not None:
            store.close()


def part_changes(
    manifest: Manifest, part: int, content: bytes, get: Callable[[bytes], bytes | None]
) -> list[Change]:
    """What a part puts into the store, once it is checked against its root; `get` reads there.
    Refuses `peer_malformed` and `snapshot_wrong`."""
    chunks = len(manifest.object_roots)
    if part < chunks:
        entries = check_objects(manifest, part, content)
        changes: list[Change] = [
            (OBJECT + entry.key, entry.slot.to_bytes(SLOT_BYTES, "big") + entry.value)
            for entry in entries
            if entry.slot
        ]
        values = [entry.value for entry in entries if entry.slot]
        return [*changes, *card_entries(values, get)]
    check_receipts(manifest, part - chunks, content)
    first, end = receipts_in(manifest, part - chunks)
    numbers = zip(range(first, end), range(0, len(content), HASH_BYTES), strict=True)
    changes = [
        (TRANSACTION + content[at : at + HASH_BYTES], number.to_bytes(8, "big"))
        for number, at in numbers
    ]
    return [(number_key(IDS, first), content), *changes]


def add_up(store: Store) -> None:
    """All balances against the currencies, before anything is believed."""
    full_sums(
        decode_object(value[SLOT_BYTES:])
        for _, value in store.iterate(OBJECT, after_prefix(OBJECT))
    )
