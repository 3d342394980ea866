"""The demonstration killed outright in the middle of the month, and a town hall's node with it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.demo.example_files import expected_refusals
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

PROGRAM = str(Path(sys.executable).with_name("democite"))
PORT_BASE = "28800"
"""Another than that of the demonstrations in other tests, which may run at the same time."""
ACTS_BEFORE_THE_END = 60
ACTS_BEFORE_THE_KILL = 110


def test_a_month_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    acts = folder / "month.jsonl"
    with _demo(folder) as first:
        _until(lambda: _lines(acts) >= ACTS_BEFORE_THE_END)
        first.kill()
    _until(lambda: not any(_lives(pid) for pid in _pids(folder)))
    noted = _lines(acts)

    with _demo(folder) as second:
        _until(lambda: _lines(acts) >= max(ACTS_BEFORE_THE_KILL, noted + 1))
        os.kill(_pids(folder)[3], signal.SIGKILL)
        output, errors = second.communicate(timeout=4 * PATIENCE_SECONDS)
    figures: dict[str, Any] = json.loads(output)
    assert figures["problems"] == [], errors
    assert second.returncode == 0
    assert figures["resumed"] is True
    assert figures["refusals"] == expected_refusals()
    # The node killed here; the demonstration itself was told to kill none.
    assert figures["restarts"] == 1


def _demo(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            PROGRAM,
            "demo",
            "--once",
            "--no-kill",
            "--json",
            "-",
            "--data",
            str(folder),
            "--port-base",
            PORT_BASE,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to pass")
        time.sleep(0.02)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _pids(folder: Path) -> list[int]:
    network = json.loads((folder / "network.json").read_text())
    return [territory["pid"] for territory in network["territories"]]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
