"""The measures of a network's life still run, with counts so small that the figures say nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

SECONDS_MAX = 300


def run(measure: str, file: Path) -> dict[str, object]:
    """Run one of them, shortly; what it wrote."""
    words = [sys.executable, "-m", "benchmarks.life", measure, "--short", "--json", str(file)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stderr
    figures: dict[str, object] = json.loads(file.read_text("utf-8"))
    assert json.loads(done.stdout) == figures
    assert figures["measure"] == measure and figures["short"] is True
    assert isinstance(figures["machine"], dict) and figures["machine"]["processors"]
    return figures


def test_a_wallet_that_was_away_is_measured(tmp_path: Path) -> None:
    figures = run("wallet", tmp_path / "figures.json")
    assert figures["certificates_verified"] == 4


@pytest.mark.process
def test_a_snapshot_is_measured(tmp_path: Path) -> None:
    figures = run("snapshot", tmp_path / "figures.json")
    for part in ("quiet", "made", "fetched"):
        assert isinstance(figures[part], dict) and figures[part]


@pytest.mark.process
def test_a_restart_is_measured(tmp_path: Path) -> None:
    figures = run("restart", tmp_path / "figures.json")
    measured = figures["with_them"]
    assert isinstance(measured, dict)
    for end in ("stopped", "killed"):
        (seconds,) = measured[f"after_being_{end}"]["seconds"]
        assert seconds > 0
