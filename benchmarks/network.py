"""Node processes for a measurement, under either engine, and what they used up to a moment.

As `democite demo` starts them: own processes, keys, disks, TLS between them, HTTP for wallets.
"""

import contextlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from clients.demo.folder import DEFAULT_ENGINE, DemoFolder
from clients.demo.places import PLACES, Place
from clients.demo.ports import PORTS_PER_NODE, choose_base
from clients.demo.processes import processor_seconds
from clients.demo.summary import percentile
from clients.demo.supervisor import NodeProcess, Supervisor
from clients.demo.town_halls import make_network
from ledger.genesis import Genesis

METRIC = re.compile(r"^(\w+_total) ([-+.\de]+)$", re.MULTILINE)
WIRE = "cometbft_p2p_message_{}_bytes_total"
FURTHER_PLACES = (
    Place("Aigueblanche", "aigue", "AIG", "france"),
    Place("Rocca Bruna", "rocca", "ROC", "italy"),
    Place("Peñalba", "penalba", "PEN", "spain"),
)
"""Beside the demonstration's four: a network of seven bears two that fail."""

FIRST_BASE = 29_000
"""Away from the ports of demonstrations."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Costs:
    """What the nodes used up to a moment, the engine's own processes among them."""

    processor_seconds: float
    engine_processor_seconds: float
    """Of it, what the engine's own processes took: none under the built-in one."""
    memory_bytes: int
    """Resident, at this moment."""
    disk_bytes: int
    counters: dict[str, float]


@dataclass
class Tally:
    """Outcomes of one phase; times are monotonic seconds."""

    latencies_ms: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def refuse(self, code: str) -> None:
        """Count one that did not become final."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def latency_ms(self) -> dict[str, float]:
        """From before signing until the header's certificate was verified by the sender."""
        return {
            "p50": round(percentile(self.latencies_ms, 0.50), 1),
            "p99": round(percentile(self.latencies_ms, 0.99), 1),
            "max": round(max(self.latencies_ms, default=0.0), 1),
        }


@dataclass(frozen=True)
class Network:
    """Running nodes."""

    engine: str
    folder: DemoFolder
    nodes: list[NodeProcess]
    genesis: Genesis

    def urls_from(self, index: int) -> list[str]:
        """All nodes' URLs, one node's first."""
        return [one.url for one in self.nodes[index:] + self.nodes[:index]]

    async def costs(self, session: aiohttp.ClientSession) -> Costs:
        """What the nodes used so far."""
        counters: dict[str, float] = {}
        for node in self.nodes:
            async with session.get(f"{node.url}/metrics") as answer:
                for name, figure in METRIC.findall(await answer.text()):
                    counters[name] = counters.get(name, 0.0) + float(figure)
        nodes = [node.pid for node in self.nodes if node.pid is not None]
        engines = [child for pid in nodes for child in _children(pid)]
        of_engines = sum(processor_seconds(pid) for pid in engines)
        return Costs(
            sum(processor_seconds(pid) for pid in nodes) + of_engines,
            of_engines,
            sum(_resident_bytes(pid) for pid in (*nodes, *engines)),
            self._bytes_on_disk(),
            counters,
        )

    def _bytes_on_disk(self) -> int:
        total = 0
        for node in self.nodes:
            for path in self.folder.node_data(node.place).rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    total += path.stat().st_size if path.is_file() else 0
        return total


def _children(pid: int) -> list[int]:
    """Processes that a node started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def places_of(count: int) -> tuple[Place, ...]:
    """The first so many territories."""
    places = (*PLACES, *FURTHER_PLACES)
    if not 1 <= count <= len(places):
        raise ValueError(f"1 to {len(places)} nodes")
    return places[:count]


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


@contextlib.contextmanager
def _temporary_folder() -> Iterator[DemoFolder]:
    root = Path(tempfile.mkdtemp(prefix="democite-bench-"))
    try:
        yield DemoFolder(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.asynccontextmanager
async def running_nodes(
    count: int = len(PLACES), engine: str = DEFAULT_ENGINE
) -> AsyncIterator[Network]:
    """Start them, empty but for what the genesis holds; a node that dies is an error."""
    places = places_of(count)
    with _temporary_folder() as folder:
        base = choose_base(None, count, FIRST_BASE)
        nodes = [
            NodeProcess(place, base + index * PORTS_PER_NODE, base + index * PORTS_PER_NODE + 1)
            for index, place in enumerate(places)
        ]
        folder.make_parts(places)
        genesis = await make_network(folder, nodes, 1, engine)
        async with Supervisor(folder, nodes, lambda: None) as supervisor:
            await supervisor.wait_ready()
            yield Network(engine, folder, nodes, genesis)
            if supervisor.restarts:
                raise RuntimeError("a node died meanwhile")
