"""`democite simulate`: counts what held, and prints the one line that replays what did not."""

import multiprocessing
from dataclasses import replace

import pytest

from clients import simulate
from clients.cli.main import run as democite
from consensus.members import MemberSet
from consensus.simulation import run as simulation
from consensus.simulation.scenario import Scenario

REPLAYS = "democite simulate --members 4 --from "

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


FORKS = multiprocessing.get_start_method() == "fork"


@pytest.mark.parametrize(
    "jobs",
    ["1", pytest.param("2", marks=pytest.mark.skipif(not FORKS, reason="the fault is not there"))],
)
def test_a_planted_fault_is_found_and_its_line_replays_it(
    jobs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def line_of(words: list[str]) -> str:
        assert democite([*words, "--jobs", jobs, "--lang", "en"]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        return next(line for line in told.err.splitlines() if REPLAYS in line)

    with monkeypatch.context() as planted:
        planted.setattr(MemberSet, "quorum", property(lambda members: len(members.members) // 2))
        found = line_of(["simulate", "--members", "4", "--seeds", "200", "--from", "3"])
        replay = found[found.index(REPLAYS) :].split()[1:]
        assert line_of(replay) == found
    assert democite([*replay, "--jobs", jobs]) == 0, "the fault, and not the seed"
