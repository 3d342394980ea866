"""CometBFT's files, read while no node runs: `cometbft inspect` answers from them.

It takes no part in anything: no peers, no consensus, no application, no key. It does not need the
network to be alive, which is what it is for here. Like a start, it lets the databases recover from
a power cut; it writes nothing else.

Source: CometBFT v0.38, `inspect/inspect.go`, `cmd/cometbft/commands/inspect.go`.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from node.engines.cometbft import die_with_parent
from node.engines.cometbft.configuration import CometFolder
from node.engines.cometbft.local_socket import checked_path, prepare_folder, remove_socket
from node.engines.cometbft.rpc import CometRpc, RpcRefused, RpcUnavailable
from primitives.errors import Refused

ASKED_AGAIN_SECONDS = 0.1
RECOVERY_SECONDS_MAX = 600
"""Databases of years may have much to recover; then nobody waits for one that never answers."""


class StoppedComet:
    """`async with StoppedComet(program, home) as rpc: …`. Raises `Refused`:
    `cometbft_data_unreadable` where it ends or stays silent, `folder_not_private`,
    `socket_path_too_long`."""

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._home = home.absolute()
        self._folder = CometFolder(self._home)
        self._process: asyncio.subprocess.Process | None = None
        self._rpc: CometRpc | None = None

    async def __aenter__(self) -> CometRpc:
        prepare_folder(self._folder.sockets)
        socket = checked_path(self._folder.rpc_socket)
        remove_socket(socket)
        words = ["inspect", "--home", str(self._home), "--rpc.laddr", f"unix://{socket}"]
        self._process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-I", "-S", str(Path(die_with_parent.__file__)), str(os.getpid())],
            *[str(self._program), *words],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"HOME": str(self._home)},
            cwd=self._home,
            start_new_session=True,
        )
        self._rpc = CometRpc(socket)
        try:
            async with asyncio.timeout(RECOVERY_SECONDS_MAX):
                await self._answering(self._process, self._rpc)
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise self._unreadable("it does not answer") from None
            raise
        return self._rpc

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _answering(self, process: asyncio.subprocess.Process, rpc: CometRpc) -> None:
        while True:
            if process.returncode is not None:
                raise self._unreadable(f"cometbft inspect ended with {process.returncode}")
            try:
                await rpc.call("commit")
                return
            except RpcRefused:
                return  # it answers, and has no block yet
            except RpcUnavailable:
                await asyncio.sleep(ASKED_AGAIN_SECONDS)

    def _unreadable(self, detail: str) -> Refused:
        return Refused("cometbft_data_unreadable", detail, file=str(self._home))

    async def _end(self) -> None:
        process, rpc = self._process, self._rpc
        if rpc is not None:
            await rpc.close()
        if process is not None:
            # It holds nothing that would be lost.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        remove_socket(self._folder.rpc_socket)
        with contextlib.suppress(OSError):
            self._folder.sockets.rmdir()


async def newest_height(rpc: CometRpc) -> int:
    """The height of the newest block that the files hold; 0 for none. It is final: CometBFT writes
    a block once more than two thirds have signed it. Raises `RpcUnavailable`."""
    try:
        found: Any = await rpc.call("commit")
        return int(found["signed_header"]["header"]["height"])
    except (RpcRefused, KeyError, TypeError, ValueError):
        return 0
