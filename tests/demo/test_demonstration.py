"""The demonstration itself, with real nodes: as a newcomer runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo.figures import check_figures
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

PROGRAM = str(Path(sys.executable).with_name("democite"))
PORT_BASE = "28700"
"""Another than that of the demonstrations in other tests, which may run at the same time."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "network"


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    """The figures of one whole run."""
    done = subprocess.run(
        [
            PROGRAM,
            "demo",
            "--once",
            "--json",
            "-",
            "--data",
            str(folder),
            "--lang",
            "en",
            "--port-base",
            PORT_BASE,
        ],
        capture_output=True,
        check=False,
        timeout=4 * PATIENCE_SECONDS,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4_000:]
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 1
    figures: dict[str, Any] = json.loads(lines[0])
    return figures


def test_the_table_is_true(summary: dict[str, Any]) -> None:
    check_figures(summary)
    assert summary["engine"] == "simplex"


@pytest.fixture
def resumed(folder: Path, summary: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The same network again, left open; with its figures."""
    process = subprocess.Popen(
        [PROGRAM, "demo", "--json", "-", "--data", str(folder), "--lang", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def test_the_network_resumes_and_its_nodes_live(
    folder: Path, summary: dict[str, Any], resumed: tuple[Any, dict[str, Any]]
) -> None:
    process, figures = resumed
    assert figures["resumed"] is True
    assert figures["currencies"] == summary["currencies"]
    assert figures["network_id"] == summary["network_id"]
    assert figures["height"] >= summary["height"]

    network = json.loads((folder / "network.json").read_text())
    wallets = [one for one in network["wallets"] if one["territory"] == "jura"]
    mine, other = wallets[:2]
    access = ("--wallet", mine["file"], "--passphrase-file", mine["passphrase_file"])
    paid = _call("wallet", "pay", other["address"], "4,20", *access)
    assert paid["status"] == "final"

    victim = network["territories"][2]["pid"]
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        network = json.loads((folder / "network.json").read_text())
        if network["territories"][2]["pid"] != victim:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the node was not started again")
    assert _call("wallet", "balance", *access)["balance_minor"] == 15_000 - 420
    _bring_newcomer(folder, network)

    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 0
    for territory in network["territories"]:
        with pytest.raises(ProcessLookupError):
            os.kill(territory["pid"], 0)


def test_an_account_that_a_visitor_had_opened_is_counted(
    folder: Path, summary: dict[str, Any]
) -> None:
    """After the one before: someone came to live in Valmont, with 50 fresh VAL."""
    again = _call("demo", "--once", "--data", str(folder), json_words=("--json", "-"))
    assert again["problems"] == []
    assert again["accounts"] == summary["accounts"] + 1
    grown = (
        again["currencies"]["VAL"]["supply_minor"] - summary["currencies"]["VAL"]["supply_minor"]
    )
    assert grown == 5_000


def test_another_seed_does_not_fit_this_network(folder: Path, summary: dict[str, Any]) -> None:
    done = subprocess.run(
        [PROGRAM, "demo", "--once", "--data", str(folder), "--seed", "2", "--lang", "en"],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 2
    assert b"error[usage]" in done.stderr


def _bring_newcomer(folder: Path, network: dict[str, Any]) -> None:
    """As README has it: a wallet, an account for it, money on it."""
    town_hall = folder / "valmont"
    wallet, card = str(folder / "wallets" / "newcomer.json"), str(folder / "newcomer.card")
    secret = ("--passphrase-file", str(town_hall / "passphrase.txt"))
    env = {
        "DEMOCITE_GENESIS": network["genesis"],
        "DEMOCITE_NODES": network["territories"][0]["http"],
    }
    _call("wallet", "init", "--territory", "valmont", "--wallet", wallet, *secret, env=env)
    address = _call("wallet", "address", "--wallet", wallet, "--card", card)["address"]
    staff = ("--keystore", str(town_hall / "recovery-staff-1.json"))
    _call("office", "account", "open", card, *staff, *secret, env=env)
    issuer = ("--keystore", str(town_hall / "recovery-issuer.json"), "--reference", "x")
    _call("office", "reserve", "issue", address, "50", *issuer, *secret, env=env)


def _call(
    *words: str, json_words: tuple[str, ...] = ("--json",), env: dict[str, str] | None = None
) -> dict[str, Any]:
    done = subprocess.run(
        [PROGRAM, *words, *json_words],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
