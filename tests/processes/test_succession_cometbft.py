"""A network under CometBFT loses half of its nodes for good, and goes on under the built-in engine
from what the survivors have on their disks: money, roots and receipts stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.genesis_file import COMETBFT, SIMPLEX
from tests.node.cometbft.conftest import cometbft
from tests.patience import wait_until
from tests.processes.network import Network, Node, democite, must
from tests.processes.quick import quick_network
from tests.processes.test_succession import TownHalls, code, has_block, height_of
from tests.processes.test_wallets import Residents

__all__ = ["cometbft"]

pytestmark = pytest.mark.process


@pytest.fixture
def network(tmp_path: Path, cometbft: Path) -> Iterator[Network]:
    built = quick_network(tmp_path, engine=COMETBFT)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def test_two_of_four_are_gone_for_good(network: Network) -> None:
    residents = Residents(network)
    residents.issue(residents.make("alice"), "1000")
    baker = residents.make("baker", "service")
    paid = residents.run("alice", "pay", baker, "12,50")
    assert paid.code == 0, paid.err
    receipt = network.folder / "receipt.json"
    assert residents.run("baker", "receipt", str(paid.json["id"]), "--out", receipt).code == 0

    survivors, lost = network.nodes[:2], network.nodes[2:]
    for node in lost:
        network.kill(node)
        shutil.rmtree(node.data)
    # More than f are gone: this one can't become final any more.
    unheard = residents.run("alice", "pay", baker, "3", "--no-wait", urls=[survivors[0].url])
    assert (unheard.code, unheard.json["status"]) == (0, "pending"), unheard.err
    network.stop()
    halls = TownHalls(network)
    high = agree(network, halls, survivors, lost)
    go_over(network, halls, high)
    old_genesis, network.genesis = network.genesis, halls.new
    network.start()
    for node in network.nodes:
        told = must("node", "status", "--node", node.url, "--json").json
        assert (told["engine"], told["observing"]) == (SIMPLEX, False)

    for name in ("alice", "baker"):
        assert code(residents.run(name, "balance")) == "network_succeeded"
        followed = residents.run(name, "succeed", "--genesis", halls.new, "--yes")
        assert followed.code == 0, followed.err
    # Before the new network's first block nobody can prove an account to a wallet.
    wait_until(lambda: all(has_block(node) for node in network.nodes), "no first block")
    again = residents.run("alice", "pay", baker, "3", urls=[network.nodes[3].url])
    assert again.code == 0, again.err
    assert (residents.balance("alice"), residents.balance("baker")) == (98_450, 1_550)
    later = network.folder / "receipt-2.json"
    kept = residents.run("baker", "receipt", str(again.json["id"]), "--out", later)
    assert kept.code == 0, kept.err
    assert democite("verify", later, "--genesis", halls.new).code == 0
    # What was paid under CometBFT stays proved, with the genesis of then and no other.
    assert democite("verify", receipt, "--genesis", old_genesis).code == 0
    assert code(democite("verify", receipt, "--genesis", halls.new, "--json")) == (
        "receipt_of_predecessor"
    )
    network.stop()
    for node in network.nodes:
        verified = must("node", "verify", "--data", node.data, "--genesis", halls.new, "--json")
        assert verified.json["currencies"] == {"ARD": 100_000, "BRU": 0, "CAS": 0, "DUN": 0}


def agree(network: Network, halls: TownHalls, survivors: list[Node], lost: list[Node]) -> Node:
    """The lost nodes are made again without a backup; the genesis is drafted and endorsed, each
    survivor holding it against its own disk. Where it was drafted."""
    high = max(survivors, key=height_of)
    cards = [halls.made_anew(node) for node in lost]
    drafted = must(
        "network", "succeed", "draft", "--data", high.data, "--predecessor", network.genesis,
        "--out", halls.draft, *cards, "--json",
    ).json  # fmt: skip
    assert (drafted["kept"], drafted["renewed"]) == (["arden", "brume"], ["cassis", "dune"])
    assert drafted["height"] == height_of(high)
    files = halls.endorsed(survivors[0], *lost)
    finishing = ("network", "succeed", "finish", halls.draft, "--out", halls.new, "--json")
    assert code(democite(*finishing, *files[:2])) == "endorsements_insufficient"
    own = ("--data", high.data, "--predecessor", network.genesis)
    finished = must(*finishing, *own, *files).json
    assert finished["endorsed_by"] == ["arden", "cassis", "dune"]
    assert (finished["state_compared"], finished["state_root"]) == (True, drafted["state_root"])
    return high


def go_over(network: Network, halls: TownHalls, high: Node) -> None:
    """Every node goes over; those that lack the last block with a copy of the store."""
    first = halls.go_over(high)
    assert first.code == 0, first.err
    store = Path(str(first.json["kept"])) / "store"
    assert code(halls.go_over(network.nodes[3])) == "succession_lacks_blocks"
    for node in network.nodes:
        over = halls.go_over(node, "--from", store)
        assert (over.code, over.json["is_news"]) == (0, node is not high), over.err
        # CometBFT's files of the old network are kept beside the rest of it.
        assert not (node.data / "cometbft").exists() and not (node.data / "signed-last").exists()
    assert (store.parent / "cometbft" / "data").is_dir()
