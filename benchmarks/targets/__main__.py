"""Prints the table of targets from a file of `scripts/benchmark`, or writes it where it belongs:

    .venv/bin/python -m benchmarks.targets FILE [--lang fr|en]
    .venv/bin/python -m benchmarks.targets FILE --write docs/performance.md

`--write` replaces what stands between `<!-- targets:fr -->` and `<!-- /targets:fr -->`, and the
same for `en`; the rest of the document stays. Exits with 1 if a target is not met and `--check`
is given.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.arguments import figures
from benchmarks.spread import figures_of
from benchmarks.targets.rows import ROWS
from benchmarks.targets.table import ENGLISH, FRENCH, decides, preface, spread_of, table


def told(content: Mapping[str, Any], language: str) -> str:
    """The machine, then the table."""
    return f"{preface(content, language)}\n\n{table(content, language)}"


def filled(document: str, content: Mapping[str, Any]) -> str:
    """The document with both tables replaced. Raises ValueError where one has no place."""
    for language in (FRENCH, ENGLISH):
        begin, end = f"<!-- targets:{language} -->", f"<!-- /targets:{language} -->"
        if document.count(begin) != 1 or document.count(end) != 1:
            raise ValueError(f"{begin} … {end} must stand in it once")
        above, rest = document.split(begin)
        below = rest.split(end)[1]
        document = f"{above}{begin}\n{told(content, language)}\n{end}{below}"
    return document


def not_met(content: Mapping[str, Any]) -> list[str]:
    """Targets that must be met and are not, or were not measured, or not at their size."""
    lacking = []
    for row in ROWS:
        found = spread_of(content, row)
        decided = found is not None and decides(content, row)
        if row.must is not None and not (found and decided and row.must.holds(found.middle)):
            lacking.append(row.english)
    return lacking


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.targets", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("file", metavar="FILE", type=figures)
    parser.add_argument("--lang", choices=(FRENCH, ENGLISH), default=ENGLISH)
    parser.add_argument("--write", metavar="DOCUMENT", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    try:
        content = options.file
        figures_of(content)  # raises for a file of another command
        if options.write is None:
            print(told(content, options.lang))
        else:
            document = options.write.read_text("utf-8")
            options.write.write_text(filled(document, content), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        parser.error(f"{type(error).__name__}: {error}")
    lacking = not_met(content)
    if options.check and lacking:
        print(f"not met: {'; '.join(lacking)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
