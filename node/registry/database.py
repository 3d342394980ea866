"""The registry's file: SQLite, its owner's alone, every commit on the disk before it returns.

One thread at a time uses it. Whatever changes more than one row does so in a transaction.
"""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from node.private_files import (
    PRIVATE_FILE_MODE,
    PRIVATE_FOLDER_MODE,
    private_by_default,
    sync_folder,
)
from node.registry.schema import STEPS, Step
from primitives.errors import InvariantBroken, Refused

Parameters: TypeAlias = Sequence[str | int | bytes | None]
Row: TypeAlias = tuple[Any, ...]

SECRET_BYTES = 32
# A backup taken by another process holds the file for moments only.
BUSY_SECONDS = 10


class Database:
    """One open file. Raises `Refused` when it is opened: `data_of_newer_version`,
    `registry_unreadable`, `registry_of_other_territory`."""

    def __init__(self, path: Path, prefix: str, steps: Sequence[Step] = STEPS) -> None:
        self.path = path
        self._joined = 0
        _make_private(path)
        try:
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error:
            raise _unreadable(path) from None
        try:
            self._set_up(prefix, steps)
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self, prefix: str, steps: Sequence[Step]) -> None:
        try:
            # What is erased is overwritten; what is committed survives a power cut.
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "secure_delete = ON",
                "temp_store = MEMORY",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
            migrate(self._connection, self.path, steps)
            self.secret = self._claim(prefix)
        except sqlite3.DatabaseError as error:
            raise _translated(error, self.path) from None

    def _claim(self, prefix: str) -> bytes:
        """The registry's secret, made once; and that the registry is this territory's."""
        with self.transaction():
            self.execute(
                "INSERT OR IGNORE INTO registry (one, prefix, secret) VALUES (1, ?, ?)",
                (prefix, secrets.token_bytes(SECRET_BYTES)),
            )
        owner, secret = self.one("SELECT prefix, secret FROM registry")
        if owner != prefix:
            raise Refused("registry_of_other_territory", str(owner), file=str(self.path))
        return bytes(secret)

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return self._connection.in_transaction

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside, or nothing. Raises `Refused("disk_full")`."""
        if self.in_transaction:
            raise InvariantBroken("a transaction of the registry inside another")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            # A full disk may have rolled it back already.
            if self.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise _translated(error, self.path) from error
            raise

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[None]:
        """A transaction; inside an open one a part of it that is undone by itself if it fails, so
        that whoever catches the error keeps no half of it."""
        if not self.in_transaction:
            with self.transaction():
                yield
            return
        self._joined += 1
        name = f"part_{self._joined}"
        self._connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if self.in_transaction:
                self._connection.execute(f"ROLLBACK TO {name}")
                self._connection.execute(f"RELEASE {name}")
            raise
        else:
            self._connection.execute(f"RELEASE {name}")
        finally:
            self._joined -= 1

    def execute(self, statement: str, parameters: Parameters = ()) -> int:
        """Change something inside a transaction; gives how many rows were changed."""
        self._check_open()
        return self._connection.execute(statement, parameters).rowcount

    def insert(self, statement: str, parameters: Parameters) -> int:
        """Add a row inside a transaction; gives its number."""
        self._check_open()
        number = self._connection.execute(statement, parameters).lastrowid
        if number is None:
            raise InvariantBroken("a row was added and has no number")
        return number

    def execute_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        """The same change for each of the rows."""
        self._check_open()
        self._connection.executemany(statement, rows)

    def all(self, query: str, parameters: Parameters = ()) -> list[Row]:
        """Every row found."""
        return self._connection.execute(query, parameters).fetchall()

    def first(self, query: str, parameters: Parameters = ()) -> Row | None:
        """The first row found, if any."""
        row: Row | None = self._connection.execute(query, parameters).fetchone()
        return row

    def one(self, query: str, parameters: Parameters = ()) -> Row:
        """The row that there must be."""
        row = self.first(query, parameters)
        if row is None:
            raise InvariantBroken("the registry lacks a row that must be there")
        return row

    def forget_journal(self) -> None:
        """Bring everything into the main file and cut the journal to nothing, so that what was
        erased stands in neither."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def image(self) -> bytes:
        """The whole registry at one moment, as a database file's bytes; others may write on."""
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            self._connection.backup(copy)
            raw = copy.serialize()
        # Bytes 18 and 19 say how it is written: 1, without a journal beside it, since an image in
        # memory can have none. The registry sets it again when it is opened.
        return raw[:18] + b"\x01\x01" + raw[20:]

    def _check_open(self) -> None:
        if not self.in_transaction:
            raise InvariantBroken("the registry is changed in transactions alone")


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> None:
    """Bring a file to the newest version; an older one is copied first.

    Raises `Refused("data_of_newer_version")`: nothing was changed.
    """
    version = version_of(connection)
    newest = steps[-1].version
    if version > newest:
        raise Refused("data_of_newer_version", f"version {version}", file=str(path))
    if 0 < version < newest:
        _copy_before(connection, path, version)
    for step in steps:
        if step.version <= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have made the step while this one waited.
            if version_of(connection) < step.version:
                for statement in step.statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {step.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def version_of(connection: sqlite3.Connection) -> int:
    """The version that the file says it has; 0 for a new one."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def copy_path(path: Path, version: int) -> Path:
    """Where the copy stands that was made before a file of `version` was changed."""
    return path.with_name(f"{path.name}.version-{version}")


def _copy_before(connection: sqlite3.Connection, path: Path, version: int) -> None:
    copy = copy_path(path, version)
    temporary = copy.with_name(f".{copy.name}.{secrets.token_hex(6)}")
    try:
        with private_by_default(), contextlib.closing(sqlite3.connect(temporary)) as target:
            connection.backup(target)
        os.replace(temporary, copy)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _make_private(path: Path) -> None:
    """Make folder and file, so that SQLite gives its journal the file's mode."""
    path.parent.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE))
    path.chmod(PRIVATE_FILE_MODE)
    sync_folder(path.parent)


def _translated(error: sqlite3.DatabaseError, path: Path) -> Exception:
    """The refusal that stands for an error of SQLite's, if it is no bug of ours."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return Refused("disk_full", file=str(path))
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")):
        return _unreadable(path)
    if name.startswith("SQLITE_BUSY"):
        return Refused("data_in_use", "another process holds the registry", file=str(path))
    return error


def _unreadable(path: Path) -> Refused:
    return Refused("registry_unreadable", "not a registry, or damaged", file=str(path))
