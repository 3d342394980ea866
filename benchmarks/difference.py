"""Two files of `scripts/benchmark` beside each other, and which differences are beyond the spread:

    .venv/bin/python -m benchmarks.difference BEFORE AFTER [--all] [--only WORD]

A difference is beyond it when no round of the one is between the rounds of the other. Of one round
alone nothing can be said; such a figure is shown, and named so. Exits with 2 where the files are of
different forms or machines, unless `--anyway`.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import spread
from benchmarks.arguments import figures
from benchmarks.spread import Spread, figures_of

ROUNDS_MIN = 2
BEYOND, WITHIN, UNKNOWN = "beyond", "within", "one round"
PROGRAM = "python_program"
"""The same version, compiled otherwise, is a tenth quicker or slower."""

MACHINE_FACTS = ("processors", "processor", "architecture", "system", "python")


@dataclass(frozen=True)
class Difference:
    """One figure, before and after."""

    path: spread.Path
    before: Spread
    after: Spread

    @property
    def ratio(self) -> float | None:
        """After by before; None where it was nothing."""
        return self.after.middle / self.before.middle if self.before.middle else None

    @property
    def verdict(self) -> str:
        """Whether it is more than the rounds' spread."""
        if min(len(self.before.values), len(self.after.values)) < ROUNDS_MIN:
            return UNKNOWN
        apart = self.after.low > self.before.high or self.after.high < self.before.low
        return BEYOND if apart else WITHIN


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Of every figure that both files have, in the order of the first."""
    old, new = figures_of(before), figures_of(after)
    return [Difference(path, old[path], new[path]) for path in old if path in new]


def unlike(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Why these files should not be compared, if anything."""
    found = []
    if before["form"] != after["form"]:
        found.append(f"form: {before['form']}, {after['form']}")
    for fact in MACHINE_FACTS:
        old, new = before["machine"].get(fact), after["machine"].get(fact)
        if old != new:
            found.append(f"{fact}: {old}, {new}")
    programs = [one["machine"].get(PROGRAM) for one in (before, after)]
    if None not in programs and len(set(programs)) > 1:  # files of before don't say it
        found.append(f"{PROGRAM}: {', '.join(programs)}")
    return found


def table(found: list[Difference]) -> str:
    """One line for each figure."""
    lines = [
        "| figure | before | after | ratio | difference |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        ratio = "–" if one.ratio is None else f"× {one.ratio:.3f}"
        cells = [".".join(one.path), _told(one.before), _told(one.after), ratio, one.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(figure: Spread) -> str:
    if len(figure.values) == 1:
        return f"{figure.middle:,.6g}"
    return f"{figure.middle:,.6g} ({figure.low:,.6g} … {figure.high:,.6g})"


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.difference", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("before", metavar="BEFORE", type=figures)
    parser.add_argument("after", metavar="AFTER", type=figures)
    parser.add_argument("--all", action="store_true", help="differences within the spread too")
    parser.add_argument("--only", metavar="WORD", default="", help="figures whose name has it")
    parser.add_argument("--anyway", action="store_true", help="files that should not be compared")
    options = parser.parse_args()
    try:
        found = differences(options.before, options.after)
        reasons = unlike(options.before, options.after)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        parser.error(f"{type(error).__name__}: {error}")
    if reasons:
        print(f"these differ in more than time: {'; '.join(reasons)}", file=sys.stderr)
        if not options.anyway:
            return 2
    shown = [one for one in found if options.only in ".".join(one.path)]
    within = [one for one in shown if one.verdict == WITHIN]
    if not options.all:
        shown = [one for one in shown if one.verdict != WITHIN]
    print(table(shown))
    if within and not options.all:
        print(f"\n{len(within)} figures differ by no more than their rounds (--all shows them).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
