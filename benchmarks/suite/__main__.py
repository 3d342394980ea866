"""Runs the measures and writes one file of figures:

    scripts/benchmark [NAME…] [--full] [--rounds N] [--json FILE [--add]] [--note WORDS]

The short form takes one round of 5 s a point and a hundred thousand accounts, in under ten minutes;
`--full` what README and docs/performance.md are filled with, and says first how long that takes.
`--rounds` takes more of the same, or fewer. `--add` measures anew what is named and keeps what else
stands in the file.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import figures_file
from benchmarks.arguments import count, new_file
from benchmarks.machine import machine
from benchmarks.measures.form import FULL, SHORT, Form
from benchmarks.processes import ended_in_order, run_to_end
from benchmarks.suite.measures import MEASURES

KIND, VERSION = "benchmarks", 1
PATIENCE = 6
"""A machine that is busy otherwise takes longer than expected; so many times, at most."""

PATIENCE_SECONDS = 300

ROUNDS_MAX = 100


def expected(names: list[str], form: Form) -> str:
    """How long it will take, in words."""
    seconds = sum(MEASURES[name].seconds(form) for name in names)
    measures, minutes = _counted(len(names), "measure"), _counted(round(seconds / 60), "minute")
    return f"{measures}, {form.name} form: about {minutes}"


def _counted(number: int, word: str) -> str:
    return f"{max(1, number)} {word}{'s' if number > 1 else ''}"


def kept_from(file: Path, names: list[str], form: Form) -> dict[str, dict[str, Any]]:
    """The other measures that stand in a file. Raises ValueError when it is of another form, or no
    file of this command."""
    content = figures_file.read(file)
    if content.get("kind") != KIND or content.get("form") != form.name:
        raise ValueError(f"{file} holds no figures of the {form.name} form")
    measures: dict[str, dict[str, Any]] = content["measures"]
    return {name: one for name, one in measures.items() if name not in names}


def replaceable(file: Path, form: Form) -> bool:
    """Whether figures of this form may take a file's place: short ones never that of published
    ones, which took an hour and a half."""
    try:
        found = figures_file.read(file)
    except (OSError, ValueError):
        return True
    return form.name == FULL.name or found.get("form") != FULL.name


def run(
    names: list[str], form: Form, note: str, out: Path, kept: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """All rounds of these measures; what there is so far always stands in `out`, beside `kept`."""
    began = time.monotonic()
    measured: dict[str, dict[str, Any]] = {
        name: {"rounds": [], "seconds": 0.0, "failures": []} for name in names
    }
    figures = {
        "kind": KIND,
        "version": VERSION,
        "form": form.name,
        "machine": machine(),
        "note": note,
        "seconds": 0.0,
        "measures": {**kept, **measured},
    }
    for turn in range(form.rounds):
        for name in names:
            if turn >= MEASURES[name].rounds(form):
                continue
            _run_one(name, form, measured[name])
            figures["seconds"] = round(time.monotonic() - began, 1)
            figures_file.write(out, figures)
    return figures


def _run_one(name: str, form: Form, measured: dict[str, Any]) -> None:
    entry = MEASURES[name]
    print(f"{name}, round {len(measured['rounds']) + 1}", file=sys.stderr, flush=True)
    began = time.monotonic()
    longest = PATIENCE * entry.seconds(form) / entry.rounds(form) + PATIENCE_SECONDS
    with tempfile.TemporaryDirectory(prefix="democite-suite-") as folder:
        file = Path(folder) / "figures.json"
        words = [sys.executable, "-m", "benchmarks.suite.one", name, form.name, str(file)]
        try:
            run_to_end(words, longest)
            measured["rounds"].append(figures_file.read(file))
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            # Told, and costs the other measures nothing; what it said stands above.
            measured["failures"].append(f"{type(error).__name__}: {error}"[-300:])
            print(f"{name} failed", file=sys.stderr, flush=True)
    measured["seconds"] = round(measured["seconds"] + time.monotonic() - began, 1)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(MEASURES))
    parser.add_argument(
        "--full", action="store_true", help="the figures that are published, in an hour and a half"
    )
    parser.add_argument(
        "--rounds", metavar="N", type=count(1, ROUNDS_MAX), help="instead of the form's own"
    )
    parser.add_argument("--json", metavar="FILE", type=new_file, default="benchmark.json")
    parser.add_argument(
        "--note", metavar="WORDS", default="", help="stands in the file, as: a busy machine"
    )
    parser.add_argument("--add", action="store_true", help="keep what else stands in the file")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in MEASURES]
    if unknown:
        parser.error(f"no such measure: {', '.join(unknown)} (there are {', '.join(MEASURES)})")
    names, form = options.names or list(MEASURES), FULL if options.full else SHORT
    if options.rounds is not None:
        form = replace(form, rounds=options.rounds)
    if not replaceable(options.json, form):
        parser.error(f"{options.json} holds figures of the full form: name another, with --json")
    try:
        kept = kept_from(options.json, names, form) if options.add else {}
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"{options.json}: {type(error).__name__}: {error}")
    print(expected(names, form), file=sys.stderr, flush=True)
    figures = run(names, form, options.note, options.json, kept)
    failed = [name for name, one in figures["measures"].items() if one["failures"]]
    print(f"{options.json}, {figures['seconds']:.0f} s", file=sys.stderr)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
