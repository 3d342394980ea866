"""Four node processes that are started and stopped one by one, and what each of them uses.

As `democite demo` starts them: made by `node init`, started by `node start`, own disks and keys.
"""

import asyncio
import contextlib
import re
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.crowd import put_crowd
from benchmarks.network import first_port
from clients.demo.folder import DemoFolder
from clients.demo.places import PLACES
from clients.demo.ports import PORTS_PER_NODE, choose_base
from clients.demo.processes import last_error, start
from clients.demo.supervisor import NodeProcess
from clients.demo.town_halls import make_network
from ledger.genesis import Genesis
from node.data_folder import DataFolder

READY_SECONDS_MAX = 1_200.0
STOP_SECONDS_MAX = 20.0
NS_PER_SECOND = 1_000_000_000
BYTES_PER_KB = 1_024
BYTES_PER_MB = 1_000_000
_METRIC = re.compile(r"^(\w+) ([-+.\de]+)$", re.MULTILINE)
_STATUS = re.compile(r"^(\w+):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Used:
    """What a process used so far. Linux only."""

    processor_seconds: float
    wakeups: int
    memory_bytes: int
    memory_peak_bytes: int


def used(pid: int) -> Used:
    """By all threads of a process; nanoseconds, as the scheduler counts them."""
    nanoseconds = wakeups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds += int((task / "schedstat").read_text().split()[0])
        status = dict(_STATUS.findall((task / "status").read_text()))
        wakeups += int(status["voluntary_ctxt_switches"])
    status = dict(_STATUS.findall(Path(f"/proc/{pid}/status").read_text()))
    return Used(
        nanoseconds / NS_PER_SECOND,
        wakeups,
        int(status["VmRSS"]) * BYTES_PER_KB,
        int(status["VmHWM"]) * BYTES_PER_KB,
    )


@dataclass(frozen=True)
class Began:
    """One start: until it said that it is ready."""

    seconds: float
    used: Used


class LifeNetwork:
    """A network of four whose nodes do not run yet."""

    def __init__(self, folder: DemoFolder, nodes: list[NodeProcess], genesis: Genesis) -> None:
        self.folder = folder
        self.nodes = nodes
        self.genesis = genesis

    async def start(self, *indices: int, words: Sequence[str] = ()) -> list[Began]:
        """Start these nodes (all without a name), with more `words` to `node start`, at once."""
        chosen = [self.nodes[index] for index in indices or range(len(self.nodes))]
        async with asyncio.timeout(READY_SECONDS_MAX):
            return await asyncio.gather(*(self._start(node, words) for node in chosen))

    async def _start(self, node: NodeProcess, words: Sequence[str]) -> Began:
        place = node.place
        began = time.monotonic()
        await self.launch(node, words)
        output = node.process.stdout if node.process is not None else None
        while output is not None and (line := await output.readline()):
            if line.startswith(b"ready "):
                return Began(time.monotonic() - began, used(node.pid or 0))
        code, message, _ = last_error(self.folder.log(place))
        raise RuntimeError(f"{place.name} did not start: {code} {message}")

    async def launch(self, node: NodeProcess, words: Sequence[str] = ()) -> None:
        """Start a node's process and wait for nothing."""
        place = node.place
        with self.folder.log(place).open("ab") as errors:
            command = (
                *("node", "start", "--data", str(self.folder.node_data(place))),
                *("--genesis", str(self.folder.genesis_file)),
                *("--passphrase-file", str(self.folder.passphrase_file(place))),
                *words,
            )
            node.process = await start(command, errors=errors)

    async def stop(self, *indices: int, number: int = signal.SIGTERM) -> None:
        """Stop these nodes (all that run without a name)."""
        chosen = [self.nodes[index] for index in indices or range(len(self.nodes))]
        await asyncio.gather(*(self._stop(node, number) for node in chosen))

    async def _stop(self, node: NodeProcess, number: int) -> None:
        process, node.process = node.process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def used(self, index: int) -> Used:
        """What one of them used so far."""
        return used(self.nodes[index].pid or 0)

    def urls_from(self, index: int) -> list[str]:
        """All nodes' URLs, one node's first."""
        return [one.url for one in self.nodes[index:] + self.nodes[:index]]

    def data(self, index: int) -> Path:
        """A node's data folder."""
        return self.folder.node_data(self.nodes[index].place)


async def metrics_of(session: aiohttp.ClientSession, node: NodeProcess) -> dict[str, float]:
    """What a node counts; nothing while it does not answer."""
    try:
        async with session.get(f"{node.url}/metrics") as answer:
            text = await answer.text()
    except aiohttp.ClientError:
        return {}
    return {name: float(figure) for name, figure in _METRIC.findall(text)}


@contextlib.asynccontextmanager
async def life_network(crowd: int = 0) -> AsyncIterator[LifeNetwork]:
    """Make one, with so many accounts in it from the start; leaving stops and removes it."""
    with tempfile.TemporaryDirectory(prefix="democite-life-") as name:
        folder = DemoFolder(Path(name))
        base = choose_base(None, len(PLACES), first_port())
        nodes = [
            NodeProcess(place, base + index * PORTS_PER_NODE, base + index * PORTS_PER_NODE + 1)
            for index, place in enumerate(PLACES)
        ]
        folder.make_parts(PLACES)
        genesis = await make_network(folder, nodes, 1)
        if crowd:
            data = [DataFolder(folder.node_data(node.place)) for node in nodes]
            stores = [(each.store, each.read().store) for each in data]
            await asyncio.to_thread(put_crowd, stores, genesis, crowd)
        network = LifeNetwork(folder, nodes, genesis)
        try:
            yield network
        finally:
            await network.stop()
