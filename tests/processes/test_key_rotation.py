"""Staff come and go, keys are replaced: by the commands that people type, against a real node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.network import Done, Network, create_network, democite

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = create_network(tmp_path_factory.mktemp("network"), count=1)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def office(network: Network, *words: str, by: tuple[Path, ...]) -> Done:
    """An office command, signed with these keystores."""
    return democite(
        "office", *words, *[word for key in by for word in ("--keystore", key)], "--genesis",
        network.genesis, "--passphrase-file", network.passphrase, "--node", network.nodes[0].url,
        "--json",
    )  # fmt: skip


def new_key(network: Network, name: str) -> tuple[Path, str]:
    """A key that somebody made for this territory; its public half."""
    file = network.folder / name
    made = democite(
        "office", "key", "--out", file, "--territory", network.nodes[0].prefix,
        "--passphrase-file", network.passphrase, "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    return file, str(made.json["public_key"])


def code(done: Done) -> object:
    """A failure's code."""
    error = done.json["error"]
    assert isinstance(error, dict), done.out
    return error["code"]


def test_staff_are_added_replaced_and_blocked(network: Network) -> None:
    home = network.nodes[0].folder
    first, second = home / "recovery-staff-1.json", home / "recovery-staff-2.json"
    recovery = home / "recovery.json"
    shown = office(network, "keys", "list", by=(first,))
    assert shown.code == 0, shown.err
    devices = shown.json["devices"]
    assert isinstance(devices, list)
    roles = [one["roles"] for one in devices]
    assert roles[-2:] == [["countersign"], ["paper"]] and roles[0] == ["staff"]
    old = str(devices[1]["key"])
    # One clerk alone makes a request; the recovery key decides at once.
    third, public = new_key(network, "third.json")
    waits = office(network, "keys", "add", public, by=(first,))
    assert waits.code == 0 and "due_ms" in waits.json, waits.err
    assert office(network, "keys", "veto", by=(second,)).code == 0
    assert code(office(network, "keys", "complete", by=(first,))) == "request_stopped"
    assert office(network, "keys", "add", public, by=(recovery,)).code == 0
    assert office(network, "keys", "threshold", "2", by=(recovery,)).code == 0
    # Now two of them do, at once.
    fourth, public = new_key(network, "fourth.json")
    replaced = office(network, "keys", "replace", old[:8], public, by=(first, third))
    assert replaced.code == 0 and "due_ms" not in replaced.json, replaced.err
    assert code(office(network, "keys", "list", by=(second,))) == "account_unknown"
    # Who leaves also loses the commons, where each clerk's key spends.
    commons = democite(
        "office", "account", "commons", network.nodes[0].prefix, "--genesis", network.genesis
    ).out.strip()
    lost = ("account", "block", commons, old[:8], "--reason", "left the town hall")
    done = office(network, *lost, by=(first, third))
    assert done.code == 0, done.err
    # The clerk who came later opens an account with another one.
    made = democite(
        "wallet", "init", "--territory", network.nodes[0].prefix, "--genesis", network.genesis,
        "--wallet", network.folder / "alice.json", "--passphrase-file", network.passphrase,
        "--json",
    )  # fmt: skip
    request = str(made.json["account_request"])
    opened = office(network, "account", "open", request, by=(fourth, third))
    assert opened.code == 0, opened.err
    assert office(network, "keys", "block", public[:8], by=(third,)).code == 0
    assert code(office(network, "account", "open", request, by=(fourth, third))) in (
        "key_blocked",
        "account_unknown",
    )
