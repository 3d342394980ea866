"""The command that runs every measure: how long it says it takes, and what it keeps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measures.form import FULL, SHORT
from benchmarks.suite.__main__ import expected, kept_from, replaceable
from benchmarks.suite.measures import MEASURES
from tests.architecture.sources import ROOT

SHORT_SECONDS_MAX = 600


def test_the_short_form_is_expected_to_take_less_than_ten_minutes() -> None:
    assert sum(entry.seconds(SHORT) for entry in MEASURES.values()) < SHORT_SECONDS_MAX


def test_the_full_form_says_how_long_it_takes() -> None:
    minutes = round(sum(entry.seconds(FULL) for entry in MEASURES.values()) / 60)
    assert expected(list(MEASURES), FULL) == f"13 measures, full form: about {minutes} minutes"
    assert expected(["idle"], SHORT) == "1 measure, short form: about 1 minute"
    assert MEASURES["disk"].seconds(FULL) == MEASURES["disk"].full_seconds
    assert MEASURES["killed"].seconds(FULL) == 3 * MEASURES["killed"].full_seconds


def test_other_measures_of_a_file_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    measures = {"disk": {"rounds": [1]}, "idle": {"rounds": [2]}}
    file.write_text(json.dumps({"kind": "benchmarks", "form": "short", "measures": measures}))
    assert kept_from(file, ["idle"], SHORT) == {"disk": {"rounds": [1]}}
    with pytest.raises(ValueError, match="full form"):
        kept_from(file, ["idle"], FULL)


def test_short_figures_never_take_the_place_of_published_ones(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert replaceable(file, SHORT)
    for written, wanted, allowed in ((FULL, SHORT, False), (FULL, FULL, True), (SHORT, FULL, True)):
        file.write_text(json.dumps({"kind": "benchmarks", "form": written.name}))
        assert replaceable(file, wanted) is allowed
    command = [sys.executable, "-m", "benchmarks.suite", "idle", "--json", str(file)]
    file.write_text(json.dumps({"kind": "benchmarks", "form": "full"}))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "full form" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["speed"], "no such measure: speed"),
        (["idle", "--add", "--json", "none.json"], "none.json"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_measured(
    words: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "benchmarks.suite", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and told in done.stderr
