"""The demonstration under the second engine: the same month, the same figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clients.demo.example_files import expected_refusals
from clients.demo.plan import make_plan
from tests.node.cometbft.conftest import cometbft

__all__ = ["cometbft"]

pytestmark = pytest.mark.process

PROGRAM = str(Path(sys.executable).with_name("democite"))
PATIENCE_SECONDS = 1_200


def test_the_same_month_with_the_same_figures(tmp_path: Path, cometbft: Path) -> None:
    words = ("demo", "--once", "--json", "-", "--engine", "cometbft", "--lang", "en")
    done = subprocess.run(
        [PROGRAM, *words, "--data", str(tmp_path / "network")],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4_000:]
    summary, plan = json.loads(done.stdout), make_plan(1)
    assert (summary["payments"], summary["refunds"]) == (plan.payments, plan.refunds)
    assert summary["refusals"] == expected_refusals()
    assert summary["bulletins"] == plan.bulletins
    assert {**summary["wages"], "refused_lines": 0} == {**plan.wages, "refused_lines": 0}
    assert (summary["problems"], summary["members"], summary["restarts"]) == ([], 4, 1)
    for code, figures in summary["currencies"].items():
        assert set(figures.values()) == {plan.supplies_minor[code]}
    checked = summary["light_client"]
    assert checked["proofs_verified"] == summary["accounts"] + 4
    assert checked["certificates_verified"] > 0
    # Which engine it is stands in the folder: nobody changes it by an option.
    again = subprocess.run(
        [PROGRAM, "demo", "--once", "--engine", "simplex", "--data", str(tmp_path / "network")],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert again.returncode == 2 and b"error[usage]" in again.stderr
