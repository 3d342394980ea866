"""Two files of figures beside each other."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.difference import BEYOND, UNKNOWN, WITHIN, differences, table, unlike
from benchmarks.spread import figures_of
from tests.architecture.sources import ROOT


def content(*speeds: float, form: str = "full") -> dict[str, Any]:
    return {
        "kind": "benchmarks",
        "form": form,
        "machine": {"processors": 2},
        "measures": {
            "killed": {"rounds": [{"three": {"speed": speed}, "on": True} for speed in speeds]}
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((100, 110, 120), (121, 130, 140), BEYOND),
        ((100, 110, 120), (80, 90, 99), BEYOND),
        ((100, 110, 120), (119, 130, 140), WITHIN),
        ((100, 110, 120), (130,), UNKNOWN),
    ],
)
def test_a_difference_is_beyond_the_spread_when_the_rounds_lie_apart(
    before: tuple[float, ...], after: tuple[float, ...], verdict: str
) -> None:
    (found,) = differences(content(*before), content(*after))
    assert found.path == ("killed", "three", "speed")
    assert found.verdict == verdict
    assert verdict in table([found])


def test_numbers_alone_are_figures_and_lists_of_them_their_median() -> None:
    measured = {"rounds": [{"nodes": [3, 1, 2], "at": "now", "on": True, "rates": [{"p50": 4}]}]}
    found = figures_of({"kind": "benchmarks", "measures": {"idle": measured}})
    assert {path: one.values for path, one in found.items()} == {
        ("idle", "nodes"): (2.0,),
        ("idle", "rates", "0", "p50"): (4.0,),
    }
    with pytest.raises(ValueError):
        figures_of({"measure": "something else"})


def test_nothing_before_gives_no_ratio() -> None:
    (found,) = differences(content(0, 0), content(5, 6))
    assert found.ratio is None and found.verdict == BEYOND


def test_files_of_different_forms_are_not_compared_unasked(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(content(1, 2)), "utf-8")
    after.write_text(json.dumps(content(3, 4, form="short")), "utf-8")
    assert unlike(content(1), content(1, form="short")) == ["form: full, short"]
    one, other = content(1), content(1)
    one["machine"]["python_program"] = "/usr/bin/python3"
    assert not unlike(one, other)  # a file of before
    other["machine"]["python_program"] = "/opt/python3"
    assert unlike(one, other) == ["python_program: /usr/bin/python3, /opt/python3"]
    words = [sys.executable, "-m", "benchmarks.difference", str(before), str(after)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "form: full, short" in done.stderr
    done = subprocess.run(
        [*words, "--anyway"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "| killed.three.speed |" in done.stdout
