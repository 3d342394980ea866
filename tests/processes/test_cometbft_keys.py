"""A voting key for CometBFT is renewed on a running network, and gives a node that was restored
from a backup its vote back. Nodes are killed on the way, and no file is touched by hand."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.cometbft.certified import read_set_changes
from ledger.changes import ChangeParameter
from ledger.genesis import Genesis
from node.data_folder import SIGNED_LAST_FILE
from node.genesis_file import COMETBFT
from tests.node.cometbft.conftest import cometbft
from tests.patience import wait_until
from tests.processes.network import Network, Node, democite, must
from tests.processes.quick import Council, quick_network
from tests.processes.test_cometbft import metric, must_get_sets
from tests.processes.test_cometbft_life import follows, height, roots, status, verified

__all__ = ["cometbft"]

pytestmark = pytest.mark.process


@pytest.fixture
def network(tmp_path: Path, cometbft: Path) -> Iterator[Network]:
    built = quick_network(tmp_path, engine=COMETBFT, figures=["heartbeat_ms=2000"])
    try:
        built.start()
        # Before a first block nothing is proved.
        wait_until(lambda: all(height(node) > 0 for node in built.nodes), "no block")
        yield built
    finally:
        built.stop()


def own(network: Network, node: Node, *words: str | Path) -> dict[str, object]:
    """A command about a node's own keys."""
    sealed = ("--passphrase-file", network.passphrase)
    return must("node", "keys", *words, "--data", node.data, *sealed, "--json").json


def renew(network: Network, node: Node, *words: str) -> tuple[str, Path]:
    """The new key and its card."""
    card = node.folder / "renewed.card"
    card.unlink(missing_ok=True)
    made = own(network, node, "renew", "cometbft", "--card", card, *words)
    return str(made["cometbft"]), card


def propose(network: Network, node: Node, card: Path) -> str:
    """The town hall has the card's keys voted on, at its own node."""
    done = must(
        "network", "propose", "keys", card, "--keystore", node.folder / "recovery-staff-1.json",
        "--keystore", node.folder / "recovery-staff-2.json", "--passphrase-file",
        network.passphrase, "--genesis", network.genesis, "--node", node.url, "--json",
    ).json  # fmt: skip
    return str(done["proposal"])


def goes_on(council: Council, node: Node, figure: int) -> None:
    """Something becomes final."""
    council.propose(node, ChangeParameter("delta_ms", figure))


def records(node: Node) -> list[str]:
    return sorted(path.name for path in node.data.glob(f"{SIGNED_LAST_FILE}*"))


def assert_whole(network: Network) -> None:
    """All stand at one height and root; then they stop, and what they hold is verified."""
    network.settle()
    assert len(roots(*network.nodes)) == 1
    network.stop()
    assert len({str(verified(network, node)["transactions"]) for node in network.nodes}) == 1


def test_a_key_is_renewed_and_the_node_killed_on_the_way(network: Network) -> None:
    council, (one, two, three, four) = Council(network), network.nodes
    before = own(network, one)
    new, card = renew(network, one)
    assert own(network, one)["next_cometbft"] == new
    assert len(records(one)) == 2, "its record is made with it"
    again = democite(
        "node", "keys", "renew", "cometbft", "--data", one.data, "--card", one.folder / "other",
        "--passphrase-file", network.passphrase, "--json",
    )  # fmt: skip
    assert again.json["error"]["code"] == "key_pending"  # type: ignore[index]
    proposal = propose(network, one, card)
    council.agree(proposal, two, three)
    # At once, whatever was done by then: the chain says which key counts.
    network.kill(one)
    network.start(one)
    wait_until(lambda: own(network, one)["cometbft"] == new, "the new key is not taken")
    shown = own(network, one)
    assert "next_cometbft" not in shown
    assert {name: key for name, key in shown.items() if name != "cometbft"} == {
        name: key for name, key in before.items() if name != "cometbft"
    }
    assert len(records(one)) == 1 and SIGNED_LAST_FILE not in records(one)
    (change,) = read_set_changes(must_get_sets(two))
    keys = {each.public_key.hex() for each in change.following.validators}
    assert new in keys and before["cometbft"] not in keys and len(keys) == 4

    # With another away, nothing becomes final without the new key.
    network.kill(four)
    goes_on(council, two, 410)
    network.kill(one)
    network.start(one)
    goes_on(council, one, 420)
    assert status(one)["observing"] is False
    network.start(four)
    wait_until(lambda: follows(four, one))
    # And the next renewal begins where this one ended.
    newest, card = renew(network, one)
    council.agree(propose(network, one, card), two, three)
    wait_until(lambda: own(network, one)["cometbft"] == newest, "the newest key is not taken")
    # The key that names it among its peers takes the other's place, too, without a start.
    card = one.folder / "renewed-voting.card"
    voting = own(network, one, "renew", "voting", "--card", card)["voting"]
    council.agree(propose(network, one, card), two, three)
    wait_until(lambda: own(network, one)["voting"] == voting, "the name is not taken")
    wait_until(lambda: status(two)["peers"] == 3, "it does not come back under its new name")
    wait_until(lambda: status(one)["peers"] == 3, "nor do the others come to it")
    network.kill(four)
    goes_on(council, three, 430)
    network.start(four)
    assert_whole(network)


def test_a_restored_node_gets_its_vote_back(network: Network) -> None:
    council, (one, two, three, four) = Council(network), network.nodes
    goes_on(council, one, 410)
    backup = network.folder / "two.backup"
    sealed = ("--passphrase-file", network.passphrase)
    must("node", "backup", "create", "--data", two.data, "--out", backup, *sealed)
    network.kill(two)
    shutil.rmtree(two.data)
    goes_on(council, one, 420)
    must("node", "backup", "restore", backup, "--data", two.data, *sealed)

    # It comes back without a vote: it follows, and signs nothing with the key that forgot.
    network.start(two)
    wait_until(lambda: follows(two, one), "it follows")
    told = status(two)
    assert told["observing"] is True and "keys renew cometbft" in str(told["observing_reason"])
    goes_on(council, three, 430)
    wait_until(lambda: follows(two, three))
    network.kill(two)
    network.start(two)
    assert status(two)["observing"] is True, "nor after another start"
    assert metric(two, "democite_signatures_withheld_total") == 0, "it is not even asked"

    new, card = renew(network, two)
    network.kill(two)
    network.start(two)
    council.agree(propose(network, two, card), one, three)
    wait_until(lambda: status(two)["observing"] is False, "it has its vote")
    wait_until(lambda: own(network, two)["cometbft"] == new)
    network.kill(four)
    goes_on(council, one, 440)
    network.start(four)
    assert_whole(network)
    genesis = Genesis.from_json(network.genesis.read_text("utf-8"))
    old = {t.prefix: t.cometbft_key for t in genesis.territories}[two.prefix]
    assert old is not None and own(network, two)["cometbft"] != old.hex()
