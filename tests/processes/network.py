"""A real network for tests: four nodes, each its own process, made as four town halls would.

Everything goes through the command `democite`: cards, genesis, keys, nodes, wallets.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.forked import ForkedProcess, RunningProcess, run_forked

PROGRAM = Path(sys.executable).with_name("democite")
ROOT = Path(__file__).parents[2]
TERRITORIES = (
    ("Arden", "arden", "ARD"),
    ("Brume", "brume", "BRU"),
    ("Cassis", "cassis", "CAS"),
    ("Dune", "dune", "DUN"),
)


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """The one object on stdout."""
        content = json.loads(self.out)
        if not isinstance(content, dict):
            raise TypeError("stdout must hold one object")
        return content


def democite(*words: str | Path, env: dict[str, str] | None = None) -> Done:
    """Run the command in English, in a process of its own, and wait for its end."""
    environment = {**os.environ, "DEMOCITE_LANG": "en", **(env or {})}
    return Done(*run_forked([*map(str, words)], environment))


def must(*words: str | Path) -> Done:
    """Run the command; raise unless it exits with 0."""
    done = democite(*words)
    if done.code != 0:
        raise RuntimeError(f"democite {' '.join(map(str, words))}: {done.code}\n{done.err}")
    return done


STILL_SECONDS = 0.7
"""Longer than the pause before an empty block that proves the state after the one before."""


@dataclass
class Node:
    """One territory: its folder, its addresses, its process when it runs."""

    name: str
    prefix: str
    currency: str
    folder: Path
    peer: str
    http: str
    process: RunningProcess | None = None

    @property
    def data(self) -> Path:
        """The node's data folder."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The node's public URL."""
        return f"http://{self.http}"

    @property
    def staff_keystore(self) -> Path:
        """The signing key of the territory's staff."""
        return self.folder / "recovery-staff-1.json"

    @property
    def issuer_keystore(self) -> Path:
        """The 1-of-1 issuer's key that `node init` made beside the recovery key."""
        found = list(self.folder.glob("*-issuer.json"))
        if not found:
            raise RuntimeError(f"no issuer key in {self.folder}")
        return found[0]


def start_forked(
    node: Node, *words: str | Path, env: dict[str, str] | None = None
) -> RunningProcess:
    """Start a command that goes on as this node, in a process of its own; it logs to its file."""
    environment = {**os.environ, **(env or {})}
    return ForkedProcess([*map(str, words)], environment, os.devnull, node.folder / "node.log")


def _height(node: Node) -> int | None:
    """Where a node stands; None if it does not run, or does not answer."""
    import json
    import urllib.request

    if node.process is None:
        return None
    try:
        with urllib.request.urlopen(f"{node.url}/v1/status", timeout=10) as answer:
            return int(json.loads(answer.read())["height"])
    except (OSError, ValueError, KeyError):
        return None


@dataclass
class Network:
    """Four nodes and what they share."""

    folder: Path
    passphrase: Path
    genesis: Path
    nodes: list[Node] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        """Every node's URL."""
        return [node.url for node in self.nodes]

    def start(self, *nodes: Node) -> None:
        """Start nodes (all of them, if none is named) and wait until they are ready."""
        chosen = nodes or tuple(self.nodes)
        for node in chosen:
            words = (
                "node", "start", "--data", node.data, "--genesis", self.genesis,
                "--passphrase-file", self.passphrase,
            )  # fmt: skip
            node.process = start_forked(node, *words)
        for node in chosen:
            self._wait_ready(node)

    def _wait_ready(self, node: Node) -> None:
        import urllib.error
        import urllib.request

        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if node.process is None or node.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{node.url}/health/ready", timeout=10) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"{node.prefix} is not ready\n{(node.folder / 'node.log').read_text()}")

    def settle(self) -> None:
        """Wait until the nodes that run stand at one height, and stay there: a payment is final one
        block before a state with it is proved, and on one node before the others."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        before: set[int] = set()
        while True:
            now = {height for height in map(_height, self.nodes) if height is not None}
            if len(now) == 1 and now == before:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the nodes stand at {sorted(now)}")
            before = now
            time.sleep(STILL_SECONDS)

    def kill(self, node: Node) -> None:
        """SIGKILL, as a power cut would."""
        if node.process is not None:
            node.process.kill()
            node.process.wait()
            node.process = None

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those that do not stop."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            if node.process is not None:
                try:
                    node.process.wait(PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    self.kill(node)
                node.process = None


def create_network(
    folder: Path,
    count: int = 4,
    hosts: Sequence[str] = (),
    parameters: Sequence[str] = (),
    engine: str = "simplex",
) -> Network:
    """Make the nodes' data, exchange the cards, make the genesis. Nothing runs yet.

    Nodes are at these hosts in turn, on the loopback without any; `parameters` are NAME=FIGURE.
    """
    passphrase = folder / "passphrase"
    passphrase.write_text("quatre mots au hasard\n")
    network = Network(folder, passphrase, folder / "genesis.json")
    ports = free_ports(2 * count)
    cards = []
    inits: list[tuple[str | Path, ...]] = []
    for index, (name, prefix, currency) in enumerate(TERRITORIES[:count]):
        host = hosts[index] if hosts else "127.0.0.1"
        home = folder / prefix
        home.mkdir()
        node = Node(
            name,
            prefix,
            currency,
            home,
            peer=f"{host}:{ports[2 * index]}",
            http=f"{host}:{ports[2 * index + 1]}",
        )
        card = home / "card.json"
        words = (
            "node", "init", "--data", node.data, "--name", name, "--prefix", prefix,
            "--currency", currency, "--peer", node.peer, "--http", node.http, "--card", card,
            "--recovery-out", home / "recovery.json", "--passphrase-file", passphrase,
        )  # fmt: skip
        inits.append(words)
        network.nodes.append(node)
        cards.append(card)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda words: must(*words), inits))
    options = [word for one in parameters for word in ("--parameter", one)]
    must("network", "create", "--out", network.genesis, "--engine", engine, *options, *cards)
    return network
