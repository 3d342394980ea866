"""Putting a finished store in the place of the one in use: at a start, before anything is opened.

Two renames, each of which leaves something that the next start goes on from. What the node promised
is not in the store: the journal stays, and the new store is told how far the old one had seen it.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import structlog

from node.chain_records import META_KEY, RESTORED, Meta
from node.private_files import sync_folder
from node.state_sync.staging import synced_folder
from node.store import Change, open_store
from primitives.errors import Refused


def adopt(store_folder: Path, kind: str) -> None:
    """Take over a store that was fetched, if there is one.

    Refuses what a store that can't be opened or read is refused with.
    """
    synced = synced_folder(store_folder)
    replaced = store_folder.with_name(f"{store_folder.name}.replaced")
    if synced.exists():
        if store_folder.exists():
            _carry_journal(store_folder, synced, kind)
            shutil.rmtree(replaced, ignore_errors=True)
            store_folder.rename(replaced)
        synced.rename(store_folder)
        sync_folder(store_folder.parent)
        structlog.get_logger("node").info("snapshot_adopted")
    shutil.rmtree(replaced, ignore_errors=True)


def _carry_journal(old_folder: Path, new_folder: Path, kind: str) -> None:
    """The new store belongs to the old one's journal, and may not vote sooner than it might."""
    old, restored = _kept(old_folder, kind)
    new, _ = _kept(new_folder, kind)
    carried = replace(
        new,
        journal_id=old.journal_id,
        journal_sequence=max(old.journal_sequence, new.journal_sequence),
    )
    changes: list[Change] = [(META_KEY, carried.encode())]
    if restored is not None:
        changes.append((RESTORED, restored))
    store = open_store(new_folder, kind)
    try:
        store.write(changes, sync=True)
    finally:
        store.close()


def _kept(folder: Path, kind: str) -> tuple[Meta, bytes | None]:
    store = open_store(folder, kind)
    try:
        raw, restored = store.get(META_KEY), store.get(RESTORED)
    finally:
        store.close()
    if raw is None:
        raise Refused("store_corrupt", f"{folder} has no record of its own")
    return Meta.decode(raw), restored
