"""CometBFT as one thing that is started and stopped: its files, our two sockets, its process.

running = RunningComet(program, settings, node_key, application, signer, on_fatal)
await running.start(); … await running.rpc.broadcast(raw); …; await running.stop()
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from node.engines.cometbft.application import Application
from node.engines.cometbft.configuration import (
    CometFolder,
    CometSettings,
    node_key_json,
    write_configuration,
)
from node.engines.cometbft.local_socket import checked_path, prepare_folder, remove_socket
from node.engines.cometbft.node_key import NodeKeyFile
from node.engines.cometbft.rpc import CometRpc, RpcRefused, RpcUnavailable
from node.engines.cometbft.server import AbciServer
from node.engines.cometbft.signer import Answering, SignerLink
from node.engines.cometbft.supervisor import Supervisor
from primitives.signatures import SigningKey

ASKED_AGAIN_SECONDS = 0.1


class RunningComet:
    """See the module's docstring.

    `on_fatal` is told, once, why the node must stop; from then on no process is started.
    `before_start` is awaited before each start of a process, once the one before is gone.
    """

    def __init__(
        self,
        program: Path,
        settings: Callable[[], CometSettings],
        node_key: Callable[[], SigningKey],
        application: Application,
        signer: Answering,
        on_fatal: Callable[[str], None],
        *,
        on_call: Callable[[str], None] | None = None,
        before_start: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._before_start = before_start
        self._settings = settings
        """Asked, as the node key, at each start of the process: members, parameters and keys change
        while a node runs."""
        self._key = node_key
        home = settings().home
        self.folder = CometFolder(home)
        for path in (self.folder.abci_socket, self.folder.signer_socket, self.folder.rpc_socket):
            checked_path(path)
        self._on_fatal = on_fatal
        self._node_key = NodeKeyFile(self.folder.sockets)
        self.failed = False
        self.server = AbciServer(self.folder.abci_socket, application, self._fatal, on_call=on_call)
        self.link = SignerLink(self.folder.signer_socket, signer, self._fatal)
        self.supervisor = Supervisor(
            program,
            home,
            self._make_ready,
            lambda: not self.failed,
            descriptors=self._node_key.descriptors,
            on_diverged=lambda reason: self._fatal(f"CometBFT decided against our state: {reason}"),
        )
        self.rpc = CometRpc(self.folder.rpc_socket)

    async def start(self) -> None:
        """Start all of it. Raises `Refused`: `folder_not_private`."""
        prepare_folder(self.folder.sockets)
        await self.server.start()
        self.link.start()
        await self.supervisor.start()

    async def stop(self) -> None:
        """Stop it: first who asks, then who answers."""
        await self.supervisor.stop()
        await self.link.stop()
        await self.server.stop()
        await self.rpc.close()
        self._node_key.close()
        remove_socket(self.folder.signer_socket)
        remove_socket(self.folder.rpc_socket)
        with contextlib.suppress(OSError):
            self.folder.sockets.rmdir()

    async def wait_answering(self) -> None:
        """Until its RPC answers, which is after it and the application agree on where they are."""
        while True:
            try:
                await self.rpc.status()
                return
            except (RpcUnavailable, RpcRefused):
                await asyncio.sleep(ASKED_AGAIN_SECONDS)

    async def _make_ready(self) -> None:
        """A process that was killed leaves its sockets, and perhaps a commit that goes on."""
        await self.server.wait_disconnected()
        if self._before_start is not None:
            await self._before_start()
        remove_socket(self.folder.signer_socket)
        remove_socket(self.folder.rpc_socket)
        self._node_key.write(node_key_json(self._key()))
        write_configuration(self._settings(), self._node_key.path)

    def _fatal(self, reason: str) -> None:
        if not self.failed:
            self.failed = True
            self._on_fatal(reason)
