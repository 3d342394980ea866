"""What networks of 10, 100 and 1,000 territories need, for docs/scale.md:

    .venv/bin/python -m benchmarks.scale [--lang fr|en] [--costs FILE]
    .venv/bin/python -m benchmarks.scale --write docs/scale.md
    .venv/bin/python -m benchmarks.scale --check docs/scale.md

Prints its tables in Markdown, both languages unless told otherwise. `--write` puts each between its
`<!-- scale:NAME:LANGUAGE -->` and `<!-- /scale -->`, `--check` ends with 1 unless the document has
exactly these. Pure arithmetic: the same costs give the same tables everywhere.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale.costs import COSTS_FILE, Costs, read_costs
from benchmarks.scale.simulated_table import simulated
from benchmarks.scale.tables import (
    assumptions,
    both,
    ends,
    finality,
    measured,
    people,
    voters,
)
from benchmarks.targets.table import ENGLISH, FRENCH

LANGUAGES = (FRENCH, ENGLISH)
PARTS: dict[str, Callable[[Costs, str], str]] = {
    "assumptions": lambda _, language: assumptions(language),
    "people": people,
    "voters": voters,
    "both": both,
    "finality": finality,
    "simulated": simulated,
    "ends": ends,
    "measured": measured,
}
_END = "<!-- /scale -->"
_PLACE = re.compile(r"<!-- scale:([a-z]+):([a-z]+) -->\n.*?" + re.escape(_END), re.DOTALL)


def filled(document: str, costs: Costs) -> str:
    """The document with every table replaced. Raises ValueError unless each has one place."""
    wanted = [(name, language) for language in LANGUAGES for name in PARTS]
    found = [match.groups() for match in _PLACE.finditer(document)]
    if sorted(found) != sorted(wanted):
        wrong = sorted(set(found) ^ set(wanted)) or sorted(found)
        raise ValueError(f"one place for each table, please: {wrong}")

    def fill(match: re.Match[str]) -> str:
        name, language = match.groups()
        return f"<!-- scale:{name}:{language} -->\n{PARTS[name](costs, language)}\n{_END}"

    return _PLACE.sub(fill, document)


def main() -> int:
    """Print, write or check."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("--lang", choices=LANGUAGES)
    parser.add_argument("--costs", metavar="FILE", type=Path, default=COSTS_FILE)
    into = parser.add_mutually_exclusive_group()
    into.add_argument("--write", metavar="DOCUMENT", type=Path)
    into.add_argument("--check", metavar="DOCUMENT", type=Path)
    options = parser.parse_args()
    try:
        costs = read_costs(options.costs)
        if options.write is not None:
            document = options.write.read_text("utf-8")
            options.write.write_text(filled(document, costs), encoding="utf-8")
        elif options.check is not None:
            document = options.check.read_text("utf-8")
            if filled(document, costs) != document:
                print(
                    f"{options.check} does not hold these tables: "
                    f"python -m benchmarks.scale --write {options.check}",
                    file=sys.stderr,
                )
                return 1
        else:
            for language in (options.lang,) if options.lang else LANGUAGES:
                print("\n\n".join(part(costs, language) for part in PARTS.values()), end="\n\n")
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{type(error).__name__}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
