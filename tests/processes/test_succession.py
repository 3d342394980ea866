"""Two of four disks are gone: town halls found the network anew, wallets are asked and go on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import wait_until
from tests.processes.network import Done, Network, Node, create_network, democite, must
from tests.processes.test_wallets import Residents
from tests.reliability.testbed import ask
from wallet.folder import WalletFolder

pytestmark = pytest.mark.process


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    built = create_network(tmp_path)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def code(done: Done) -> object:
    """A failure's code."""
    error = done.json["error"]
    assert isinstance(error, dict), done.out
    return error["code"]


def height_of(node: Node) -> int:
    """The newest final height in a stopped node's data."""
    return int(str(must("node", "verify", "--data", node.data, "--json").json["height"]))


class TownHalls:
    """What the four town halls do, by the commands of the runbook."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.new = network.folder / "genesis-2.json"
        self.draft = network.folder / "draft.json"

    def made_anew(self, node: Node) -> Path:
        """A node without a backup is made again, with keys that nobody knows; its card."""
        card = node.folder / "card-2.json"
        must(
            "node", "init", "--data", node.data, "--name", node.name, "--prefix", node.prefix,
            "--currency", node.currency, "--peer", node.peer, "--http", node.http, "--card", card,
            "--recovery-out", node.folder / "recovery-2.json", "--passphrase-file",
            self.network.passphrase,
        )  # fmt: skip
        return card

    def endorsed(self, *nodes: Node) -> list[Path]:
        """These territories' recovery keys sign the draft."""
        files = []
        for node in nodes:
            files.append(node.folder / "endorsement.json")
            must(
                "network", "succeed", "endorse", self.draft, "--keystore",
                node.folder / "recovery.json", "--out", files[-1], "--yes", "--passphrase-file",
                self.network.passphrase,
            )  # fmt: skip
        return files

    def go_over(self, node: Node, *words: str | Path) -> Done:
        """`node succeed`."""
        return democite(
            "node", "succeed", "--data", node.data, "--genesis", self.new, "--predecessor",
            self.network.genesis, *words, "--json",
        )  # fmt: skip


def test_two_of_four_disks_are_gone(network: Network) -> None:
    residents = Residents(network)
    residents.issue(residents.make("alice"), "1000")
    baker = residents.make("baker", "service")
    paid = residents.run("alice", "pay", baker, "12,50")
    assert paid.code == 0, paid.err
    receipt = network.folder / "receipt.json"
    assert residents.run("baker", "receipt", str(paid.json["id"]), "--out", receipt).code == 0

    backup = lose_two_disks(network)
    # A quorum is gone: this one can't become final any more.
    unheard = residents.run("alice", "pay", baker, "3", "--no-wait", urls=[network.nodes[0].url])
    assert (unheard.code, unheard.json["status"]) == (0, "pending"), unheard.err
    network.stop()
    halls = TownHalls(network)
    source = agree(network, halls, backup)
    go_over_all(network, halls, source)
    old_genesis, network.genesis = network.genesis, halls.new
    network.start()

    follow_when_asked(residents, halls, baker)
    give_the_new_node_its_place(network, halls)
    # What was paid in the old network stays proved, with its genesis.
    assert code(democite("verify", receipt, "--genesis", halls.new, "--json")) == (
        "receipt_of_predecessor"
    )
    assert democite("verify", receipt, "--genesis", old_genesis).code == 0
    network.stop()
    for node in network.nodes:
        verified = must("node", "verify", "--data", node.data, "--genesis", halls.new, "--json")
        assert verified.json["currencies"] == {"ARD": 100_000, "BRU": 0, "CAS": 0, "DUN": 0}


def lose_two_disks(network: Network) -> Path:
    """Cassis and Dune lose theirs; only Cassis has a backup, which this is."""
    _, _, cassis, dune = network.nodes
    backup = network.folder / "cassis.sealed"
    must(
        "node", "backup", "create", "--data", cassis.data, "--out", backup, "--passphrase-file",
        network.passphrase,
    )  # fmt: skip
    for node in (cassis, dune):
        network.kill(node)
        shutil.rmtree(node.data)
    return backup


