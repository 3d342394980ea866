"""`democite simulate`: counts what held, and prints the one line that replays what did not."""

from dataclasses import replace

import pytest

from clients import simulate
from clients.cli.main import run as democite
from consensus.simulation import run as simulation
from consensus.simulation.scenario import Scenario

pytestmark = pytest.mark.simulation


def test_it_counts_the_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "--seeds", "3", "--members", "2", "--jobs", "1", "--from", "7", "--json"]
    assert democite(words) == 0
    out = capsys.readouterr().out
    assert '"members": 2, "first_seed": 7, "seeds": 3' in out
    assert '"violations": 0' in out


def test_a_violation_is_one_line_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_run = simulation.run

    def broken(scenario: Scenario) -> simulation.Outcome:
        outcome = real_run(scenario)
        return replace(outcome, violation="broken" if scenario.seed == 12 else None)

    monkeypatch.setattr(simulation, "run", broken)
    line = "democite simulate --members 1 --from 12 --seeds 1"
    assert simulate.play(1, range(10, 15))[2] == f"broken: {line}"
    words = ["simulate", "--seeds", "9", "--members", "1", "--jobs", "1", "--from", "5"]
    assert democite(words) == 1
    assert line in capsys.readouterr().err
