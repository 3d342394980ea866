"""The demonstration on a network that CometBFT orders: the same month, the same figures."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.demo.example_files import examples_folder
from clients.demo.places import PLACES
from clients.demo.ports import check_free
from node.engines.cometbft.program import VARIABLE
from primitives.errors import Refused
from tests.demo.figures import check_figures
from tests.node.cometbft.conftest import cometbft

__all__ = ["cometbft"]

PROGRAM = str(Path(sys.executable).with_name("democite"))
PATIENCE_SECONDS = 1_200
"""Minutes here; a machine may be much slower."""


def democite(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *map(str, words), "--lang", "en"],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        text=True,
    )


def error_of(done: "subprocess.CompletedProcess[str]") -> str:
    """The code that it ended with."""
    first = next(line for line in done.stderr.splitlines() if line.startswith("error["))
    return first.removeprefix("error[").split("]")[0]


def processes_of(folder: Path) -> list[str]:
    """Nodes and engines that still run on this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(bytes(folder)) for word in words):
            found.append(b" ".join(words).decode(errors="replace"))
    return found


def free_base() -> int:
    """Eight ports in a row that were free a moment ago. Neither those that a demonstration takes
    itself, as one may run beside this test, nor those that the system gives to connections."""
    while True:
        base = random.randrange(20_000, 28_000, 10)
        with contextlib.suppress(Refused):
            check_free(base, len(PLACES))
            return base


@pytest.mark.process
def test_the_month_is_the_same_and_goes_on_there(tmp_path: Path, cometbft: Path) -> None:
    folder = tmp_path / "network"
    shown = ("--once", "--json", "-", "--data", folder)
    done = democite("demo", "--engine", "cometbft", *shown, "--port-base", str(free_base()))
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    summary: dict[str, Any] = json.loads(done.stdout)
    check_figures(summary)
    expected = json.loads((examples_folder() / "expected.json").read_bytes())
    assert summary["refusals"] == expected["refusals"]
    assert summary["engine"] == "cometbft"
    assert (folder / "genesis.json.engine").read_text() == "cometbft\n"
    assert processes_of(folder) == []

    # The other engine has no part in this network.
    other = democite("demo", "--engine", "simplex", *shown)
    assert (other.returncode, error_of(other)) == (2, "usage")

    # Its engine need not be named again; what is proved is the same.
    again = democite("demo", *shown)
    assert again.returncode == 0, again.stdout + again.stderr[-4_000:]
    resumed: dict[str, Any] = json.loads(again.stdout)
    assert (resumed["resumed"], resumed["engine"]) == (True, "cometbft")
    assert resumed["problems"] == []
    assert resumed["currencies"] == summary["currencies"]
    assert processes_of(folder) == []


def test_without_the_program_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    folder = tmp_path / "network"
    done = democite("demo", "--once", "--engine", "cometbft", "--data", folder)
    assert (done.returncode != 0, error_of(done)) == (True, "cometbft_missing")
    assert not folder.exists()
    asked = democite("node", "engine", "cometbft")
    assert (asked.returncode != 0, error_of(asked)) == (True, "cometbft_missing")


def test_an_engine_that_does_not_exist(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    done = democite("demo", "--once", "--engine", "other", "--data", folder)
    assert (done.returncode, error_of(done)) == (2, "engine_unknown")
    assert not folder.exists()
    assert democite("node", "engine", "simplex").returncode == 0


def test_the_program_is_named(cometbft: Path) -> None:
    done = democite("node", "engine", "cometbft", "--json")
    answer = json.loads(done.stdout)
    assert (answer["engine"], answer["program"]) == ("cometbft", str(cometbft))
    assert answer["version"].lstrip("v").startswith("0.38.")
