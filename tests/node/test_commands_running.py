"""A node as an operator runs it: ready, asked, stopped by SIGTERM whatever its clients do."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.node.founding import PASSPHRASE, make_card
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import democite, must

pytestmark = pytest.mark.process

PROGRAM = Path(sys.executable).with_name("democite")

PATCHED = """
import asyncio, sys, time
from clients.cli.main import run
from node.territory import TerritoryNode

start = TerritoryNode.start

async def loads_for_long(self):
    print("loading", flush=True)
    time.sleep(3_600)

async def breaks(self):
    await start(self)
    asyncio.get_running_loop().call_later(0.5, self._fatal, REASON)

async def hangs(self):
    await asyncio.sleep(3_600)

TerritoryNode.PATCH = PATCHED
sys.exit(run(sys.argv[1:]))
"""


def patched(name: str, by: str, reason: str = "") -> list[str | Path]:
    """The program with one of the node's methods replaced."""
    source = PATCHED.replace(".PATCH", f".{name}").replace("PATCHED", by)
    return [sys.executable, "-c", source.replace("REASON", repr(reason))]


class Running:
    """One node of a network of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        peer, http = free_ports(2)
        self.url = f"http://127.0.0.1:{http}"
        self.port = http
        self.data = folder / "arden" / "data"
        self.genesis = folder / "genesis.json"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(f"{PASSPHRASE}\n")
        card = make_card(folder, peer=f"127.0.0.1:{peer}", http=f"127.0.0.1:{http}", store=store)
        must("network", "create", "--out", self.genesis, card)
        self.log = (folder / "log").open("w+")
        self.process: subprocess.Popen[str] | None = None

    def start(self, *more: str, program: Sequence[str | Path] = (PROGRAM,)) -> str:
        """Start it; the first line it prints."""
        self.process = subprocess.Popen(
            [
                *program, "node", "start", "--data", self.data, "--genesis", self.genesis,
                "--passphrase-file", self.passphrase, *more,
            ],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "DEMOCITE_LANG": "en"},
        )  # fmt: skip
        return self.output.readline()

    @property
    def output(self) -> IO[str]:
        """Its stdout."""
        if self.process is None or self.process.stdout is None:
            raise RuntimeError("it does not run")
        return self.process.stdout

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Exit code; raises where it does not end by itself."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self.process = None
        return code


@pytest.fixture
def store() -> str:
    return "leveldb"


@pytest.fixture
def node(tmp_path: Path, store: str) -> Iterator[Running]:
    made = Running(tmp_path, store)
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.kill()
            made.process.wait()
        made.log.close()


@pytest.mark.parametrize("store", ["leveldb", "rocksdb"])
def test_ready_asked_and_stopped(node: Running) -> None:
    network_id = json.loads(node.genesis.read_text())["network_id"]
    assert node.start() == f"ready http={node.url} network={network_id}\n"
    with urllib.request.urlopen(f"{node.url}/health/ready", timeout=30) as answer:
        assert answer.status == 200
    status = must("node", "status", "--node", node.url, "--json").json
    wanted = {"network_id", "height", "view", "state_root", "peers", "mempool_transactions"}
    assert wanted | {"ready"} <= status.keys()
    assert (status["network_id"], status["ready"]) == (network_id, True)
    in_use = democite("node", "verify", "--data", node.data)
    assert (in_use.code, "error[data_in_use]" in in_use.err) == (2, True)
    assert node.stop() == 0
    assert must("node", "verify", "--data", node.data, "--genesis", node.genesis).code == 0
    assert must("node", "compact", "--data", node.data).code == 0
    assert node.start().startswith("ready ")
    assert node.stop(signal.SIGINT) == 0


def test_with_json_there_is_one_object(node: Running) -> None:
    assert json.loads(node.start("--json"))["http"] == node.url
    output = node.output
    assert node.stop() == 0
    assert output.read() == ""


def test_clients_do_not_keep_it_from_stopping(node: Running) -> None:
    node.start()
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(20)]
    sockets = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(20)]
    key = base64.b64encode(bytes(16)).decode()
    for one in sockets:
        one.sendall(
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert one.recv(12) == b"HTTP/1.1 101"
    half = socket.create_connection(("127.0.0.1", node.port))
    half.sendall(
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
        b"Content-Length: 1000\r\n\r\nhalf"
    )
    time.sleep(0.5)
    assert node.stop() == 0
    for one in (*silent, *sockets, half):
        one.close()


def test_two_nodes_of_one_folder_or_one_port(node: Running, tmp_path: Path) -> None:
    node.start()
    words = ("node", "start", "--genesis", node.genesis, "--passphrase-file", node.passphrase)
    second = democite(*words, "--data", node.data)
    assert (second.code, "error[data_in_use]" in second.err) == (2, True)
    assert node.stop() == 0


def test_a_node_that_still_loads_is_stopped_too(node: Running) -> None:
    assert node.start(program=patched("start", "loads_for_long")) == "loading\n"
    assert node.stop() == 0
    assert node.start().startswith("ready ")


def test_a_node_that_hangs_is_stopped_too(node: Running) -> None:
    node.start(program=patched("stop", "hangs"))
    assert node.stop() == 0


@pytest.mark.parametrize(
    ("reason", "exit_code", "code"),
    [
        ("the root is not ours", 1, "invariant_broken"),
        (f"the chain can't be written: {os.strerror(28)}", 2, "disk_full"),
        ("the chain can't be written: store_corrupt: b'Corruption: x'", 2, "store_corrupt"),
        (
            "the chain can't be written: the store can't be written: Corruption: x",
            2,
            "store_corrupt",
        ),
    ],
)
def test_a_node_that_stops_itself_says_why(
    node: Running, reason: str, exit_code: int, code: str
) -> None:
    assert node.start(program=patched("start", "breaks", reason)).startswith("ready ")
    assert node.process is not None
    assert node.process.wait(PATIENCE_SECONDS) == exit_code
    node.log.seek(0)
    assert f"error[{code}]: " in node.log.read()


def test_the_doctor_beside_a_running_node(node: Running) -> None:
    node.start()
    told = must("node", "doctor", "--data", node.data, "--genesis", node.genesis, "--json").out
    states = {finding["check"]: finding["state"] for finding in json.loads(told)["findings"]}
    assert (states["node"], states["data"], states["keys"]) == ("good", "good", "good")
    (node.data / "keys").chmod(0o755)
    ill = democite("node", "doctor", "--data", node.data, "--genesis", node.genesis)
    assert ill.code == 4
    assert "✗ permissions" in ill.out
    assert "chmod" in ill.out
