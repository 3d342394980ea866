"""A store of an older format is brought to the present one at the start, after a copy of it.

The copy is whole before the first change, and stays: going back to the older program is moving it
back. Each step only adds records that follow from what is there, so a migration that was cut off is
begun again and does no harm; the store's own record names the new format last.
"""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from node.block_body import read_body
from node.chain_records import (
    BODY,
    BODY_BYTES_MAX,
    FORMAT,
    HEADER,
    IDS,
    META_KEY,
    Meta,
    StoredHeader,
    damage_told,
    number_key,
)
from node.private_files import sync_folder
from node.store import Change, Store, open_store
from primitives.errors import Refused
from primitives.hashing import hash_bytes

BLOCKS_PER_BATCH = 512


def open_current_store(folder: Path, kind: str) -> Store:
    """Open the store and bring it to the present format if it is of an older one.

    Refuses as `open_store` does, `data_of_newer_version`, `store_corrupt` and `disk_full`.
    """
    store = open_store(folder, kind)
    try:
        with damage_told():
            found = _format_of(store)
            if found is None or found == FORMAT:
                return store
            structlog.get_logger("node").info("migrating", from_format=found, to_format=FORMAT)
            store.close()
            _keep_copy(folder, copy_of(folder, found))
            store = open_store(folder, kind)
            for step in range(found, FORMAT):
                _STEPS[step](store)
            structlog.get_logger("node").info("migrated", to_format=FORMAT)
    except BaseException:
        store.close()
        raise
    return store


def copy_of(folder: Path, old_format: int) -> Path:
    """Where the store as it was before is kept."""
    return folder.with_name(f"{folder.name}.format-{old_format}")


def _format_of(store: Store) -> int | None:
    raw = store.get(META_KEY)
    return None if raw is None else Meta.decode(raw).format


def _keep_copy(folder: Path, copy: Path) -> None:
    """A whole copy, under its name only once it is on the disk."""
    if copy.exists():
        return
    partial = copy.with_name(f".{copy.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(folder, partial)
        for path in partial.rglob("*"):
            _sync_path(path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno == errno.ENOSPC:
            raise Refused("disk_full", f"no room for a copy of {folder}") from error
        raise Refused("store_unreadable", f"{folder} can't be copied: {error}") from error
    partial.rename(copy)
    sync_folder(copy.parent)


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_all_receipts(store: Store) -> None:
    """Format 1 to 2: the ids of each block's transactions, beside its body."""
    raw = store.get(META_KEY)
    if raw is None:
        raise Refused("store_corrupt", "the store's own record is gone")
    meta = Meta.decode(raw)
    changes: list[Change] = []
    for height in range(1, meta.height + 1):
        header, body = store.get(number_key(HEADER, height)), store.get(number_key(BODY, height))
        if header is None or body is None:
            raise Refused("store_corrupt", f"the block at height {height} is missing")
        ids = [hash_bytes("tx", each) for each in read_body(body, BODY_BYTES_MAX)]
        if ids:
            first_number = StoredHeader.decode(header).first_number
            changes.append((number_key(IDS, first_number), b"".join(ids)))
        if height % BLOCKS_PER_BATCH == 0:
            store.write(changes, sync=False)
            changes = []
    changes.append((META_KEY, replace(meta, format=2).encode()))
    store.write(changes, sync=True)


_STEPS: dict[int, Callable[[Store], None]] = {1: _name_all_receipts}
"""By the format they begin with."""
