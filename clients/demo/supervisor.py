"""The four nodes' processes: started, watched, started again when one dies, stopped in order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from clients.demo.folder import DemoFolder
from clients.demo.places import Place
from clients.demo.processes import last_error, start
from terminal.errors import CommandError
from terminal.languages import text

READY_SECONDS = 240.0
"""Four start together, perhaps with an engine's process beside each; what dies is told at once."""
STOP_SECONDS = 12.0
RESTART_SECONDS = 1.0
"""Between a death that was not planned and the new process."""
FAILED_STARTS_MAX = 5


@dataclass
class NodeProcess:
    """One node: where it listens, and its process if there is one."""

    place: Place
    http_port: int
    peer_port: int
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    absence_seconds: float = RESTART_SECONDS
    restarts: int = 0

    @property
    def url(self) -> str:
        """Where wallets reach it."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def peer(self) -> str:
        """Where other nodes reach it."""
        return f"127.0.0.1:{self.peer_port}"

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        return None if self.process is None else self.process.pid


class Supervisor:
    """Keeps the nodes running. Use as `async with`; leaving stops them all."""

    def __init__(
        self, folder: DemoFolder, nodes: list[NodeProcess], on_start: Callable[[], None]
    ) -> None:
        self.nodes = nodes
        self._folder = folder
        self._on_start = on_start
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def __aenter__(self) -> "Supervisor":
        self._keepers = [asyncio.create_task(self._keep(node)) for node in self.nodes]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        # In this order: a keeper that ends would otherwise start its node again.
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(self._stop(node) for node in self.nodes))

    @property
    def restarts(self) -> int:
        """How often a node was started again."""
        return sum(node.restarts for node in self.nodes)

    async def wait_ready(self) -> None:
        """Until every node is ready. Raises what keeps one from it."""
        waiting = asyncio.create_task(self._all_ready())
        try:
            done, _ = await asyncio.wait(
                (waiting, *self._keepers),
                timeout=READY_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                task.result()
            if not done:
                raise CommandError("node_unreachable", self._late())
        finally:
            waiting.cancel()

    async def _all_ready(self) -> None:
        for node in self.nodes:
            await node.ready.wait()

    def check(self) -> None:
        """Raise what made a node give up, if one did."""
        for keeper in self._keepers:
            if keeper.done() and not keeper.cancelled():
                keeper.result()

    def kill(self, node: NodeProcess, absence_seconds: float) -> None:
        """Kill a node outright; it comes back after `absence_seconds`."""
        node.absence_seconds = absence_seconds
        if node.process is not None:
            with contextlib.suppress(ProcessLookupError):
                node.process.send_signal(signal.SIGKILL)

    async def _keep(self, node: NodeProcess) -> None:
        """Run one node, again and again. Raises when it ends by itself before it is ready: the
        first time, or several times in a row. Whoever kills it can do so at any time."""
        failed = 0
        while True:
            failed = failed + 1 if await self._run(node) else 0
            if failed == FAILED_STARTS_MAX or (failed and node.restarts == 0):
                raise self._failure(node)
            await asyncio.sleep(node.absence_seconds)
            node.absence_seconds = RESTART_SECONDS
            node.restarts += 1

    async def _run(self, node: NodeProcess) -> bool:
        """One life of a node; gives whether it failed to become ready."""
        place = node.place
        with self._folder.log(place).open("ab") as errors:
            words = (
                *("node", "start", "--data", str(self._folder.node_data(place))),
                *("--genesis", str(self._folder.genesis_file)),
                *("--passphrase-file", str(self._folder.passphrase_file(place))),
            )
            node.process = await start(words, errors=errors)
        self._on_start()
        output = node.process.stdout
        while output is not None and (line := await output.readline()):
            if line.startswith(b"ready "):
                node.ready.set()
        code = await node.process.wait()
        was_ready = node.ready.is_set()
        node.ready.clear()
        return not was_ready and code > 0

    async def _stop(self, node: NodeProcess) -> None:
        process = node.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while process.returncode is None and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()

    def _failure(self, node: NodeProcess) -> CommandError:
        log: Path = self._folder.log(node.place)
        code, message, hint = last_error(log)
        return CommandError(code, f"{node.place.name}: {message}", hint, file=str(log))

    def _late(self) -> str:
        late = ", ".join(node.place.name for node in self.nodes if not node.ready.is_set())
        return text(f"pas prêts : {late}", f"not ready: {late}")
