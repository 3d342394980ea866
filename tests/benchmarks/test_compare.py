"""Tables, ratios and charts out of what rounds measured, and the order of the sides."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError

from benchmarks.chart import Bar, bar_chart
from benchmarks.compare import limit, own, sides
from benchmarks.compare.__main__ import chart, sides_of
from benchmarks.compare.ratios import middle, ratio_of, table, why_missing
from benchmarks.compare.settings import Figures, Settings
from benchmarks.machine import check_with_pynacl
from primitives.errors import Refused

SVG = "{http://www.w3.org/2000/svg}"


def side(speed: float, p50: float) -> Figures:
    return {
        "payments_per_second": speed,
        "rates": {"100": {"p50": p50, "p99": 2 * p50}},
        "processor_seconds_per_payment_and_replica": 0.0002,
    }


ROUNDS: sides.Rounds = {
    sides.OWN: [side(2_000, 20), side(1_000, 40), side(3_000, 30)],
    sides.TUNED: [side(1_000, 80), side(1_000, 80), side(1_000, 90)],
    sides.POSTGRES: [{"missing": "no pgbench here"}] * 3,
    sides.LIMIT: [{"payments_per_second": 4_000}] * 3,
}


def test_the_middle_round_counts() -> None:
    assert middle(ROUNDS[sides.OWN], ("payments_per_second",)) == 2_000
    assert middle(ROUNDS[sides.POSTGRES], ("payments_per_second",)) is None


def test_ratios_are_taken_within_a_round() -> None:
    assert ratio_of(ROUNDS, sides.TUNED, ("payments_per_second",)) == 2
    assert ratio_of(ROUNDS, sides.TUNED, ("rates", "100", "p50")) == pytest.approx(1 / 3)
    assert ratio_of(ROUNDS, sides.LIMIT, ("payments_per_second",)) == 0.5
    assert ratio_of(ROUNDS, sides.POSTGRES, ("payments_per_second",)) is None


def test_a_table_has_every_side_and_guesses_nothing() -> None:
    lines = table(ROUNDS, [100]).splitlines()
    speed = next(line for line in lines if line.startswith("| payments/s"))
    assert speed == "| payments/s | 2,000 | 1,000 (ours × 2.00) | – | 4,000 (ours × 0.50) |"
    assert "Missing: PostgreSQL (no pgbench here; no pgbench here; no pgbench here)." in lines
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_a_chart_draws_bars_in_proportion_and_names_what_is_missing() -> None:
    drawn = bar_chart(
        "A < B", [Bar("ours", 200.0, "200", True), Bar("theirs", 100.0, "100"), Bar("c", None, "?")]
    )
    root = ElementTree.fromstring(drawn)
    widths = [float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect")]
    assert widths[0] == 2 * widths[1] and len(widths) == 2
    assert [rect.attrib["class"] for rect in root.iter(f"{SVG}rect")] == ["ours", "bar"]
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words == ["A < B", "ours", "200", "theirs", "100", "c", "?"]
    assert "prefers-color-scheme: dark" in drawn


def test_sides_take_turns_and_a_failure_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def one(name: str) -> sides.Side:
        def measured(settings: Settings) -> Figures:
            order.append(name)
            if name == "b":
                raise RuntimeError("a validator ended")
            return {"payments_per_second": 1.0}

        return measured

    monkeypatch.setattr(sides, "SIDES", {name: one(name) for name in "abc"})
    kept: list[int] = []
    found = sides.run_rounds(
        Settings(), 2, ["a", "b", "c"], lambda rounds: kept.append(len(rounds["a"]))
    )
    assert order == ["a", "b", "c", "c", "b", "a"] and kept == [1, 1, 1, 1, 1, 2]
    assert why_missing(found["b"]) and "a validator ended" in str(why_missing(found["b"]))
    assert found["c"] == [{"payments_per_second": 1.0}] * 2


def test_an_engine_that_is_not_here_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "find_program", _not_found)
    assert set(own.measure(Settings(), own.COMETBFT)) == {"missing"}


def _not_found() -> Path:
    raise Refused("cometbft_missing")


def test_files_of_both_commands_are_told() -> None:
    one = {sides.OWN: side(2_000, 20), sides.LIMIT: {"payments_per_second": 4_000}}
    measures = {"compare": {"rounds": [one, one]}}
    found = sides_of({"kind": "benchmarks", "form": "short", "measures": measures})
    assert found["sides"] == {sides.OWN: [one[sides.OWN]] * 2, sides.LIMIT: [one[sides.LIMIT]] * 2}
    assert 'class="ours"' in chart(found["sides"]) and table(found["sides"], found["rates"])
    alone = {"measure": "compare", "sides": ROUNDS, "rates": [100]}
    assert sides_of(alone)["sides"] == ROUNDS
    with pytest.raises(KeyError):
        sides_of({"measure": "restart"})


def test_the_limit_checks_signatures_for_real() -> None:
    found = limit.measure_limit(Settings(seconds=0.2))
    assert found["payments_per_second"] > 0
    assert found["verifier_in_use"]["check_microseconds"] > 0
    with pytest.raises(BadSignatureError):
        check_with_pynacl(bytes(32), b"", bytes(64))
    with pytest.raises(ValueError):
        limit.check_in_use(bytes(32), b"", bytes(64))
