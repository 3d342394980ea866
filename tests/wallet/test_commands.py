"""The wallet's commands as people type them, against the stand-in in a thread."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.cli import main
from tests.patience import PATIENCE_SECONDS
from tests.wallet.people import empty_chain
from tests.wallet.town import Town

PROGRAM = Path(sys.executable).with_name("democite")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in list(os.environ):
        if name.startswith("DEMOCITE_"):
            monkeypatch.delenv(name)
    built = Town(tmp_path, capsys)
    with built.serve():
        yield built


def test_from_two_new_wallets_to_a_verified_receipt(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob", "service")
    town.issue(alice, "100")
    code, balance, _ = town.run("alice", "balance")
    assert code == 0
    assert balance.keys() == {
        "address", "currency", "balance_minor", "height", "header_time_ms", "vouched_by", "members",
    }  # fmt: skip
    assert (balance["address"], balance["currency"], balance["balance_minor"]) == (
        alice, "ARD", 10_000,
    )  # fmt: skip
    assert (balance["vouched_by"], balance["members"]) == (3, 4)

    code, paid_now, _ = town.run("alice", "pay", bob, "12,50", "--note", "pain")
    assert code == 0
    assert paid_now.keys() == {"id", "status", "height", "number"}
    assert paid_now["status"] == "final"
    assert town.run("bob", "balance")[1]["balance_minor"] == 1_250

    id = str(paid_now["id"])
    file = town.folder / "receipt.json"
    code, receipt, _ = town.run("alice", "receipt", id, "--out", file)
    assert (code, receipt["number"]) == (0, paid_now["number"])
    code, verified, _ = town.run("bob", "verify", file)
    assert (code, verified["valid"], verified["note"]) == (0, True, "pain")
    assert (verified["payer"], verified["payee"], verified["amount_minor"]) == (alice, bob, 1_250)
    assert main.run(["verify", str(file), "--genesis", str(town.genesis)]) == 0

    code, history, _ = town.run("bob", "history")
    assert [item["amount_minor"] for item in history["items"]] == [1_250]  # type: ignore[attr-defined]


def test_a_receipt_that_was_changed_is_refused(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    id = str(town.run("alice", "pay", bob, "1")[1]["id"])
    file = town.folder / "receipt.json"
    town.run("alice", "receipt", id, "--out", file)
    content = json.loads(file.read_text())
    content["transaction"] = content["transaction"][:-2] + "00"
    file.write_text(json.dumps(content))
    code, failed, error = town.run("alice", "verify", file)
    assert (code, failed["error"]["code"]) == (4, "receipt_invalid")  # type: ignore[index]
    assert "error[receipt_invalid]" in error


def test_refunds(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob", "service")
    town.issue(alice, "100")
    id = str(town.run("alice", "pay", bob, "12")[1]["id"])
    assert town.run("bob", "refund", id, "5")[1]["status"] == "final"
    code, failed, _ = town.run("bob", "refund", id, "7,01")
    assert (code, failed["error"]["code"]) == (4, "refund_above_original")  # type: ignore[index]
    assert town.run("bob", "refund", id, "7")[0] == 0
    assert town.run("alice", "balance")[1]["balance_minor"] == 10_000
    code, failed, _ = town.run("alice", "refund", id)
    assert (code, failed["error"]["code"]) == (4, "payment_unknown")  # type: ignore[index]


def test_redeeming_needs_the_holder_and_the_issuers_threshold(town: Town) -> None:
    baker = town.make("baker", "service")
    town.issue(baker, "100")
    asked, half = town.folder / "asked.json", town.folder / "half.json"
    code, _, _ = town.run("baker", "redeem", "40", "--out", asked, "--reference", "FR76 1234")
    assert code == 0
    one, two = town.keystore("arden issuer 0"), town.keystore("arden issuer 1")
    redeem = ("reserve", "redeem", "--request")
    code, failed, _ = town.office(*redeem, asked, "--keystore", one)
    assert (code, failed["error"]["code"]) == (4, "signatures_insufficient")  # type: ignore[index]
    code, partly, _ = town.office(*redeem, asked, "--keystore", one, "--out", half)
    assert (code, partly["status"], partly["signatures"]) == (0, "incomplete", 1)
    code, done, error = town.office(*redeem, half, "--keystore", two)
    assert (code, done["status"], done["reference"]) == (0, "final", "FR76 1234"), error
    assert town.run("baker", "balance")[1]["balance_minor"] == 6_000
    again = town.office(*redeem, half, "--keystore", two)
    assert (again[0], again[1]["id"]) == (0, done["id"])
    assert town.run("baker", "balance")[1]["balance_minor"] == 6_000


def test_wrong_inputs_have_their_codes(town: Town) -> None:
    alice = town.make("alice")
    bob = town.make("bob")
    brume = "brume" + alice[5:]
    wrong: list[tuple[tuple[str, ...], int, str]] = [
        (("pay", bob, "1.005"), 2, "amount_malformed"),
        (("pay", bob, "1 000"), 2, "amount_malformed"),
        (("pay", bob, "-1"), 2, "usage"),
        (("pay", bob, "0"), 4, "amount_out_of_range"),
        (("pay", bob, "90071992547409.92"), 4, "amount_out_of_range"),
        (("pay", bob, "1"), 4, "balance_insufficient"),
        (("pay", alice, "1"), 4, "payee_is_payer"),
        (("pay", bob[:-1], "1"), 2, "address_malformed"),
        (("pay", brume, "1"), 2, "address_malformed"),
        (("receipt", "00"), 2, "usage"),
        (("receipt", "00" * 32), 4, "payment_unknown"),
        (("pay", bob, "1", "--note", "x" * 141), 2, "note_malformed"),
    ]
    for words, exit_code, code in wrong:
        got, failed, error = town.run("alice", *words)
        assert (got, failed["error"]["code"]) == (exit_code, code), words  # type: ignore[index]
        assert f"error[{code}]: " in error
        assert "\nhint: " in error


def test_an_address_of_another_territory_is_named(town: Town) -> None:
    from primitives import addresses

    town.make("alice")
    there = addresses.format_address("brume", bytes(20))
    code, failed, error = town.run("alice", "pay", there, "1")
    assert (code, failed["error"]["code"]) == (4, "currency_mismatch")  # type: ignore[index]
    assert "Brume" in error
    nowhere = addresses.format_address("nowhere", bytes(20))
    code, failed, _ = town.run("alice", "pay", nowhere, "1")
    assert failed["error"]["code"] == "address_of_other_network"  # type: ignore[index]


def test_an_account_that_is_not_open_is_sent_to_the_town_hall(town: Town) -> None:
    town.run("new", "init", "--territory", "arden", "--genesis", town.genesis)
    for words in (("balance",), ("pay", town.make("bob"), "1")):
        code, failed, _ = town.run("new", *words)
        assert (code, failed["error"]["code"]) == (4, "account_unknown")  # type: ignore[index]
        assert "office account open" in failed["error"]["hint"]  # type: ignore[index]


def test_a_wrong_passphrase_exits_with_5(town: Town) -> None:
    town.make("alice")
    town.passphrase.write_text("another\n")
    code, failed, _ = town.run("alice", "balance")
    assert (code, failed["error"]["code"]) == (5, "passphrase_wrong")  # type: ignore[index]


def test_another_genesis_is_refused(town: Town) -> None:
    town.make("alice")
    other = town.folder / "other.json"
    other.write_text(empty_chain(" other").genesis.to_json())
    code, failed, _ = town.run("alice", "balance", "--genesis", other)
    assert (code, failed["error"]["code"]) == (2, "wallet_of_other_network")  # type: ignore[index]


def test_no_node_exits_with_3(town: Town) -> None:
    town.make("alice")
    town.node.faults.down = True
    code, failed, _ = town.run("alice", "balance")
    assert (code, failed["error"]["code"]) == (3, "node_unreachable")  # type: ignore[index]


def test_a_link_is_paid(town: Town) -> None:
    alice, _ = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    code, asked, _ = town.run("bob", "request", "12.5", "--note", "deux pains")
    assert code == 0
    assert town.run("alice", "pay", str(asked["link"]))[1]["status"] == "final"
    code, failed, _ = town.run("alice", "pay", str(asked["link"]), "3")
    assert (code, failed["error"]["code"]) == (2, "usage")  # type: ignore[index]


def test_export_writes_a_table(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    town.run("alice", "pay", bob, "1", "--note", "=1+1")
    file = town.folder / "table.csv"
    code, written, _ = town.run("alice", "export", "--out", file)
    assert (code, written["count"]) == (0, 2)
    lines = file.read_text("utf-8-sig").splitlines()
    assert lines[0] == "number;time;kind;counterparty;amount;currency;note;id"
    assert ";-1.00;ARD;'=1+1;" in lines[2]


def test_people_read_sentences(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    code, out, _ = town.text("alice", "balance")
    assert (code, out.splitlines()[0]) == (0, "100.00 ARD")
    assert "vouched for by 3 of 4 territories" in out
    code, out, _ = town.text("alice", "pay", bob, "12.50")
    assert out.startswith(f"12.50 ARD → {bob}: final in block ")
    assert "vouched for by 3 of 4 territories" in out


def test_an_idempotency_key_gives_the_same_transaction(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    words = ("pay", bob, "1", "--idempotency-key", "order 7")
    assert town.run("alice", *words)[1] == town.run("alice", *words)[1]
    assert town.run("alice", "balance")[1]["balance_minor"] == 9_900


def test_an_unknown_outcome_is_resolved_by_the_next_command(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    town.node.faults.drop_after = True
    code, failed, error = town.run("alice", "pay", bob, "1", "--no-wait")
    assert (code, failed["status"], failed["error"]["code"]) == (6, "unknown", "outcome_unknown")  # type: ignore[index]
    assert "error[outcome_unknown]" in error
    town.node.faults.drop_after = False
    code, balance, error = town.run("alice", "balance")
    assert (code, balance["balance_minor"]) == (0, 9_900)
    assert "went through" in error
    code, again, _ = town.run("alice", "pay", bob, "1")
    assert (code, again["id"]) == (0, failed["id"])
    assert town.run("alice", "balance")[1]["balance_minor"] == 9_900


@pytest.mark.parametrize("fault", ["hold", "drop_before", "drop_after"])
def test_a_killed_command_pays_once_when_repeated(town: Town, fault: str) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    setattr(town.node.faults, fault, True)
    town.node.received.clear()
    process = subprocess.Popen([PROGRAM, *town.words("alice", "pay", bob, "1")], cwd=ROOT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not town.node.received and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)
    setattr(town.node.faults, fault, False)
    town.node.include_held()
    assert town.run("alice", "pay", bob, "1")[1]["status"] == "final"
    assert town.run("alice", "balance")[1]["balance_minor"] == 9_900
    assert len({*town.node.received}) == 1


def test_two_processes_at_once_use_two_numbers(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    line = [str(PROGRAM), *town.words("alice", "pay", bob, "1")]
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert town.run("alice", "balance")[1]["balance_minor"] == 9_600
