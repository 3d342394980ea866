"""Backups of the registry and of the files beside it: made while the node runs, checked without
it, restored into an empty place.

Everything is sealed before it touches the disk; the copy in between is in memory alone. Sealed is
the encoding of `["node_backup", 1, [[name, bytes], …], registry image]`; the files are the node's
keys, which are sealed with their own passphrase besides, and what it says of itself.
"""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from node.private_files import (
    PRIVATE_FILE_MODE,
    PRIVATE_FOLDER_MODE,
    sync_folder,
    write_new_file,
)
from node.registry.database import version_of
from node.registry.records import Act
from node.registry.register import Registry
from node.registry.schema import STEPS
from node.registry.sealed_stream import KIND, SALT_BYTES, seal, unseal
from primitives.encoding import decode, encode
from primitives.errors import Refused

CONTENT_VERSION = 1
COUNTED = ("residents", "partners", "activities", "batches", "runs", "consents", "audit")


class BackupContent(NamedTuple):
    """What a backup holds, in numbers, and the names of the files beside the registry."""

    prefix: str
    version: int
    size_bytes: int
    counts: dict[str, int]
    files: tuple[str, ...] = ()


class OpenedBackup(NamedTuple):
    """A backup's parts: the registry's image, checked, and the files by their names."""

    content: BackupContent
    image: bytes
    files: dict[str, bytes]


def create(
    registry: Registry,
    act: Act,
    out: Path,
    passphrase: str,
    files: Mapping[str, bytes] | None = None,
) -> BackupContent:
    """Seal everything that the registry holds, and `files`, into a new file, its owner's alone.

    Raises `Refused("passphrase_empty")`, FileExistsError.
    """
    if out.exists():
        raise FileExistsError(17, "File exists", str(out))
    registry.audit.note(act, "backup", "registry")
    image = registry.image()
    kept = tuple(sorted((files or {}).items()))
    content = _examined(image)._replace(files=tuple([name for name, _ in kept]))
    raw = encode((KIND, CONTENT_VERSION, kept, image))
    _write(out, seal(raw, passphrase, salt=secrets.token_bytes(SALT_BYTES)))
    return content


def verify(file: Path, passphrase: str) -> BackupContent:
    """Open a backup in memory and check it whole.

    Raises `Refused`: `passphrase_wrong`, `backup_malformed`, `version_unknown`,
    `data_of_newer_version`.
    """
    return open_backup(file, passphrase).content


def restore(file: Path, passphrase: str, path: Path, prefix: str) -> BackupContent:
    """Put a backup's registry where there is none. An older version is migrated when it is opened.

    Raises what `verify` raises, and `Refused`: `registry_exists`, `registry_of_other_territory`.
    """
    # A journal without its file would be played into the one restored.
    for taken in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        if taken.exists():
            raise Refused("registry_exists", file=str(taken))
    content, image, _ = open_backup(file, passphrase)
    if content.prefix != prefix:
        raise Refused("registry_of_other_territory", content.prefix, file=str(file))
    path.parent.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    write_new_file(path, image)
    return content


def open_backup(file: Path, passphrase: str) -> OpenedBackup:
    """Open and check it whole, in memory. Raises what `verify` raises."""
    with file.open("rb") as stream:
        try:
            image, files = _parts(unseal(stream, passphrase))
            content = _examined(image)._replace(files=tuple(files))
        except Refused as refusal:
            refusal.file = str(file)
            raise
    return OpenedBackup(content, image, files)


def _parts(raw: bytes) -> tuple[bytes, dict[str, bytes]]:
    try:
        value = decode(raw, bytes_max=len(raw))
    except Refused:
        raise Refused("backup_malformed", "what it holds can't be read") from None
    match value:
        case ("node_backup", int(version), *_) if version != CONTENT_VERSION:
            raise Refused("version_unknown", "a backup of another version")
        case ("node_backup", int(), tuple(listed), bytes(image)):
            files: dict[str, bytes] = {}
            for entry in listed:
                match entry:
                    case (str(name), bytes(content)) if name not in files:
                        files[name] = content
                    case _:
                        raise Refused("backup_malformed", "its files")
            return image, files
    raise Refused("backup_malformed", "what it holds is no backup")


def _examined(image: bytes) -> BackupContent:
    """Check an image as SQLite itself does, and count what it holds."""
    if not image:
        raise Refused("backup_malformed", "it holds nothing")
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(image)
            version = version_of(connection)
            if version > STEPS[-1].version:
                raise Refused("data_of_newer_version", f"version {version}")
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise Refused("backup_malformed", "its database is damaged")
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise Refused("backup_malformed", "its records do not belong together")
            prefix = connection.execute("SELECT prefix FROM registry").fetchone()
            counts = {
                table: int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
                for table in COUNTED
            }
    except sqlite3.Error:
        raise Refused("backup_malformed", "it holds no registry") from None
    if prefix is None:
        raise Refused("backup_malformed", "it holds no registry")
    return BackupContent(str(prefix[0]), version, len(image), counts)


def _write(out: Path, pieces: Iterator[bytes]) -> None:
    """Write a new file whole, or leave nothing."""
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, out)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(out.parent)