def agree(network: Network, halls: TownHalls, backup: Path) -> Node:
    """Two nodes are made again, the new genesis is drafted and endorsed; where it was drafted."""
    arden, brume, cassis, dune = network.nodes
    high = max((arden, brume), key=height_of)
    must(
        "node", "backup", "restore", backup, "--data", cassis.data, "--passphrase-file",
        network.passphrase,
    )  # fmt: skip
    drafted = must(
        "network", "succeed", "draft", "--data", high.data, "--predecessor", network.genesis,
        "--out", halls.draft, halls.made_anew(dune), "--json",
    ).json  # fmt: skip
    assert (drafted["kept"], drafted["renewed"]) == (["arden", "brume", "cassis"], ["dune"])
    finishing = ("network", "succeed", "finish", halls.draft, "--out", halls.new, "--json")
    # The key that decides for a lost disk is the one that was kept elsewhere.
    files = halls.endorsed(arden, brume, dune)
    assert code(democite(*finishing, *files[:2])) == "endorsements_insufficient"
    assert must(*finishing, *files).json["endorsed_by"] == ["arden", "brume", "dune"]
    return high


def go_over_all(network: Network, halls: TownHalls, source: Node) -> None:
    """Every node goes over to the new network; those that lack the last block with a copy."""
    first = halls.go_over(source)
    assert first.code == 0, first.err
    store = Path(str(first.json["kept"])) / "store"
    assert code(halls.go_over(network.nodes[2])) == "succession_lacks_blocks"
    for node in network.nodes:
        over = halls.go_over(node, "--from", store)
        assert (over.code, over.json["is_news"]) == (0, node is not source), over.err


def follow_when_asked(residents: Residents, halls: TownHalls, baker: str) -> None:
    """A wallet never follows by itself, neither a node nor a file; asked, it pays on."""
    assert code(residents.run("alice", "balance")) == "network_succeeded"
    assert code(residents.run("alice", "balance", "--genesis", halls.new)) == "network_succeeded"
    unasked = residents.run("alice", "succeed", "--genesis", halls.new)
    assert (unasked.code, code(unasked)) == (2, "confirmation_missing")
    assert "arden, brume, dune (3/4)" in unasked.err
    followed = residents.run("alice", "succeed", "--genesis", halls.new, "--yes")
    assert followed.code == 0, followed.err
    told = followed.err
    if followed.json["outcomes"] == []:
        # Before the first block nobody can prove anything: what became of the payment stays open,
        # and the next command that has an answer says it.
        assert waiting(residents, "alice")
        wait_until(lambda: all(has_block(node) for node in halls.network.nodes), "no first block")
        asked = residents.run("alice", "balance")
        assert asked.code == 0, asked.err
        told = asked.err
    else:
        assert followed.json["outcomes"] == ["absent"]
    assert "[payment_of_predecessor]" in told
    assert not waiting(residents, "alice")
    assert residents.run("baker", "succeed", "--genesis", halls.new, "--yes").code == 0
    assert (residents.balance("alice"), residents.balance("baker")) == (98_750, 1_250)
    again = residents.run("alice", "pay", baker, "3", urls=[halls.network.nodes[3].url])
    assert again.code == 0, again.err
    assert (residents.balance("alice"), residents.balance("baker")) == (98_450, 1_550)


def waiting(residents: Residents, name: str) -> list[Path]:
    """What of a wallet's outbox has no outcome that it was told."""
    wallet = residents.network.folder / f"{name}.json"
    return list((WalletFolder(wallet).outbox_folder / "pending").glob("*.json"))


def has_block(node: Node) -> bool:
    """Whether the new network has a final block at this node, which a wallet can check."""
    return ask(f"{node.url}/v1/headers/latest") is not None


def give_the_new_node_its_place(network: Network, halls: TownHalls) -> None:
    """The town hall that made its node anew has it countersign again, with the key it had kept."""
    dune = network.nodes[3]
    before = json.loads((dune.folder / "card.json").read_text())["node_key"]
    after = json.loads((dune.folder / "card-2.json").read_text())["node_key"]
    must(
        "office", "keys", "replace", before, after, "--keystore", dune.folder / "recovery.json",
        "--genesis", halls.new, "--node", dune.url, "--passphrase-file", network.passphrase,
    )  # fmt: skip
