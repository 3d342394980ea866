"""What is wrong with a command is said before it measures, and its files are whole or as before."""

import argparse
import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchmarks import arguments, figures_file, processes
from tests.architecture.sources import ROOT

WRONG = [
    ("payments", ["--seconds", "-1"], "no number of seconds"),
    ("payments", ["--seconds", "nan"], "no number of seconds"),
    ("payments", ["--nodes", "17"], "from 1 to 16"),
    ("payments", ["--rates", "100,fast"], "'fast' is no whole number"),
    ("payments", ["--accounts", "7"], "two at least for each node"),
    ("payments", ["--json", "/nowhere/figures.json"], "can't be written"),
    ("wages", ["--lines", "0"], "from 1 to 2000"),
    ("engines", ["--nodes", "4,0"], "from 1 to 16"),
    ("compare", ["--rounds", "0"], "no whole number"),
    ("compare", ["--from", "/nowhere.json"], "/nowhere.json"),
    ("stages", ["--before", "/nowhere.json"], "/nowhere.json"),
    ("life", ["idle", "--seconds", "0"], "no number of seconds"),
    ("scale.blocks", ["--rate", "0"], "no whole number"),
    ("suite", ["idle", "--json", "/nowhere/figures.json"], "can't be written"),
    ("difference", ["/nowhere.json", "/nowhere.json"], "/nowhere.json"),
    ("targets", ["/nowhere.json"], "/nowhere.json"),
]


@pytest.mark.parametrize(("command", "words", "told"), WRONG)
def test_wrong_words_are_refused_before_anything_is_measured(
    command: str, words: list[str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{command}", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2 and told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", "7"])
def test_a_file_of_anything_else_holds_no_figures(content: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text(content, "utf-8")
    with pytest.raises(argparse.ArgumentTypeError, match=r"figures\.json"):
        arguments.figures(str(file))


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="folder"):
        arguments.new_file(str(tmp_path))
    assert arguments.new_file(str(tmp_path / "new.json")) == tmp_path / "new.json"


def test_figures_are_written_whole_or_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "figures.json"
    figures_file.write(file, {"before": 1})

    def interrupted(_: Path, __: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", interrupted)
        figures_file.write(file, {"after": 2})
    assert json.loads(file.read_text("utf-8")) == {"before": 1}
    assert list(tmp_path.iterdir()) == [file]


def _mind_interrupts() -> None:
    """A shell without a terminal starts what it leaves in the background without a mind to them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_command_that_is_interrupted_lets_what_it_started_end_in_order(tmp_path: Path) -> None:
    """Ctrl-C at a terminal reaches the whole process group; the inner command has a folder to
    remove, and would not live to do it if it were killed."""
    inner = textwrap.dedent("""
        import sys, tempfile, time
        from benchmarks.processes import ended_in_order

        def main():
            with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
                time.sleep(300)

        sys.exit(ended_in_order(main))
    """)
    outer = textwrap.dedent("""
        import sys
        from benchmarks.processes import ended_in_order, run_to_end

        def main():
            run_to_end([sys.executable, "-c", sys.argv[1], sys.argv[2]], 300)

        sys.exit(ended_in_order(main))
    """)
    for number, code in ((signal.SIGINT, processes.INTERRUPTED), (signal.SIGTERM, 143)):
        command = [sys.executable, "-c", outer, inner, str(tmp_path)]
        with subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, preexec_fn=_mind_interrupts
        ) as process:
            while not list(tmp_path.iterdir()):
                assert process.poll() is None
            process.send_signal(number)
            assert process.wait(120) == code
        assert not list(tmp_path.iterdir())
