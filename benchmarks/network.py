"""Node processes for a measurement, under either engine, and what they used up to a moment.

As `democite demo` starts them: own processes, keys, disks, TLS between them, HTTP for wallets.
"""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.crowd import put_crowd
from benchmarks.processes import bytes_on_disk, children_of, processor_seconds, resident_bytes
from benchmarks.wire import peer_bytes_sent
from clients.demo.folder import DEFAULT_ENGINE, DemoFolder
from clients.demo.places import PLACES, Place
from clients.demo.ports import PORTS_PER_NODE, choose_base
from clients.demo.supervisor import NodeProcess, Supervisor
from clients.demo.town_halls import make_network
from ledger.genesis import Genesis
from node.data_folder import DataFolder

METRIC = re.compile(r"^(\w+_total) ([-+.\de]+)$", re.MULTILINE)
WIRE = "cometbft_p2p_message_{}_bytes_total"
PLACES_MAX = 16
"""Beside the demonstration's four there are made-up ones. Seven bear two that fail."""

FIRST_PORT = 20_000
PORTS_PER_BENCHMARK = 40
BENCHMARKS = 200
"""Away from the ports of demonstrations, and each process away from others on this machine."""


@dataclass(frozen=True)
class Costs:
    """What the nodes used up to a moment, the engine's own processes among them."""

    processor_seconds: float
    engine_processor_seconds: float
    """Of it, what the engine's own processes took: none under the built-in one."""
    memory_bytes: int
    """Resident, at this moment."""
    disk_bytes: int
    peer_bytes: int | None
    """What nodes sent to each other, as TCP carried it; None where nothing tells."""

    counters: dict[str, float]


@dataclass(frozen=True)
class Network:
    """Running nodes."""

    engine: str
    folder: DemoFolder
    nodes: list[NodeProcess]
    genesis: Genesis
    supervisor: Supervisor

    def urls_from(self, index: int) -> list[str]:
        """All nodes' URLs, one node's first."""
        return [one.url for one in self.nodes[index:] + self.nodes[:index]]

    @property
    def living(self) -> list[NodeProcess]:
        """The nodes that run: all, unless one was killed to see what becomes of the others."""
        return [
            node
            for node in self.nodes
            if node.process is not None and node.process.returncode is None
        ]

    async def costs(self, session: aiohttp.ClientSession) -> Costs:
        """What the nodes used so far."""
        counters: dict[str, float] = {}
        for node in self.living:
            async with session.get(f"{node.url}/metrics") as answer:
                for name, figure in METRIC.findall(await answer.text()):
                    counters[name] = counters.get(name, 0.0) + float(figure)
        nodes = [node.pid for node in self.living if node.pid is not None]
        engines = [child for pid in nodes for child in children_of(pid)]
        of_engines = processor_seconds(engines)
        return Costs(
            processor_seconds(nodes) + of_engines,
            of_engines,
            resident_bytes((*nodes, *engines)),
            sum(bytes_on_disk(self.folder.node_data(node.place)) for node in self.nodes),
            peer_bytes_sent({node.peer_port for node in self.nodes}),
            counters,
        )


def first_port() -> int:
    """Where this process looks for free ports from."""
    return FIRST_PORT + os.getpid() % BENCHMARKS * PORTS_PER_BENCHMARK


def places_of(count: int) -> tuple[Place, ...]:
    """The first so many territories."""
    if not 1 <= count <= PLACES_MAX:
        raise ValueError(f"1 to {PLACES_MAX} nodes")
    further = (
        Place(f"Commune {number}", f"commune{number}", f"C{number:02d}", "france")
        for number in range(len(PLACES) + 1, PLACES_MAX + 1)
    )
    return (*PLACES, *further)[:count]


@contextlib.contextmanager
def _temporary_folder() -> Iterator[DemoFolder]:
    root = Path(tempfile.mkdtemp(prefix="democite-bench-"))
    try:
        yield DemoFolder(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.asynccontextmanager
async def running_nodes(
    count: int = len(PLACES), engine: str = DEFAULT_ENGINE, crowd: int = 0
) -> AsyncIterator[Network]:
    """Start them, empty but for what the genesis holds and a crowd of so many accounts; a node that
    dies is an error."""
    places = places_of(count)
    with _temporary_folder() as folder:
        base = choose_base(None, count, first_port())
        nodes = [
            NodeProcess(place, base + index * PORTS_PER_NODE, base + index * PORTS_PER_NODE + 1)
            for index, place in enumerate(places)
        ]
        folder.make_parts(places)
        genesis = await make_network(folder, nodes, 1, engine)
        if crowd:
            stores = [(data.store, data.read().store) for data in _data_folders(folder, places)]
            await asyncio.to_thread(put_crowd, stores, genesis, crowd)
        async with Supervisor(folder, nodes, lambda: None) as supervisor:
            await supervisor.wait_ready()
            yield Network(engine, folder, nodes, genesis, supervisor)
            if supervisor.restarts:
                raise RuntimeError("a node died meanwhile")


def _data_folders(folder: DemoFolder, places: Sequence[Place]) -> list[DataFolder]:
    return [DataFolder(folder.node_data(place)) for place in places]
