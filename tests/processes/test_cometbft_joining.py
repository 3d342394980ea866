"""A node that joins a network under CometBFT begins with a snapshot, whoever dies or lies."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.changes import AddMember, ChangeParameter
from ledger.genesis import Genesis
from node.cards import read_card
from node.engines.cometbft.configuration import CometFolder
from node.engines.cometbft.epoch_proofs import SIGNS_AFTER, ProvedEpochs, read_proofs
from node.engines.cometbft.rpc import CometRpc
from node.genesis_file import COMETBFT
from tests.node.cometbft.conftest import cometbft
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import ROOT, Node, must
from tests.processes.quick import Council, make_node, quick_network
from tests.processes.syncing_node import LIES, NEVER, SERVING
from tests.reliability.testbed import ask

__all__ = ["cometbft"]

pytestmark = pytest.mark.process


class JoinedNetwork:
    """Four members with a history, an epoch's end in it, and a fifth territory that joins."""

    def __init__(self, folder: Path) -> None:
        self.network = quick_network(folder, 4, engine=COMETBFT)
        peer, http = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.fifth = Node("Erable", "erable", "ERA", folder / "erable", peer, http)
        self.fifth.folder.mkdir(exist_ok=True)
        self.card = make_node(self.fifth, self.fifth.folder)
        self.pristine = folder / "pristine"
        shutil.copytree(self.fifth.data, self.pristine)
        self.council = Council(self.network)
        self.struck = folder / "struck"
        self._delta_ms = 400

    def start(self, node: Node, step: str = NEVER, *more: str) -> None:
        words = ["join", "--from", self.network.nodes[0].peer] if node is self.fifth else ["start"]
        log = (node.folder / "node.log").open("a")
        node.process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.processes.syncing_node", step, "node", *words,
                "--data", str(node.data), "--genesis", str(self.network.genesis),
                "--passphrase-file", str(self.network.passphrase), *more,
            ],
            cwd=ROOT,
            env={**os.environ, "DEMOCITE_TEST_STRUCK": str(self.struck)},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )  # fmt: skip

    def start_members(self, steps: dict[int, str]) -> None:
        """With the fifth among those whom they admit."""
        for index, node in enumerate(self.network.nodes):
            must("node", "peers", "add", self.card, "--data", node.data)
            self.start(node, steps.get(index, NEVER))
        for node in self.network.nodes:
            self.network._wait_ready(node)

    def join_anew(self, step: str) -> None:
        """As a machine that never ran: with what `node init` left."""
        self.network.kill(self.fifth)
        shutil.rmtree(self.fifth.data)
        shutil.copytree(self.pristine, self.fifth.data)
        self.struck.unlink(missing_ok=True)
        self.start(self.fifth, step)

    def history(self) -> None:
        """Two epochs end, and every member holds a snapshot above that."""
        one = self.network.nodes[0]
        for _ in range(2):
            self.act()
        until(lambda: all(status(node)["epoch"] == 2 for node in self.network.nodes), "two epochs")
        for _ in range(3):
            time.sleep(1.1)  # the next block is of another second
            self.council.propose(one, ChangeParameter("delta_ms", 499))
        until(lambda: all(offers(node) for node in self.network.nodes), "all offer snapshots")

    def act(self) -> None:
        """The council changes a parameter, which ends an epoch."""
        one, two, three, _ = self.network.nodes
        self._delta_ms += 1
        proposal = self.council.propose(one, ChangeParameter("delta_ms", self._delta_ms))
        self.council.agree(proposal, two, three)

    def stop(self) -> None:
        self.network.nodes.append(self.fifth)
        self.network.stop()


def status(node: Node) -> dict[str, object]:
    return ask(f"{node.url}/v1/status") or {}


def offers(node: Node) -> list[int]:
    found = (ask(f"{node.url}/v1/cometbft/snapshots") or {}).get("heights")
    return found if isinstance(found, list) else []


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def said(node: Node) -> str:
    return (node.folder / "node.log").read_text()


@pytest.fixture
def joined(tmp_path: Path, cometbft: Path) -> Iterator[JoinedNetwork]:
    built = JoinedNetwork(tmp_path)
    try:
        yield built
    finally:
        built.stop()


def came_by_snapshot(joined: JoinedNetwork) -> None:
    """It stands where the others stand, its blocks begin above the snapshot, and it serves."""
    fifth, network = joined.fifth, joined.network
    until(lambda: status(fifth).get("ready") is True, said(fifth)[-3_000:])
    told = status(fifth)
    assert int(str(told["first_height"])) > 3
    living = [node for node in network.nodes if node.process and node.process.poll() is None]

    def same() -> bool:
        found = [status(node) for node in (*living, fifth)]
        return len({(one.get("height"), one.get("state_root")) for one in found}) == 1

    until(same, "one root")
    assert told["epoch"] == status(living[0])["epoch"]
    assert not (fifth.data / "store.syncing").exists()
    assert not (fifth.data / "store.synced").exists()
    assert not (fifth.data / "cometbft" / "syncing").exists()


