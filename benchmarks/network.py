"""Four node processes for a measurement, and what they used up to a moment.

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

from clients.demo.folder import DemoFolder
from clients.demo.places import PLACES
from clients.demo.ports import PORTS_PER_NODE, choose_base
from clients.demo.processes import processor_seconds
from clients.demo.summary import percentile
from clients.demo.supervisor import NodeProcess, Supervisor
from clients.demo.town_halls import make_network
from ledger.genesis import Genesis

METRIC = re.compile(r"^(\w+_total) ([-+.\de]+)$", re.MULTILINE)
WIRE = "cometbft_p2p_message_{}_bytes_total"


@dataclass(frozen=True)
class Costs:
    """What the four nodes used up to a moment."""

    processor_seconds: float
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
    """Four running nodes."""

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
        seconds = sum(processor_seconds(node.pid or 0) for node in self.nodes)
        return Costs(seconds, self._bytes_on_disk(), counters)

    def _bytes_on_disk(self) -> int:
        total = 0
        for node in self.nodes:
            for path in self.folder.node_data(node.place).rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    total += path.stat().st_size if path.is_file() else 0
        return total


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
async def four_nodes() -> AsyncIterator[Network]:
    """Start them, empty but for what the genesis holds; a node that dies is an error."""
    with _temporary_folder() as folder:
        base = choose_base(None, len(PLACES))
        nodes = [
            NodeProcess(place, base + index * PORTS_PER_NODE, base + index * PORTS_PER_NODE + 1)
            for index, place in enumerate(PLACES)
        ]
        folder.make_parts(PLACES)
        genesis = await make_network(folder, nodes, 1)
        async with Supervisor(folder, nodes, lambda: None) as supervisor:
            await supervisor.wait_ready()
            yield Network(folder, nodes, genesis)
            if supervisor.restarts:
                raise RuntimeError("a node died meanwhile")
