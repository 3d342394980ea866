"""A network under the built-in engine goes over to CometBFT: money, accounts and receipts stay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.genesis_file import COMETBFT
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
    built = quick_network(tmp_path)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def test_another_engine_and_the_wallets_follow(network: Network) -> None:
    residents = Residents(network)
    residents.issue(residents.make("alice"), "1000")
    baker = residents.make("baker", "service")
    paid = residents.run("alice", "pay", baker, "12,50")
    assert paid.code == 0, paid.err
    receipt = network.folder / "receipt.json"
    assert residents.run("baker", "receipt", str(paid.json["id"]), "--out", receipt).code == 0
    network.stop()

    halls, old_genesis = TownHalls(network), network.genesis
    go_over_to_cometbft(network, halls)
    network.genesis = halls.new
    network.start()
    for node in network.nodes:
        told = must("node", "status", "--node", node.url, "--json").json
        assert (told["engine"], told["observing"]) == (COMETBFT, False)

    for name in ("alice", "baker"):
        assert code(residents.run(name, "balance")) == "network_succeeded"
        followed = residents.run(name, "succeed", "--genesis", halls.new, "--yes")
        assert followed.code == 0, followed.err
    # Before the new network's first block nobody can prove an account to a wallet.
    wait_until(lambda: all(has_block(node) for node in network.nodes), "no first block")
    assert (residents.balance("alice"), residents.balance("baker")) == (98_750, 1_250)
    again = residents.run("alice", "pay", baker, "3", urls=[network.nodes[3].url])
    assert again.code == 0, again.err
    assert (residents.balance("alice"), residents.balance("baker")) == (98_450, 1_550)
    later = network.folder / "receipt-2.json"
    kept = residents.run("baker", "receipt", str(again.json["id"]), "--out", later)
    assert kept.code == 0, kept.err
    assert democite("verify", later, "--genesis", halls.new).code == 0
    # What was paid under the other engine stays proved, with the genesis of then.
    assert democite("verify", receipt, "--genesis", old_genesis).code == 0
    network.stop()
    check_data(network, halls)


def go_over_to_cometbft(network: Network, halls: TownHalls) -> None:
    """All nodes are whole: only the engine is another one."""
    high = max(network.nodes, key=height_of)
    drafted = must(
        "network", "succeed", "draft", "--data", high.data, "--predecessor", network.genesis,
        "--out", halls.draft, "--json",
    ).json  # fmt: skip
    assert drafted["kept"] == [node.prefix for node in network.nodes]
    files = halls.endorsed(*network.nodes[:3])
    must(
        "network", "succeed", "finish", halls.draft, "--out", halls.new, "--engine", COMETBFT,
        *files,
    )  # fmt: skip
    first = halls.go_over(high)
    assert first.code == 0, first.err
    store = Path(str(first.json["kept"])) / "store"
    for node in network.nodes:
        over = halls.go_over(node, "--from", store)
        assert over.code == 0, over.err


def check_data(network: Network, halls: TownHalls) -> None:
    """The folders are the new network's, and the old engine is refused there."""
    last: Node = network.nodes[0]
    for node in network.nodes:
        verified = must("node", "verify", "--data", node.data, "--genesis", halls.new, "--json")
        assert verified.json["currencies"] == {"ARD": 100_000, "BRU": 0, "CAS": 0, "DUN": 0}
    # And back again, whenever they want.
    drafted = must(
        "network", "succeed", "draft", "--data", last.data, "--predecessor", halls.new, "--out",
        network.folder / "draft-2.json", "--json",
    ).json  # fmt: skip
    assert drafted["kept"] == [node.prefix for node in network.nodes]
    halls.new.with_name(f"{halls.new.name}.engine").write_text("simplex\n")
    started = democite(
        "node", "start", "--data", last.data, "--genesis", halls.new, "--passphrase-file",
        network.passphrase, "--json",
    )  # fmt: skip
    assert (started.code, code(started)) == (4, "engine_mismatch")
