"""A whole node in one sealed file: its keys, what it says of itself, whom it admits, its registry.

The chain is not in it: the other members have it. The journal must not be: an old one would let
the node sign against what it promised since. So a node that was restored has an empty store, knows
that it may have forgotten what it signed, and only observes until the protocol's rule lets it vote
again (docs/protocol.md, section 4).
"""

import os
import secrets
import shutil
from pathlib import Path

from node.chain_records import META_KEY, Meta
from node.data_folder import DataFolder
from node.journal import JOURNAL_ID_BYTES, create_journal
from node.key_files import KeyFiles
from node.office.office import REGISTRY_FILE
from node.private_files import PRIVATE_FOLDER_MODE, private_by_default, sync_folder, write_new_file
from node.registry import backups
from node.registry.backups import BackupContent
from node.registry.records import Act
from node.registry.register import Registry
from node.store import open_store
from primitives.errors import Refused

FOLDERS = ("keys", "peers")
"""Of the data folder, what is kept beside `node.json` and the registry."""
FILES_MAX = 4_096


def create(data: Path, act: Act, out: Path, passphrase: str) -> BackupContent:
    """Seal the node's files and its registry, also while it runs.

    Raises `Refused`: `data_missing`, `passphrase_empty`; FileExistsError.
    """
    folder = DataFolder(data)
    prefix = folder.read().prefix
    path = folder.registry / REGISTRY_FILE
    if not path.exists():
        raise Refused("data_missing", "there is no registry here yet", file=str(path))
    with KeyFiles(folder).held():
        files = _files(folder)
    registry = Registry.open(path, prefix)
    try:
        return backups.create(registry, act, out, passphrase, files)
    finally:
        registry.close()


def _files(folder: DataFolder) -> dict[str, bytes]:
    listed = [folder.file, folder.card_file]
    for name in FOLDERS:
        if (folder.root / name).is_dir():
            listed += sorted((folder.root / name).iterdir())
    # A leading dot marks a file that is being written.
    kept = [path for path in listed if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder.root)): path.read_bytes() for path in kept}


def restore(file: Path, passphrase: str, data: Path) -> BackupContent:
    """Make the node again in a folder that is not there yet, or is empty: all of it, or nothing.

    Raises what `backups.verify` raises, and FileExistsError.
    """
    if data.exists() and any(data.iterdir()):
        raise FileExistsError(17, "File exists", str(data))
    content, image, files = backups.open_backup(file, passphrase)
    if "node.json" not in files:
        raise Refused("backup_malformed", "it holds no node, only a registry", file=str(file))
    making = data.with_name(f".{data.name}.{secrets.token_hex(6)}")
    with private_by_default():
        data.parent.mkdir(parents=True, exist_ok=True)
        making.mkdir(PRIVATE_FOLDER_MODE)
        try:
            _make(making, image, files, file)
            if data.exists():
                data.rmdir()
            os.rename(making, data)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    sync_folder(data.parent)
    return content


def _make(root: Path, image: bytes, files: dict[str, bytes], backup: Path) -> None:
    for name, raw in files.items():
        path = _place(root, name, backup)
        path.parent.mkdir(PRIVATE_FOLDER_MODE, exist_ok=True)
        write_new_file(path, raw)
    folder = DataFolder(root)
    folder.registry.mkdir(PRIVATE_FOLDER_MODE)
    write_new_file(folder.registry / REGISTRY_FILE, image)
    create_journal(folder.journal)
    # The same for the other engine: a file without a word, so that no first start makes one, also
    # where the backup is older than the node's first network.
    write_new_file(folder.signed_last_file, b"")
    store = open_store(folder.store, folder.read().store)
    try:
        # An id that no journal has: the node takes its own for another's, and only observes.
        store.write([(META_KEY, Meta(secrets.token_bytes(JOURNAL_ID_BYTES)).encode())], sync=True)
    finally:
        store.close()


def _place(root: Path, name: str, backup: Path) -> Path:
    """Where a file goes: nowhere but where a node keeps such a file."""
    parts = name.split("/")
    is_known = name in ("node.json", "card.json") or (len(parts) == 2 and parts[0] in FOLDERS)
    if not is_known or not parts[-1] or parts[-1].startswith("."):
        raise Refused("backup_malformed", f"a file called {name[:60]!r}", file=str(backup))
    return root.joinpath(*parts)
