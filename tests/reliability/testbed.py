"""A network of real processes with a relay before each: started, killed, stopped, asked."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import PROGRAM, Network, Node, create_network, start_forked
from tests.reliability.namespaces import PATH, Namespaces
from tests.reliability.relay import Relay, Weather

LOG_SHOWN_BYTES = 3_000


def ask(url: str, seconds: float = 10.0) -> dict[str, object] | None:
    """A node's JSON answer; None where there is none."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            content = json.loads(answer.read())
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return content if isinstance(content, dict) else None


class Testbed:
    """Nodes by prefix. `programs` and `environment` change how a node's process is started."""

    __test__ = False

    def __init__(self, network: Network, seed: int, spaces: Namespaces | None = None) -> None:
        self.network = network
        self.nodes = {node.prefix: node for node in network.nodes}
        self.weather = Weather(seed)
        ports = free_ports(len(network.nodes))
        self.listen = {
            n.prefix: f"127.0.0.1:{p}" for n, p in zip(network.nodes, ports, strict=True)
        }
        self.relays = [] if spaces else [self._relay(node) for node in network.nodes]
        self.environment: dict[str, dict[str, str]] = {}
        self.programs: dict[str, list[str]] = {}
        if spaces:
            self.listen = {node.prefix: node.peer for node in network.nodes}
            for node, name in zip(network.nodes, spaces.names, strict=True):
                start = ["ip", "netns", "exec", name, str(PROGRAM), "node", "start"]
                self.programs[node.prefix] = [*start, "--behind-proxy"]
        self.died: list[str] = []

    def _relay(self, node: Node) -> Relay:
        place, target = _host_port(node.peer), _host_port(self.listen[node.prefix])
        return Relay(node.prefix, place, target, self.weather, self.pids)

    def pids(self) -> dict[str, int]:
        """Processes that run, or did."""
        return {n.prefix: n.process.pid for n in self.nodes.values() if n.process is not None}

    def start(self, node: Node) -> None:
        """Start one node; nobody waits for it."""
        own = self.environment.get(node.prefix, {})
        words = (
            "--data", node.data, "--genesis", self.network.genesis, "--passphrase-file",
            self.network.passphrase, "--peer-listen", self.listen[node.prefix],
        )  # fmt: skip
        if node.prefix not in self.programs and not own:
            # Nothing about the program itself is another: it need not be loaded anew.
            env = {"PATH": PATH, "DEMOCITE_LANG": "en"}
            node.process = start_forked(node, "node", "start", *words, env=env)
            return
        program = self.programs.get(node.prefix, [str(PROGRAM), "node", "start"])
        with (node.folder / "node.log").open("a") as log:
            node.process = subprocess.Popen(
                [*program, *words],
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                env={**os.environ, "PATH": PATH, "DEMOCITE_LANG": "en", **own},
            )

    def kill(self, node: Node) -> None:
        """SIGKILL."""
        self.note_deaths()
        self.network.kill(node)

    def signal(self, node: Node, number: signal.Signals) -> None:
        """Send a signal to a node that runs."""
        if node.process is not None and node.process.poll() is None:
            node.process.send_signal(number)

    def note_deaths(self) -> None:
        """Keep the names of nodes that ended by themselves: none may."""
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is not None:
                self.died.append(f"{node.prefix}: {self.log_end(node)}")
                node.process = None

    def log_end(self, node: Node) -> str:
        """The last lines of a node's log."""
        return (node.folder / "node.log").read_text()[-LOG_SHOWN_BYTES:]

    async def ready(self, *nodes: Node) -> None:
        """Until these (all of them, if none is named) say that they are ready."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for node in nodes or tuple(self.nodes.values()):
            while await asyncio.to_thread(ask, f"{node.url}/health/ready") is None:
                if time.monotonic() > deadline or (
                    node.process and node.process.poll() is not None
                ):
                    raise RuntimeError(f"{node.prefix} is not ready\n{self.log_end(node)}")
                await asyncio.sleep(0.1)

    async def same_height(self, nodes: Sequence[Node] = ()) -> int:
        """Until these nodes stand at one height with nothing waiting; the height."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen: list[object] = []
        while time.monotonic() < deadline:
            seen = []
            for node in nodes or tuple(self.nodes.values()):
                status = await asyncio.to_thread(ask, f"{node.url}/v1/status") or {}
                seen.append((status.get("height"), status.get("mempool_transactions")))
            if len(set(seen)) == 1 and isinstance(seen[0], tuple) and seen[0][1] == 0:
                return int(str(seen[0][0]))
            await asyncio.sleep(0.25)
        raise RuntimeError(f"the nodes do not come together: {seen}")


@contextlib.asynccontextmanager
async def running_testbed(
    folder: Path,
    seed: int,
    *,
    prepare: Callable[[Testbed], None] = lambda bed: None,
    spaces: Namespaces | None = None,
) -> AsyncIterator[Testbed]:
    """Four nodes, running; all is stopped at the end.

    They stand behind relays, or, with `spaces`, each in a network namespace of its own.
    `prepare` may change how they are started.
    """
    hosts = () if spaces is None else spaces.hosts
    network = await asyncio.to_thread(create_network, folder, hosts=hosts)
    bed = Testbed(network, seed, spaces)
    try:
        prepare(bed)
        for relay in bed.relays:
            await relay.start()
        for node in bed.nodes.values():
            bed.start(node)
        await bed.ready()
        yield bed
    finally:
        for node in bed.nodes.values():
            bed.signal(node, signal.SIGCONT)
        bed.weather.clear()
        await asyncio.to_thread(network.stop)
        for relay in bed.relays:
            await relay.stop()


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
