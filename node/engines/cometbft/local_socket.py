"""A socket on this machine that only its owner reaches: mode 0600 in a folder of mode 0700."""

import asyncio
import contextlib
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from node.private_files import private_by_default
from primitives.errors import Refused

SOCKET_PATH_BYTES_MAX = 103
"""Linux takes 107 bytes, macOS 103."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def prepare_folder(folder: Path) -> None:
    """Make the folder of the sockets, or check that it is private. Raises `Refused`:
    `folder_not_private`."""
    with private_by_default():
        folder.mkdir(parents=True, exist_ok=True)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not private or status.st_mode & 0o077:
        raise Refused("folder_not_private", file=str(folder))


def checked_path(path: Path) -> Path:
    """The path of a socket, if the system can take it. Raises `Refused`: `socket_path_too_long`."""
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise Refused("socket_path_too_long", f"{len(os.fsencode(path))} bytes", file=str(path))
    return path


def remove_socket(path: Path) -> None:
    """Remove what a process that died left behind; nobody can listen there any more."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Listen there. Raises `Refused` as `prepare_folder` and `checked_path`."""
    prepare_folder(path.parent)
    checked_path(path)
    remove_socket(path)
    with private_by_default():
        return await asyncio.start_unix_server(handler, path)
