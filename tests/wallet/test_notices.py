"""What an owner sees without asking, on stderr, whatever the command."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wallet.people import key_of
from tests.wallet.town import Town


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in ("NODES", "GENESIS", "WALLET", "PASSPHRASE_FILE", "LANG"):
        monkeypatch.delenv(f"DEMOCITE_{name}", raising=False)
    built = Town(tmp_path, capsys)
    with built.serve():
        yield built


def key_on(town: Town, name: str) -> str:
    """The first key of an account."""
    listed = town.run(name, "devices", "list")[1]["devices"]
    assert isinstance(listed, list)
    return str(listed[0]["key"])


def card(town: Town, name: str, account: str) -> str:
    """The card of a new device that would join an account."""
    words = ("init", "--territory", "arden", "--genesis", town.genesis, "--account", account)
    code, made, error = town.run(name, *words)
    assert code == 0, error
    return str(made["device_card"])


def test_an_open_request_is_told_with_every_command(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    code, _, error = town.hall("recover", card(town, "thief", alice))
    assert code == 0, error
    for words in (("balance",), ("history",), ("pay", bob, "1")):
        code, _, error = town.run("alice", *words)
        assert code == 0, error
        assert "WARNING, a request is open for this account: the town hall" in error, words
        assert "democite wallet veto" in error
    # A node that hides it is not silence: the account itself says that there is one.
    town.node.faults.bend = lambda path, said: {} if path.endswith("/requests") else said
    code, paid, error = town.run("alice", "pay", bob, "2")
    assert (code, paid["status"]) == (0, "final")
    assert "WARNING, a request is open for this account, and no node shows it" in error
    town.node.faults.bend = None
    assert town.run("alice", "veto", "hall")[0] == 0
    assert "WARNING" not in town.run("bob", "balance")[2]


def test_a_freeze_is_told_with_its_reason(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    code, _, error = town.hall("freeze", alice, "--because", "suspected_theft", "--days", "29")
    assert code == 0, error
    code, balance, error = town.run("alice", "balance")
    assert (code, balance["balance_minor"]) == (0, 10_000)
    assert "WARNING, the town hall froze this account until" in error
    assert "(suspected_theft): it receives, and does not pay" in error
    code, failed, error = town.run("alice", "pay", bob, "1")
    assert failed["error"]["code"] == "account_frozen"  # type: ignore[index]
    assert "suspected_theft" in error
    assert town.hall("unfreeze", alice)[0] == 0
    assert "WARNING" not in town.run("alice", "balance")[2]


def test_a_device_that_the_town_hall_blocked_is_told_so(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    assert town.hall("block", alice, key_on(town, "alice"))[0] == 0
    code, _, error = town.run("alice", "balance")
    assert code == 0
    assert "WARNING, the town hall blocked this device: it pays no more" in error
    code, failed, error = town.run("alice", "pay", bob, "1")
    assert failed["error"]["code"] == "key_blocked"  # type: ignore[index]


def test_a_phone_that_was_found_again_is_unblocked_after_the_delay(town: Town) -> None:
    alice = town.make("alice")
    key = key_on(town, "alice")
    assert town.hall("block", alice, key)[0] == 0
    code, asked, error = town.hall("unblock", alice, key[:8])
    assert (code, asked["status"]) == (0, "final"), error
    shown = town.hall("devices", alice)[1]
    requests, devices = shown["requests"], shown["devices"]
    assert isinstance(requests, list) and isinstance(devices, list)
    assert len(requests) == 1 and key[:8] in str(requests[0]["changes"])
    assert requests[0]["due_ms"] > time.time() * 1000
    assert [one["blocked"] for one in devices] == ["hall"], "nothing is gained before the delay"


def test_a_colleague_who_was_blocked_is_brought_back_by_the_recovery_key(town: Town) -> None:
    def keys(*words: str, by: str) -> dict[str, object]:
        code, content, error = town.office("keys", *words, "--keystore", town.keystore(by))
        assert code == 0, error
        return content

    def blocked() -> list[object]:
        devices = keys("list", by="arden staff")["devices"]
        assert isinstance(devices, list)
        return [one["key"] for one in devices if one["blocked"] != "no"]

    colleague = key_of("arden staff 2").public_key.hex()
    keys("block", colleague[:8], by="arden staff")
    assert blocked() == [colleague]
    assert "due_ms" in keys("unblock", colleague[:8], by="arden staff"), "one alone waits"
    assert blocked() == [colleague]
    assert "due_ms" not in keys("unblock", colleague[:8], by="arden recovery")
    assert blocked() == []


def test_a_device_that_may_not_read_is_not_told_to_open_an_account(town: Town) -> None:
    """Its account is there, and no node shows it: another key blocked this one, or removed it."""
    town.make("alice")
    shown = "another key of the account blocked or removed this device"
    town.node.faults.unreadable = True
    code, told, error = town.run("alice", "balance")
    assert (code, told["error"]["code"]) == (4, "account_unknown")  # type: ignore[index]
    assert shown in error
    town.node.faults.unreadable = False
    # Where it is proved that there is none, the town hall opens it, and nothing else is meant.
    assert town.run("new", "init", "--territory", "arden", "--genesis", town.genesis)[0] == 0
    code, told, error = town.run("new", "balance")
    assert (code, told["error"]["code"]) == (4, "account_unknown")  # type: ignore[index]
    assert shown not in error and "the town hall opens it" in error
