"""A running network of four: one node gets new keys of every kind and another passphrase, payments
go on before, meanwhile and after, and no file is touched by hand."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS, wait_until
from tests.processes.network import Done, Network, Node, create_network, democite

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = create_network(tmp_path_factory.mktemp("network"), parameters=["heartbeat_ms=2000"])
    try:
        built.start()
        yield built
    finally:
        built.stop()


def done(network: Network, *words: str | Path, at: Node | None = None) -> Done:
    """A command that needs a node, with `--json`; it must succeed."""
    url = (at or network.nodes[0]).url
    found = democite(
        *words, "--genesis", network.genesis, "--passphrase-file", network.passphrase,
        "--node", url, "--json",
    )  # fmt: skip
    assert found.code == 0, found.err
    return found


def signed(node: Node, *names: str) -> list[str | Path]:
    """The options that name keystores of a territory."""
    return [word for name in names for word in ("--keystore", node.folder / f"{name}.json")]


def own(network: Network, *words: str | Path) -> Done:
    """A command about the first node's own keys, while it runs."""
    data = network.nodes[0].data
    found = democite(
        "node", "keys", *words, "--data", data, "--passphrase-file", network.passphrase, "--json"
    )
    assert found.code == 0, found.err
    return found


def wallet(network: Network, name: str, *words: str | Path, at: Node | None = None) -> Done:
    return done(network, "wallet", *words, "--wallet", network.folder / f"{name}.json", at=at)


def countersign(network: Network) -> None:
    """The node's new key countersigns, and the town hall's client knows it."""
    home, staff = network.nodes[0], ("recovery-staff-1", "recovery-staff-2")
    programmes = network.folder / "programmes.csv"
    programmes.write_text(
        "programme;title;budget;from;to\nGARDEN;Garden;50,00;2026-01-01;2027-12-31\n"
    )
    done(network, "office", "programme", "import", programmes, *signed(home, staff[0]))
    opened = done(
        network, "office", "programme", "open", "GARDEN", "--yes", *signed(home, *staff)
    ).json["operations"]
    assert isinstance(opened, list) and opened[0]["state"] == "final"


def start_with_another_passphrase(network: Network, payee: str) -> None:
    """The running node goes on; its next start asks for the new one."""
    home = network.nodes[0]
    renewed = network.folder / "renewed-passphrase"
    renewed.write_text("une toute autre phrase\n")
    own(network, "passphrase", "--new-passphrase-file", renewed)
    wallet(network, "alice", "pay", payee, "3")
    assert home.process is not None
    home.process.send_signal(signal.SIGTERM)
    home.process.wait(PATIENCE_SECONDS)
    start = ("node", "start", "--data", home.data, "--genesis", network.genesis)
    refused = democite(*start, "--passphrase-file", network.passphrase)
    assert refused.code == 5 and "passphrase_wrong" in refused.err
    known, network.passphrase = network.passphrase, renewed
    network.start(home)
    network.passphrase = known


def test_every_key_of_a_running_node_is_renewed(network: Network) -> None:
    home, *others = network.nodes
    addresses = []
    for name in ("alice", "bob"):
        made = democite(
            "wallet", "init", "--territory", home.prefix, "--genesis", network.genesis, "--wallet",
            network.folder / f"{name}.json", "--passphrase-file", network.passphrase, "--json",
        )  # fmt: skip
        request = str(made.json["account_request"])
        done(network, "office", "account", "open", request, *signed(home, "recovery-staff-1"))
        addresses.append(str(made.json["address"]))
    commons = democite(
        "office", "account", "commons", home.prefix, "--genesis", network.genesis
    ).out.strip()
    for address in (addresses[0], commons):
        done(
            network, "office", "reserve", "issue", address, "100",
            "--keystore", home.issuer_keystore,
        )  # fmt: skip
    wallet(network, "alice", "pay", addresses[1], "1")

    # All of it prepared, or done, while the node runs.
    before = own(network).json
    card = network.folder / "renewed.card"
    voting = own(network, "renew", "voting", "--card", card).json["voting"]
    own(network, "renew", "transport")
    signing = str(own(network, "renew", "signing").json["signing"])
    old_signing = str(before["signing"])
    done(
        network, "office", "keys", "replace", old_signing[:16], signing,
        *signed(home, "recovery"),
    )  # fmt: skip
    staff = ("recovery-staff-1", "recovery-staff-2")
    proposed = done(network, "network", "propose", "keys", card, *signed(home, *staff))
    proposal = str(proposed.json["proposal"])
    for voter in others[:2]:
        done(network, "network", "vote", proposal, "yes", *signed(voter, *staff), at=voter)
    wait_until(lambda: own(network).json["voting"] == voting)
    wait_until(lambda: own(network).json["signing"] == signing)
    assert set(own(network).json) == {"voting", "signing", "transport", "cometbft"}
    assert own(network).json["transport"] != before["transport"]

    # With another away, nothing becomes final without the new voting key.
    network.kill(others[2])
    wallet(network, "alice", "pay", addresses[1], "2")
    status = democite("node", "status", "--node", home.url, "--json").json
    assert status["observing"] is False

    countersign(network)
    start_with_another_passphrase(network, addresses[1])
    wallet(network, "alice", "pay", addresses[1], "4")
    # Another node may be a block behind the one that said it is final.
    told = ("bob", "balance")
    wait_until(lambda: wallet(network, *told, at=others[0]).json["balance_minor"] == 1_000)
