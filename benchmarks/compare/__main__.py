"""The same payments on our engine, on CometBFT, on PostgreSQL, and at the limit:

    .venv/bin/python -m benchmarks.compare [SIDE…] [--rounds N] [--seconds N] [--rates 100,400,900]
        [--accounts N] [--json FILE] [--svg FILE] [--from FILE] [--short]

One side after the other, alternating. `--short` takes one round of 5 s a point. `--from` measures
nothing and tells a file's figures again. README.md in the folder above says how to read them.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import figures_file
from benchmarks.arguments import count, counts, figures, new_file, seconds
from benchmarks.chart import Bar, bar_chart
from benchmarks.compare.ratios import SPEED, middle, table
from benchmarks.compare.settings import Settings
from benchmarks.compare.sides import OWN, SHORT_NAMES, Rounds, run_rounds
from benchmarks.machine import machine
from benchmarks.measures.form import FORMS
from benchmarks.processes import ended_in_order

ROUNDS = 3
SHORT_SECONDS = 5.0


def measure(settings: Settings, rounds: int, names: list[str], out: Path | None) -> dict[str, Any]:
    """All rounds; what there is so far always stands in `out`."""
    facts = machine()

    def content(found: Rounds) -> dict[str, Any]:
        return {
            "measure": "compare",
            "machine": facts,
            "seconds": settings.seconds,
            "accounts": settings.accounts,
            "rates": list(settings.rates),
            "sides": found,
        }

    def keep(found: Rounds) -> None:
        if out is not None:
            figures_file.write(out, content(found))

    return content(run_rounds(settings, rounds, names, keep))


def chart(rounds: Rounds) -> str:
    """Payments a second of every side."""
    bars = []
    for name, found in rounds.items():
        speed = middle(found, (SPEED,))
        words = "missing" if speed is None else f"{speed:,.0f}"
        bars.append(Bar(name, speed, words, name == OWN))
    return bar_chart("Payments per second, four replicas on one small machine", bars)


def sides_of(content: dict[str, Any]) -> dict[str, Any]:
    """What this command wrote, or the same out of a file of `scripts/benchmark`. Raises KeyError
    where it holds no comparison."""
    if content.get("kind") != "benchmarks":
        return {**content, "sides": content["sides"], "rates": content["rates"]}
    rounds = content["measures"]["compare"]["rounds"]
    names = rounds[0] if rounds else {}
    return {
        **content,
        "rates": list(FORMS[content["form"]].rates),
        "sides": {name: [one[name] for one in rounds if name in one] for name in names},
    }


def _settings(options: argparse.Namespace) -> Settings:
    each = SHORT_SECONDS if options.short else options.seconds
    return Settings(seconds=each, rates=tuple(options.rates), accounts=options.accounts)


def main() -> int:
    """Measure and print."""
    usual = Settings()
    parser = argparse.ArgumentParser(
        prog="benchmarks.compare", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("sides", metavar="SIDE", nargs="*", help=", ".join(SHORT_NAMES))
    parser.add_argument("--rounds", metavar="N", type=count())
    parser.add_argument("--seconds", metavar="N", type=seconds, default=usual.seconds)
    parser.add_argument("--rates", metavar="A,B", type=counts(), default=list(usual.rates))
    parser.add_argument("--accounts", metavar="N", type=count(8), default=usual.accounts)
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--svg", metavar="FILE", type=new_file)
    parser.add_argument("--from", metavar="FILE", type=figures, dest="earlier")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    unknown = [side for side in options.sides if side not in SHORT_NAMES]
    if unknown:
        parser.error(f"no such side: {', '.join(unknown)} (there are {', '.join(SHORT_NAMES)})")
    if options.earlier is not None:
        try:
            told = sides_of(options.earlier)
        except (KeyError, TypeError):
            parser.error("--from: there is no comparison in this file")
    else:
        names = [SHORT_NAMES[side] for side in options.sides or SHORT_NAMES]
        rounds = options.rounds or (1 if options.short else ROUNDS)
        told = measure(_settings(options), rounds, names, options.json)
        print(json.dumps(told, indent=1))
    print(table(told["sides"], told["rates"]), file=sys.stderr)
    if options.svg is not None:
        options.svg.write_text(chart(told["sides"]), encoding="utf-8")
    failed = any("failed" in one for found in told["sides"].values() for one in found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
