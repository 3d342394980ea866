"""Private files, written whole or not at all, and a lock between processes."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from primitives.errors import Refused

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
LOCK_POLL_SECONDS = 0.02


def write_file(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write `content` to `path`, readable by its owner only, durable once this returns.

    Another process sees the old file or the new one, never a part. With `replace=False` an
    existing file is left alone and `FileExistsError` raised.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    except FileExistsError as error:
        raise FileExistsError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(folder: Path) -> None:
    """Make `folder` and its parents, the folder itself for its owner only."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)


class FileLock:
    """A lock that the system lets go of when its process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
        if not _lock_descriptor(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None


@contextlib.contextmanager
def locked(path: Path, *, timeout_ms: int = 10_000) -> Iterator[None]:
    """Hold the lock at `path`, waiting for it at most `timeout_ms`.

    Raises `Refused("wallet_in_use")`.
    """
    lock = FileLock(path)
    deadline = time.monotonic() + timeout_ms / 1000
    while not lock.try_acquire():
        if time.monotonic() >= deadline:
            raise Refused("wallet_in_use", file=str(path))
        time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


if os.name == "nt":  # pragma: no cover - the same promise, spelt differently

    def _lock_descriptor(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

else:

    def _lock_descriptor(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
