"""The life of a network under CometBFT: a member more, an observer, blocks that grow old, a disk
that is lost. By the commands of the runbook, on processes that run."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.changes import AddMember, ChangeParameter
from node.cards import read_card
from node.genesis_file import COMETBFT
from tests.node.cometbft.conftest import cometbft
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.ports import free_ports
from tests.processes.network import Network, Node, must, start_forked
from tests.processes.quick import Council, make_node, quick_network
from tests.reliability.testbed import ask

__all__ = ["cometbft"]

pytestmark = pytest.mark.process

FIGURES = (
    "heartbeat_ms=1000",
    "refund_days_max=1",
    "valid_for_ms_max=7200000",
    "valid_for_cosigned_ms_max=7200000",
)


@pytest.fixture
def network(tmp_path: Path, cometbft: Path) -> Iterator[Network]:
    built = quick_network(tmp_path, engine=COMETBFT, figures=FIGURES)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def status(node: Node) -> dict[str, object]:
    """What `node status` says."""
    return must("node", "status", "--node", node.url, "--json").json


def height(node: Node) -> int:
    """0 where it does not answer."""
    return int(str((ask(f"{node.url}/v1/status") or {}).get("height", 0)))


def another(network: Network, name: str, currency: str) -> Node:
    """A town hall that is not in the genesis, made by `node init`."""
    peer, http = (f"127.0.0.1:{port}" for port in free_ports(2))
    prefix = name.lower()
    node = Node(name, prefix, currency, network.folder / prefix, peer, http)
    make_node(node, node.folder)
    return node


def join(network: Network, node: Node, at: Node) -> None:
    """`node join`, which goes on as the node."""
    node.process = start_forked(
        node, "node", "join", "--data", node.data, "--genesis", network.genesis, "--from", at.peer,
        "--passphrase-file", network.passphrase,
    )  # fmt: skip


def follows(node: Node, other: Node) -> bool:
    """Whether it stands where the other stood a moment ago, with the same header there."""
    at = height(other)
    if at == 0 or height(node) < at:
        return False
    mine, theirs = (ask(f"{one.url}/v1/headers/{at}") for one in (node, other))
    return mine is not None and theirs is not None and mine["header"] == theirs["header"]


def decide(council: Council, network: Network, figure: int, *voters: Node) -> None:
    """A vote, and that it holds where the first of them is."""
    proposal = council.propose(voters[0], ChangeParameter("delta_ms", figure))
    council.agree(proposal, *voters[1:])

    def holds() -> bool:
        epoch = (ask(f"{voters[0].url}/v1/status") or {}).get("epoch")
        told = (ask(f"{voters[0].url}/v1/epochs/{epoch}") or {}).get("parameters")
        return isinstance(told, dict) and told["delta_ms"] == figure

    wait_until(holds, f"{figure} does not come into force")


def roots(*nodes: Node) -> set[object]:
    """The state roots of nodes that stand still at one height."""
    return {(ask(f"{node.url}/v1/status") or {}).get("state_root") for node in nodes}


def verified(network: Network, node: Node) -> dict[str, object]:
    """What `node verify` says of a node that stopped."""
    words = ("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
    return must(*words).json


def test_a_member_joins_and_its_vote_counts(network: Network) -> None:
    council, (one, two, three, four) = Council(network), network.nodes
    decide(council, network, 400, one, two, three)
    elan = another(network, "Elan", "ELA")
    card = read_card(elan.folder / "card.json").territory
    council.agree(council.propose(one, AddMember(card)), two, three)
    wait_until(lambda: status(two)["members"] == 5, "five are members")

    join(network, elan, one)
    network.nodes.append(elan)
    wait_until(lambda: follows(elan, one), "it follows")
    wait_until(lambda: status(elan)["observing"] is False, "it has a vote")
    wait_until(lambda: status(one)["peers"] == 4, "the others know it")

    # With one of five away, nothing becomes final without the newcomer.
    network.kill(four)
    proposal = council.propose(one, ChangeParameter("delta_ms", 450))
    wait_until(lambda: follows(elan, one))
    # It stops and starts as any other; until it is back nothing goes on.
    assert elan.process is not None
    elan.process.send_signal(signal.SIGTERM)
    elan.process.wait(PATIENCE_SECONDS)
    network.start(elan)
    council.agree(proposal, two, three)
    vote(network, elan, proposal)
    network.start(four)
    wait_until(lambda: follows(four, elan))
    network.settle()
    assert len(roots(*network.nodes)) == 1
    network.stop()
    assert {verified(network, node)["transactions"] for node in network.nodes} == {10}


def vote(network: Network, node: Node, proposal: str) -> None:
    """Its staff say yes, by the command."""
    must(
        "network", "vote", proposal, "yes", "--keystore", node.folder / "recovery-staff-1.json",
        "--keystore", node.folder / "recovery-staff-2.json", "--passphrase-file",
        network.passphrase, "--card", node.folder / "card.json", "--genesis", network.genesis,
        "--node", node.url,
    )  # fmt: skip


def test_an_observer_comes_in_by_its_card(network: Network) -> None:
    one, two, *_ = network.nodes
    council = Council(network)
    fjord = another(network, "Fjord", "FJO")
    network.nodes.append(fjord)
    join(network, fjord, one)
    wait_until(lambda: ask(f"{fjord.url}/v1/status") is not None, "it answers")
    decide(council, network, 400, *network.nodes[:3])
    assert height(fjord) == 0, "nobody has let it in"
    must("node", "peers", "add", fjord.folder / "card.json", "--data", one.data)
    wait_until(lambda: follows(fjord, one), "it follows")
    told = status(fjord)
    assert (told["observing"], told["members"]) == (True, 4)
    decide(council, network, 450, *network.nodes[:3])
    wait_until(lambda: follows(fjord, two), "it goes on")
    peers = status(one)["peer_details"]
    assert isinstance(peers, list)
    assert [each["prefix"] for each in peers if each["observer"]] == ["fjord"], peers
    listed = must("node", "peers", "list", "--data", one.data, "--json").json["observers"]
    assert isinstance(listed, list) and [row["prefix"] for row in listed] == ["fjord"]
    network.settle()
    assert len(roots(*network.nodes)) == 1
    # Who is dismissed is disconnected, and comes no farther.
    must("node", "peers", "remove", "fjord", "--data", one.data)
    wait_until(lambda: status(fjord)["peers"] == 0, "it stays connected")
    reached = height(fjord)
    decide(council, network, 500, *network.nodes[:3])
    assert height(fjord) == reached
    network.stop()
    assert int(str(verified(network, fjord)["height"])) == reached


def test_old_blocks_go_on_both_sides(network: Network) -> None:
    one, *others = network.nodes
    assert one.process is not None
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(PATIENCE_SECONDS)
    words = (
        sys.executable, "-m", "tests.processes.hasty_node", "node", "start", "--data", one.data,
        "--genesis", network.genesis, "--passphrase-file", network.passphrase,
    )  # fmt: skip
    with (one.folder / "hasty.log").open("w") as log:
        one.process = subprocess.Popen([*map(str, words)], stdout=log, stderr=log)
    kept = must("node", "keep", "--data", one.data, "--days", "60", "--json").json
    assert kept["days"] == 60
    wait_until(lambda: first_height(one) > 3, "nothing goes")
    first = first_height(one)

    def earliest() -> int:
        return int(comet_status(one)["earliest_block_height"])

    wait_until(lambda: earliest() >= first, "CometBFT keeps what we removed")
    assert status(one)["keep_days"] == 60
    assert ask(f"{one.url}/v1/headers/1") is None
    assert ask(f"{others[0].url}/v1/headers/1") is not None
    assert int(comet_status(others[0])["earliest_block_height"]) == 1
    network.stop()
    found = verified(network, one)
    assert int(str(found["from_height"])) > 3 and found["certificates"] == 0
    assert found["currencies"] == verified(network, others[0])["currencies"]


def first_height(node: Node) -> int:
    """Of the blocks that it keeps; 0 where it does not answer."""
    return int(str((ask(f"{node.url}/v1/status") or {}).get("first_height", 0)))


def comet_status(node: Node) -> dict[str, str]:
    """What its CometBFT says of its own blocks, over the socket that only the node has."""
    from node.engines.cometbft.configuration import CometFolder

    socket = CometFolder(node.data / "cometbft").rpc_socket
    answer = subprocess.run(
        ["curl", "-s", "--unix-socket", str(socket), "http://cometbft/status"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    found = json.loads(answer)["result"]["sync_info"]
    assert isinstance(found, dict)
    return found
