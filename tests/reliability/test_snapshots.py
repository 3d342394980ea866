"""A newcomer among three peers of which one lies about snapshots, on the real wire: whatever the
lie, and however often the newcomer is killed, it takes the others' word, and votes with them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from primitives.checkpoints import parse_checkpoint
from tests.patience import PATIENCE_SECONDS
from tests.patience import wait_until as until
from tests.processes.network import Network, Node, create_network, must
from tests.processes.test_starting import some_blocks
from tests.reliability.false_snapshots import ACTORS, SILENT, place
from tests.reliability.testbed import ask

pytestmark = pytest.mark.process

SNAPSHOT_IN_MS = 1_500
EPOCH_MS = 3_000
PARTS_BEFORE_DEATH = 3
"""And more, until the liar was asked."""


class Nodes:
    """The four of a network, each started by a plan."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.when, self.lie = network.folder / "when", network.folder / "lie"
        self.when.write_text("")
        self.lie.write_text("")

    def start(self, node: Node, **plan: object) -> None:
        file = node.folder / "plan.json"
        file.write_text(json.dumps({"when": str(self.when), **plan}))
        with (node.folder / "node.log").open("a") as log:
            node.process = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.reliability.snapshot_node", file, "node", "start",
                    "--data", node.data, "--genesis", self.network.genesis, "--passphrase-file",
                    self.network.passphrase,
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                env={**os.environ, "DEMOCITE_LANG": "en"},
            )  # fmt: skip

    def end(self, node: Node) -> None:
        """Kill it; what it said is forgotten."""
        self.network.kill(node)
        (node.folder / "node.log").write_text("")


def status(node: Node) -> dict[str, object]:
    return ask(f"{node.url}/v1/status") or {}


def height(node: Node) -> int:
    return int(str(status(node).get("height", -1)))


def epoch(node: Node) -> int:
    return int(str(status(node).get("epoch", -1)))


def said(node: Node) -> list[str]:
    return (node.folder / "node.log").read_text().splitlines()


def says(node: Node, *words: str) -> bool:
    """Whether one line of its log has all these words."""
    return any(all(word in line for word in words) for line in said(node))


def meets(nodes: Nodes, newcomer: Node, liar: Node, lie: str, taken: Path) -> None:
    """The newcomer starts, and gets on without the liar. It sets aside that one and nobody else;
    then it dies in the middle, unless the liar says nothing at all: who is silent is only slow,
    which is said of it and held against nobody."""
    nodes.lie.write_text(lie)
    (newcomer.folder / "node.log").write_text("")
    is_silent = lie == SILENT
    die_after = None if is_silent else PARTS_BEFORE_DEATH
    plan = {"liar": liar.prefix, "lies_in": place(lie), "die_after": die_after}
    nodes.start(newcomer, parts=str(taken), **plan)
    if is_silent:
        until(lambda: says(newcomer, "snapshot_adopted"), "no snapshot")
    else:
        assert newcomer.process is not None
        assert newcomer.process.wait(PATIENCE_SECONDS) < 0  # by its own hand
    peers = [node for node in nodes.network.nodes if node is not newcomer]
    aside = [node.prefix for node in peers if says(newcomer, "peer_set_aside", node.prefix)]
    assert aside == ([] if is_silent else [liar.prefix]), (lie, said(newcomer))
    assert not is_silent or says(newcomer, "peer_silent", liar.prefix), said(newcomer)


def verified(network: Network, node: Node) -> dict[str, object]:
    words = ("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
    return must(*words).json


def test_a_newcomer_meets_each_liar_is_killed_and_votes(tmp_path: Path) -> None:
    parameters = (f"epoch_ms={EPOCH_MS}", "heartbeat_ms=1000")
    network = create_network(tmp_path, parameters=parameters)
    arden, brume, liar, newcomer = network.nodes
    nodes = Nodes(network)
    try:
        peers = (arden, brume, liar)
        nodes.start(arden)
        nodes.start(brume)
        nodes.start(liar, lie=str(nodes.lie))
        until(lambda: all(epoch(node) >= 2 for node in peers), "no epoch ends")
        some_blocks(network)
        nodes.when.write_text(str(time.time_ns() // 1_000_000 + SNAPSHOT_IN_MS))
        until(lambda: all(says(node, "snapshot_made") for node in peers), "no snapshot")
        snapshot = json.loads(next(line for line in said(arden) if "snapshot_made" in line))
        taken = tmp_path / "parts"
        for lie in ACTORS:  # the last says nothing, and the newcomer comes through
            meets(nodes, newcomer, liar, lie, taken)
        parts = sorted(map(int, taken.read_text().split()))
        assert parts == list(range(snapshot["parts"]))  # each was taken once
        assert len(parts) > len(ACTORS[1:]) * PARTS_BEFORE_DEATH
        # It votes: without it there are two of the three that it takes.
        until(lambda: status(newcomer).get("observing") is False, "it does not vote")
        nodes.end(arden)
        before = height(brume)
        until(lambda: height(brume) >= before + 3, "nothing is agreed on")
        shown = must("network", "status", "--node", newcomer.url, "--json").json
        assert parse_checkpoint(str(shown["checkpoint"]))[0] >= 2
    finally:
        network.stop()
    whole, begun = verified(network, brume), verified(network, newcomer)
    assert begun["from_height"] == snapshot["height"]
    assert (begun["currencies"], begun["accounts"]) == (whole["currencies"], whole["accounts"])
