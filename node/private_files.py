"""Files that only their owner reads, written whole or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def write_new_file(path: Path, content: bytes, mode: int = PRIVATE_FILE_MODE) -> None:
    """Write a file that is not there yet, durable once this returns. Raises FileExistsError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    _write(temporary, content, mode)
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise FileExistsError(error.errno, error.strerror, str(path)) from None
    except OSError as error:
        # A USB stick's FAT has no links; a key is often put on one.
        if error.errno not in _NO_LINKS:
            raise
        _write(path, content, mode)
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes, mode: int = PRIVATE_FILE_MODE) -> None:
    """Write a file over the old one: others see the old or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    _write(temporary, content, mode)
    os.replace(temporary, path)
    sync_folder(path.parent)


@contextlib.contextmanager
def private_by_default() -> Iterator[None]:
    """Whatever this process makes meanwhile, libraries' files included, is its owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
