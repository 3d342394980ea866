"""The table of targets: every target has its figure, and what is missing is not met."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import sides
from benchmarks.suite.measures import MEASURES
from benchmarks.targets.__main__ import filled, not_met
from benchmarks.targets.rows import AT_LEAST, AT_MOST, MORE_THAN, ROWS, Bound, outside_check
from benchmarks.targets.table import ENGLISH, FRENCH, preface, table, verdict
from tests.architecture.sources import ROOT

MACHINE = {
    "at": "2026-11-29T09:00:00+00:00",
    "processors": 2,
    "processor": "a processor",
    "memory_gigabytes": 24.0,
    "python": "3.11.7",
    "signature_check_microseconds": 106.0,
    "busy_processors_before": 0.1,
}


def content(form: str = "full", **rounds: list[dict[str, Any]]) -> dict[str, Any]:
    measures = {name: {"rounds": found, "failures": []} for name, found in rounds.items()}
    return {"kind": "benchmarks", "form": form, "machine": MACHINE, "measures": measures}


def row(english: str) -> Any:
    (found,) = [one for one in ROWS if one.english == english]
    return found


def test_every_target_is_of_a_measure_and_named_once() -> None:
    assert {one.measure for one in ROWS} <= set(MEASURES)
    for names in ([one.english for one in ROWS], [one.french for one in ROWS]):
        assert len(set(names)) == len(names) and all(names)
    assert all(one.must or one.aim for one in ROWS)


def test_bounds_hold_as_they_are_written() -> None:
    assert Bound(MORE_THAN, 1).holds(1.01) and not Bound(MORE_THAN, 1).holds(1)
    assert Bound(AT_LEAST, 1).holds(1) and not Bound(AT_LEAST, 1).holds(0.99)
    assert Bound(AT_MOST, 1).holds(1) and not Bound(AT_MOST, 1).holds(1.01)


def test_what_was_not_measured_is_not_met() -> None:
    lacking = not_met(content())
    assert len(lacking) == sum(one.must is not None for one in ROWS)
    shown = table(content(), ENGLISH).splitlines()[2:]
    assert len(shown) == len(ROWS) and all("not measured | **no** |" in line for line in shown)


def test_a_figure_is_the_median_of_its_rounds() -> None:
    speeds = [{"saturation": {"lines_per_second": speed}} for speed in (9_000, 12_000, 25_000)]
    found = content(wages=speeds)
    (line,) = [one for one in table(found, ENGLISH).splitlines() if "| wage lines" in one]
    assert line == (
        "| wage lines per second | ≥ 10,000 /s | ≥ 20,000 /s | 12,000 /s (9,000 … 25,000) | yes |"
    )
    assert "12 000 /s (9 000 … 25 000) | oui |" in table(found, FRENCH)
    assert "wage lines per second" not in not_met(found)


def test_the_short_form_decides_nothing_of_a_million() -> None:
    rounds = [{"many": {"memory_megabytes": 100}, "idle": {"memory_megabytes": 70}}]
    lines = table(content("short", memory=rounds), ENGLISH).splitlines()
    assert any(
        "many accounts | ≤ 500 MB | ≤ 300 MB | 100 MB | short form |" in one for one in lines
    )
    assert any("70 MB | yes, the aim too |" in one for one in lines)
    lacking = not_met(content("short", memory=rounds))
    assert "memory of a node with many accounts" in lacking
    assert "memory of an idle node" not in lacking


def test_verdicts() -> None:
    lines = row("wage lines per second")
    assert [verdict(lines, value) for value in (9_999, 10_000, 20_000)] == ["no", "yes", "aim"]
    only_aimed_at = row("finality p50 at 100 payments/s")
    assert [verdict(only_aimed_at, value) for value in (16, 15)] == ["missed", "aim"]


def test_the_check_is_pynacls() -> None:
    figures: dict[str, Any] = {
        sides.OWN: {"processor_seconds_per_payment_and_replica": 0.00025},
        sides.LIMIT: {"check_microseconds": 100.0},
    }
    assert outside_check(figures) == pytest.approx(1.5)
    figures[sides.LIMIT]["verifier_in_use"] = {"check_microseconds": 60.0}
    assert outside_check(figures) == pytest.approx(1.9)
    assert outside_check({}) is None


def test_who_was_refused_must_hear_when_to_come_again() -> None:
    target = row("overload: refused who are told when to try again")
    assert target.value({"refused": {"mempool_full": 4}, "refused_told_when": 3}) == 0.75
    assert target.value({"refused": {}, "refused_told_when": 0}) is None
    assert target.value({}) is None


def test_a_busy_machine_and_a_short_form_are_named() -> None:
    assert "did nothing else" in preface(content(), ENGLISH)
    busy = content("short")
    busy["machine"] = {**MACHINE, "busy_processors_before": 1.5}
    assert "busy otherwise** (1.5 of 2 processors at work)" in preface(busy, ENGLISH)
    assert "Forme courte" in preface(busy, FRENCH)
    del busy["machine"]["busy_processors_before"]
    busy["machine"]["load_average_before"] = 0.2
    assert "did nothing else" in preface(busy, ENGLISH)  # a file of before


def test_the_checks_are_those_of_the_comparison() -> None:
    assert "one check by PyNaCl: 106.0 µs." in preface(content(), ENGLISH)
    found = [
        {sides.LIMIT: {"check_microseconds": 54.0, "verifier_in_use": {"check_microseconds": one}}}
        for one in (38.0, 40.0, 45.0)
    ]
    told = preface(content(compare=found), ENGLISH)
    assert "one check by PyNaCl: 54.0 µs, by the one in use: 40.0 µs." in told
    assert "par celle en service : 40.0 µs." in preface(content(compare=found), FRENCH)


def test_a_document_gets_both_tables_and_keeps_the_rest() -> None:
    french = "<!-- targets:fr -->of before<!-- /targets:fr -->"
    document = f"a\n{french}\nb\n<!-- targets:en -->\n<!-- /targets:en -->\nc\n"
    once = filled(document, content())
    assert once.startswith("a\n") and once.endswith("\nc\n") and "of before" not in once
    assert "| quoi |" in once and "| what |" in once
    assert filled(once, content()) == once
    with pytest.raises(ValueError, match="targets:en"):
        filled("<!-- targets:fr --><!-- /targets:fr -->", content())


def test_the_command_says_what_is_not_met(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(content()), "utf-8")
    words = [sys.executable, "-m", "benchmarks.targets", str(file), "--check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "not met: payments/s, by CometBFT tuned" in done.stderr
    assert "| what | must | aim | measured | met |" in done.stdout