def test_it_joins_by_a_snapshot_and_is_voted_in(joined: JoinedNetwork) -> None:
    network, fifth = joined.network, joined.fifth
    joined.start_members({})
    joined.history()
    joined.start(fifth)
    came_by_snapshot(joined)
    assert status(fifth)["observing"] is True
    one, two, three, four = network.nodes
    card = read_card(joined.card)
    proposal = joined.council.propose(one, AddMember(card.territory))
    joined.council.agree(proposal, two, three)
    until(lambda: status(fifth).get("observing") is False, "it votes")
    # Without its signature those of three out of five would be too few.
    network.kill(four)
    joined.council.propose(one, ChangeParameter("delta_ms", 498))
    turns_are_as_reckoned(joined)
    network.kill(fifth)
    joined.start(four)
    joined.start(fifth)
    came_by_snapshot(joined)
    network.stop()
    network.kill(fifth)
    words = ("node", "verify", "--data", fifth.data, "--genesis", network.genesis, "--json")
    assert int(str(must(*words).json["from_height"])) > 3


def turns_are_as_reckoned(joined: JoinedNetwork) -> None:
    """Whose turn it is, as a member's CometBFT has it, before and after the set changed."""
    one = joined.network.nodes[0]
    proved = ProvedEpochs(Genesis.from_json(joined.network.genesis.read_text("utf-8")))

    def all_proved() -> bool:
        first = proved.newest.number + 1
        url = f"{one.url}/v1/cometbft/epochs?from={first}"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            proved.take(read_proofs(answer.read()))
        return proved.newest.number == 3

    until(all_proved, "every epoch is proved")
    joined.council.propose(joined.network.nodes[1], ChangeParameter("delta_ms", 497))
    signs_from = proved.newest.height + SIGNS_AFTER
    until(lambda: int(str(status(one)["height"])) >= signs_from, "the new set signs")
    socket = CometFolder(one.data / "cometbft").rpc_socket
    heights = range(1, int(str(status(one)["height"])) + 1)

    async def ask_all() -> list[dict[bytes, int]]:
        async with CometRpc(socket) as rpc:
            told = [(await rpc.validators(height))["validators"] for height in heights]
        return [
            {bytes.fromhex(row["address"]): int(row["proposer_priority"]) for row in rows}
            for rows in told
        ]

    told = asyncio.run(ask_all())
    assert {len(each) for each in told} == {4, 5}
    for height, turns in zip(heights, told, strict=True):
        assert proved.priorities(height) == turns, height


STEPS = {
    "ours": (
        "before apply_snapshot_chunk",
        "after info",
        "before commit",
        "after commit",
        "before keep",
    ),
    "theirs": (
        "after offer_snapshot",
        "after apply_snapshot_chunk",
        "before finalize_block",
        "after commit",
    ),
}


@pytest.mark.parametrize("whose", STEPS)
def test_one_side_of_who_joins_is_killed_at_every_step(joined: JoinedNetwork, whose: str) -> None:
    joined.start_members({})
    joined.history()
    for step in STEPS[whose]:
        joined.join_anew(f"{whose} {step}")
        until(joined.struck.exists, f"{step}\n{said(joined.fifth)[-3_000:]}")
        if whose == "ours":
            process = joined.fifth.process
            assert process is not None
            process.wait(PATIENCE_SECONDS)
            joined.start(joined.fifth)
        came_by_snapshot(joined)


def test_who_serves_dies_or_lies(joined: JoinedNetwork) -> None:
    # What is asked over HTTP is asked by name, so the first of all is the liar.
    liar = joined.network.nodes[0]
    joined.start_members({})
    joined.history()
    for step in (SERVING, *(f"lie {lie}" for lie in LIES)):
        joined.network.kill(liar)
        joined.struck.unlink(missing_ok=True)
        joined.start(liar, step)
        joined.network._wait_ready(liar)
        until(lambda: bool(offers(liar)), "it offers what it has")
        joined.struck.unlink(missing_ok=True)
        joined.join_anew(NEVER)
        came_by_snapshot(joined)
        if step == "lie header":  # the others depend on whom CometBFT draws
            assert joined.struck.exists()
            assert "peer_set_aside" in said(joined.fifth)


def test_with_the_full_history_it_fetches_every_block(joined: JoinedNetwork) -> None:
    joined.start_members({})
    joined.history()
    joined.start(joined.fifth, NEVER, "--full-history")
    until(lambda: status(joined.fifth).get("ready") is True, said(joined.fifth)[-3_000:])
    assert status(joined.fifth)["first_height"] == 1
