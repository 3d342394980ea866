"""What keeps a node from starting, and what it does with a journal that is gone."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import wait_until
from tests.processes.network import Network, Node, create_network, democite, must

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = create_network(tmp_path_factory.mktemp("starting"))
    try:
        yield built
    finally:
        built.stop()


def start_words(network: Network, node: Node) -> list[str | Path]:
    return [
        "node", "start", "--data", node.data, "--genesis", network.genesis, "--passphrase-file",
        network.passphrase,
    ]  # fmt: skip


def status(node: Node) -> dict[str, object]:
    return must("node", "status", "--node", node.url, "--json").json


def wait_for_height(node: Node, height: int) -> dict[str, object]:
    found: dict[str, object] = {}

    def is_there() -> bool:
        found.update(status(node))
        return int(str(found["height"])) >= height

    wait_until(is_there, lambda: f"{node.prefix} stays at {found}", pause_seconds=0.5)
    return found


def some_blocks(network: Network) -> int:
    """Have an account opened; the height after that."""
    home = network.nodes[0]
    wallet = network.folder / f"someone{time.time_ns()}.json"
    made = must(
        "wallet", "init", "--territory", home.prefix, "--genesis", network.genesis, "--wallet",
        wallet, "--passphrase-file", network.passphrase, "--json",
    ).json  # fmt: skip
    must(
        "office", "account", "open", str(made["account_request"]), "--keystore",
        home.staff_keystore, "--genesis", network.genesis, "--passphrase-file",
        network.passphrase, "--node", home.url,
    )  # fmt: skip
    return int(str(status(home)["height"]))


def test_a_wrong_passphrase(network: Network, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not this one\n")
    words = start_words(network, network.nodes[0])
    words[-1] = wrong
    done = democite(*words)
    assert done.code == 5
    assert "error[passphrase_wrong]" in done.err
    assert "hint:" in done.err


def test_the_data_folder_of_another_network(network: Network, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    cards = [node.folder / "card.json" for node in network.nodes[:3]]
    network.start()
    must("network", "create", "--out", other, *cards)
    network.stop()
    words = start_words(network, network.nodes[0])
    words[words.index("--genesis") + 1] = other
    done = democite(*words)
    assert done.code == 2
    assert "error[data_of_other_network]" in done.err


def test_a_port_in_use_and_a_folder_in_use(network: Network, tmp_path: Path) -> None:
    network.start()
    done = democite(*start_words(network, network.nodes[0]))
    assert done.code == 2
    assert "error[data_in_use]" in done.err
    copy = tmp_path / "copy"
    shutil.copytree(network.nodes[0].data, copy)
    words = start_words(network, network.nodes[0])
    words[words.index("--data") + 1] = copy
    done = democite(*words)
    assert done.code == 3
    assert "error[port_in_use]" in done.err
    network.stop()


def test_a_node_is_made_whole_or_not_at_all(network: Network, tmp_path: Path) -> None:
    home = network.nodes[0]
    words: list[str | Path] = [
        "node", "init", "--data", tmp_path / "data", "--name", "Arden", "--prefix", "X!",
        "--currency", "ARD", "--peer", home.peer, "--http", home.http, "--card",
        tmp_path / "card", "--recovery-out", tmp_path / "recovery.json", "--passphrase-file",
        network.passphrase,
    ]  # fmt: skip
    done = democite(*words)
    assert done.code == 4
    assert "error[genesis_invalid]" in done.err
    assert list(tmp_path.iterdir()) == []
    again: list[str | Path] = [home.data if word == tmp_path / "data" else word for word in words]
    done = democite(*again)
    assert done.code == 2
    assert "error[file_exists]" in done.err


def test_a_card_that_was_altered(network: Network, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    text = (network.nodes[0].folder / "card.json").read_text()
    card.write_text(text.replace('"Arden"', '"Ardem"'))
    done = democite("network", "create", "--out", tmp_path / "genesis", card)
    assert done.code == 4
    assert "error[signature_invalid]" in done.err
    assert not (tmp_path / "genesis").exists()


def test_a_damaged_journal_is_not_used(network: Network) -> None:
    network.start()
    some_blocks(network)
    victim = network.nodes[2]
    network.stop()
    log = sorted((victim.data / "journal").glob("*.log"))[0]
    raw = bytearray(log.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    log.write_bytes(raw)
    done = democite(*start_words(network, victim))
    assert done.code == 2
    assert "error[journal_corrupt]" in done.err
    raw[len(raw) // 2] ^= 0xFF
    log.write_bytes(raw)
    network.start()
    assert wait_for_height(victim, some_blocks(network))["observing"] is False
    network.stop()


def test_a_node_that_was_away_from_the_beginning_catches_up(network: Network) -> None:
    late = network.nodes[1]
    network.start(network.nodes[0], *network.nodes[2:])
    for _ in range(3):
        height = some_blocks(network)
    network.start(late)
    found = wait_for_height(late, height)
    assert found["observing"] is False
    network.stop()


def test_a_node_whose_journal_is_gone_follows_and_never_votes(network: Network) -> None:
    # The last test of this network: from here on one of four does not vote any more.
    network.start()
    some_blocks(network)
    victim = network.nodes[3]
    network.kill(victim)
    shutil.rmtree(victim.data / "journal")
    network.start(victim)
    height = some_blocks(network)
    found = wait_for_height(victim, height)
    assert found["observing"] is True
    network.stop()
