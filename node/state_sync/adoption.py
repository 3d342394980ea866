"""Putting a finished store in the place of the one in use: at a start, before anything is opened.

Two renames, each of which leaves something that the next start goes on from. What the node promised
is not in the store: the journal stays, and the new store is told how far the old one had seen it.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from node.chain_records import BASE, EPOCH, META_KEY, RESTORED, UNASKED_EPOCH, Meta, Restored
from node.epochs import EpochRecord, voting_set
from node.private_files import sync_folder
from node.state_sync.staging import synced_folder
from node.store import Change, after_prefix, open_store
from primitives.errors import Refused


def adopt(store_folder: Path, kind: str, *, keeps_all: bool = False) -> None:
    """Take over a store that was fetched, if there is one. The blocks of the old one, which the new
    one does not go on from, stay beside it where this node is to keep all.

    Refuses what a store that can't be opened or read is refused with.
    """
    synced = synced_folder(store_folder)
    replaced = store_folder.with_name(f"{store_folder.name}.replaced")
    if synced.exists():
        if store_folder.exists():
            has_blocks = _carry_journal(store_folder, synced, kind)
            shutil.rmtree(replaced, ignore_errors=True)
            aside = _free_name(store_folder) if has_blocks and keeps_all else replaced
            store_folder.rename(aside)
            if aside != replaced:
                structlog.get_logger("node").warning("older_blocks_kept", folder=str(aside))
        synced.rename(store_folder)
        sync_folder(store_folder.parent)
        structlog.get_logger("node").info("snapshot_adopted")
    shutil.rmtree(replaced, ignore_errors=True)


def _free_name(store_folder: Path) -> Path:
    number = 1
    while (name := store_folder.with_name(f"{store_folder.name}.older-{number}")).exists():
        number += 1
    return name


def _carry_journal(old_folder: Path, new_folder: Path, kind: str) -> bool:
    """The new store belongs to the old one's journal, and may not vote sooner than it might.
    Whether there are blocks in the old one."""
    old, new = _kept(old_folder, kind), _kept(new_folder, kind)
    carried = replace(
        new.meta,
        journal_id=old.meta.journal_id,
        journal_sequence=max(old.meta.journal_sequence, new.meta.journal_sequence),
    )
    # A store that says where its chain begins knows that better than the one of before.
    new_begins = any(key == BASE for key, _ in new.before_genesis)
    before = [each for each in old.before_genesis if not (new_begins and each[0] == BASE)]
    changes: list[Change] = [(META_KEY, carried.encode()), *before]
    if old.restored is not None:
        passed = [each for each in new.epochs if each.epoch not in old.numbers]
        changes.append((RESTORED, _still_asked(old.restored, passed).encode()))
    store = open_store(new_folder, kind)
    try:
        store.write(changes, sync=True)
    finally:
        store.close()
    return old.meta.height >= old.meta.first_height


def _still_asked(restored: Restored, passed: Iterable[EpochRecord]) -> Restored:
    """A member that lost its journal notes in each epoch whether the set is still the one that it
    asked (`node.restoration`); so it must of the epochs that it passes over here."""
    differ = any(
        each.epoch < restored.until_epoch and voting_set(each.terms).hash() != restored.set_hash
        for each in passed
    )
    return Restored(UNASKED_EPOCH, restored.set_hash) if differ else restored


@dataclass(frozen=True)
class _Kept:
    """What a store says of itself and of its network."""

    meta: Meta
    restored: Restored | None
    epochs: tuple[EpochRecord, ...]
    before_genesis: tuple[Change, ...]
    """Where a successor begins, and the epochs of its predecessor, for who knows no other."""

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset([each.epoch for each in self.epochs])


def _kept(folder: Path, kind: str) -> _Kept:
    store = open_store(folder, kind)
    try:
        raw, restored, base = store.get(META_KEY), store.get(RESTORED), store.get(BASE)
        stored = list(store.iterate(EPOCH, after_prefix(EPOCH)))
    finally:
        store.close()
    if raw is None:
        raise Refused("store_corrupt", f"{folder} has no record of its own")
    meta = Meta.decode(raw)
    epochs: list[EpochRecord] = []
    before: list[Change] = [] if base is None else [(BASE, base)]
    for key, value in stored:
        record = EpochRecord.decode(value)
        if record.boundary.network_id == meta.network_id:
            epochs.append(record)
        else:
            before.append((key, value))
    known = None if restored is None else Restored.decode(restored)
    return _Kept(meta, known, tuple(epochs), tuple(before))
