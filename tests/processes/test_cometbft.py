"""Nodes under CometBFT as operators run them: by `network create --engine` and `node start`."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.changes import ChangeParameter, ChangeRules, PauseMember
from ledger.rules import RULE_VERSION
from node.genesis_file import COMETBFT
from tests.node.cometbft.conftest import cometbft
from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Network, Node, democite, must
from tests.processes.quick import Council, quick_network
from tests.reliability.testbed import ask

__all__ = ["cometbft"]

pytestmark = pytest.mark.process


@pytest.fixture
def network(tmp_path: Path, cometbft: Path) -> Iterator[Network]:
    built = quick_network(tmp_path, rule_version=1, engine=COMETBFT)
    try:
        yield built
    finally:
        built.stop()


def status(node: Node) -> dict[str, object]:
    return must("node", "status", "--node", node.url, "--json").json


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def same(network: Network, count: int) -> bool:
    """Whether all that run hold so many receipts, and stand at one height and root."""
    found = [ask(f"{node.url}/v1/status") for node in network.nodes if node.process is not None]
    states = {(one["height"], one["state_root"]) for one in found if one is not None}
    final = [metric(node, "cometbft_consensus_total_txs") for node in network.nodes if node.process]
    return len(states) == 1 and None not in found and all(one >= count for one in final)


def metric(node: Node, name: str) -> float:
    import urllib.request

    with urllib.request.urlopen(f"{node.url}/metrics", timeout=PATIENCE_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), -1.0)


def comet_pids(node: Node) -> list[int]:
    """Of this node's `cometbft`."""
    home = str(node.data / "cometbft")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] and words[0].endswith(b"cometbft") and home.encode() in words:
                found.append(int(entry.name))
    return found


def test_members_vote_while_nodes_and_their_engines_are_killed(network: Network) -> None:
    network.start()
    told = status(network.nodes[0])
    assert (told["engine"], told["ready"]) == (COMETBFT, True)
    until(lambda: status(network.nodes[0])["peers"] == 3, "all are connected")
    council, (one, two, three, four) = Council(network), network.nodes

    proposal = council.propose(one, ChangeRules(RULE_VERSION))
    council.agree(proposal, two, three)
    until(lambda: status(one)["rule_version"] == RULE_VERSION, "the rules hold")
    until(lambda: same(network, 3), "all have them")

    # The engine alone dies: the node starts another one.
    (pid,) = comet_pids(two)
    os.kill(pid, signal.SIGKILL)
    proposal = council.propose(one, ChangeParameter("delta_ms", 400))
    council.agree(proposal, three, four)
    until(lambda: comet_pids(two) not in ([], [pid]), "another one runs")
    until(lambda: same(network, 6), "it came back")

    # The node dies with it, and is away for a while.
    network.kill(four)
    until(lambda: not comet_pids(four), "its engine does not outlive it")
    proposal = council.propose(two, PauseMember(four.prefix))
    council.agree(proposal, one, three)
    network.start(four)
    until(lambda: same(network, 9), "it caught up")
    until(lambda: status(four)["observing"] is True, "it is told that it is paused")
    for node in network.nodes:
        sets = must_get_sets(node)
        assert sets, node.prefix
    network.stop()
    for node in network.nodes:
        assert not comet_pids(node)
        words = ("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
        found = must(*words).json
        assert (found["transactions"], found["certificates"]) == (9, 0)
        assert int(str(found["signatures"])) == 18


def must_get_sets(node: Node) -> bytes:
    """What wallets follow, once the change is proved there."""
    import urllib.request

    found = b"\x90"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found == b"\x90":
        assert time.monotonic() < deadline, node.prefix
        with urllib.request.urlopen(f"{node.url}/v1/sets?above=0", timeout=60) as answer:
            found = answer.read()
    return found


def test_what_it_does_not_begin_with(tmp_path: Path, cometbft: Path) -> None:
    network = quick_network(tmp_path, 1, engine=COMETBFT)
    (node,) = network.nodes
    try:
        network.start()
    finally:
        network.stop()
    words = (
        "node", "start", "--data", node.data, "--genesis", network.genesis, "--passphrase-file",
        network.passphrase, "--json",
    )  # fmt: skip
    beside = network.genesis.with_name("genesis.json.engine")
    beside.write_text("simplex\n")
    refused = democite(*words)
    assert (refused.code, json.loads(refused.out)["error"]["code"]) == (4, "engine_mismatch")
    beside.write_text("cometbft\n")
    record = node.data / "signed-last"
    record.write_bytes(record.read_bytes()[:-1])
    refused = democite(*words)
    assert json.loads(refused.out)["error"]["code"] == "signer_state_malformed"
    (node.data / "keys" / "cometbft.json").unlink()
    refused = democite(*words)
    assert (refused.code, json.loads(refused.out)["error"]["code"]) == (2, "engine_keys_missing")


def test_wallets_pay_and_hold_receipts_that_verify_alone(network: Network) -> None:
    """The commands of a town hall and of two residents, as under the other engine."""
    network.start()
    hall = network.nodes[0]
    shared: tuple[str | Path, ...] = (
        "--genesis",
        network.genesis,
        "--passphrase-file",
        network.passphrase,
    )
    nodes: list[str | Path] = [word for node in network.nodes for word in ("--node", node.url)]
    wallets, addresses = list[Path](), list[str]()
    for name in ("anne", "bruno"):
        wallet = network.folder / f"{name}.json"
        made = must(
            "wallet", "init", "--territory", hall.prefix, "--wallet", wallet, *shared, "--json"
        ).json
        must(
            "office", "account", "open", str(made["account_request"]), "--keystore",
            hall.staff_keystore, *shared, "--node", hall.url,
        )  # fmt: skip
        wallets.append(wallet)
        addresses.append(str(made["address"]))
    must(
        "office", "reserve", "issue", addresses[0], "100", "--keystore", hall.issuer_keystore,
        *shared, "--node", hall.url,
    )  # fmt: skip
    anne, bruno = (("--wallet", wallet, *shared, *nodes) for wallet in wallets)
    paid = must("wallet", "pay", addresses[1], "12.50", *anne, "--json").json
    assert paid["status"] == "final"
    told: dict[str, object] = {}

    def has_come() -> bool:
        """The node that his wallet asks may be a block behind the one that answered hers."""
        told.update(must("wallet", "balance", *bruno, "--json").json)
        return told["balance_minor"] == 1_250

    until(has_come, "the payment is seen")
    assert told["members"] == 4
    assert int(str(told["vouched_by"])) >= 3
    receipt = network.folder / "receipt.json"
    must("wallet", "receipt", str(paid["id"]), "--out", receipt, *anne)
    network.stop()
    must("verify", receipt, "--genesis", network.genesis)
    # One figure of the amount is another: whoever looks at it sees that.
    content = json.loads(receipt.read_text("utf-8"))
    receipt.write_text(json.dumps(altered(content)), "utf-8")
    assert democite("verify", receipt, "--genesis", network.genesis).code != 0


def altered(content: dict[str, object]) -> dict[str, object]:
    """The same receipt with one bit of its longest part turned."""
    texts = {name: text for name, text in content.items() if isinstance(text, str)}
    name = max(texts, key=lambda each: len(texts[each]))
    text = texts[name]
    middle = len(text) // 2
    other = "0" if text[middle] != "0" else "1"
    return {**content, name: text[:middle] + other + text[middle + 1 :]}
