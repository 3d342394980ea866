"""The one command: groups, help, errors, and how fast it answers."""

import json
import math
import resource
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from clients.cli import main
from clients.cli.groups import GROUPS
from primitives.errors import Refused
from terminal.application import application
from terminal.errors import CommandError
from terminal.options import JsonOption, LangOption, node_urls
from terminal.results import Result
from tests.patience import PATIENCE_SECONDS

PROGRAM = Path(sys.executable).with_name("democite")
KNOWN_WORK = "import asyncio, http.client, ssl, unittest.mock"


def _group() -> typer.Typer:
    app = application("a group")

    @app.command()
    def good(
        word: str = "x",
        as_json: JsonOption = False,
        lang: LangOption = None,
    ) -> Result:
        """Says a word."""
        return Result({"word": word}, f"word {word}")

    @app.command()
    def bad(kind: str, as_json: JsonOption = False) -> Result:
        """Fails."""
        if kind == "refused":
            raise Refused("balance_insufficient", "3 < 5")
        if kind == "unknown":
            raise CommandError("outcome_unknown", data={"id": "00"})
        if kind == "interrupt":
            raise KeyboardInterrupt
        raise ValueError("a bug")

    return app


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMOCITE_LANG", "en")
    monkeypatch.setattr(main, "_load", lambda _: _group())


def test_the_overview_names_every_group_and_loads_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in GROUPS)


def test_a_group_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["nothing"]) == 2
    assert "error[usage]" in capsys.readouterr().err


def test_a_part_that_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("till", "no_such_package.commands:app", main.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [point])
    assert main.run(["till"]) == 2
    captured = capsys.readouterr()
    assert "error[part_not_installed]" in captured.err
    assert captured.out == ""


def test_results_for_people_and_for_programs(
    group: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["g", "good", "--word", "é"]) == 0
    assert capsys.readouterr().out == "word é\n"
    assert main.run(["g", "good", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"word": "x"}


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        ("refused", "balance_insufficient", 4),
        ("unknown", "outcome_unknown", 6),
        ("interrupt", "interrupted", 130),
        ("bug", "internal_error", 1),
    ],
)
def test_failures(
    group: None, capsys: pytest.CaptureFixture[str], kind: str, code: str, exit_code: int
) -> None:
    assert main.run(["g", "bad", kind]) == exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"error[{code}]: " in captured.err
    assert "\nhint: " in captured.err
    assert main.run(["g", "bad", kind, "--json"]) == exit_code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


@pytest.mark.parametrize(
    "words", [["bad"], ["good", "--no-such"], ["none"], ["good", "--lang", "x"]]
)
def test_usage_errors_keep_to_the_shape(
    group: None, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main.run(["g", *words, "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "usage"
    assert "error[usage]" in captured.err


def test_the_language_of_help(group: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["g", "--help", "--lang", "fr"]) == 0
    assert "Usage : democite g" in capsys.readouterr().out
    assert main.run(["--lang", "en", "g"]) == 0
    assert "Usage: democite g" in capsys.readouterr().out


def test_nodes_come_from_options_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMOCITE_NODES", "http://a/, http://b,,http://a")
    assert node_urls(None) == ("http://a", "http://b")
    assert node_urls(["http://c", "http://d"]) == ("http://c", "http://d")
    monkeypatch.delenv("DEMOCITE_NODES")
    assert node_urls(None) == ()


def processor_seconds(words: list[str]) -> float:
    """What a command that must succeed takes of a processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(("words", "times_max"), [(["--help"], 1.3), (["wallet", "--help"], 3.5)])
def test_help_answers_at_once(words: list[str], times_max: float) -> None:
    """Measured by what loading some of Python's own library takes on the same machine in the same
    moment (0.1 s on a quick one), and in processor time: how long a busy machine lets a process
    wait says nothing about it. Nor does one try: cores that are shared take more for the same."""
    least, least_known = math.inf, math.inf
    for _ in range(12):
        least_known = min(least_known, processor_seconds([sys.executable, "-c", KNOWN_WORK]))
        least = min(least, processor_seconds([str(PROGRAM), *words]))
        if least < times_max * least_known:
            return
    assert least < times_max * least_known


def test_help_does_not_load_what_only_work_needs() -> None:
    program = (
        "import sys; from clients.cli.main import run; run(['wallet', '--help']);"
        "sys.exit(sum(name in sys.modules for name in ('aiohttp', 'pydantic', 'rich')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
