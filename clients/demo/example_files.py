"""The example month's files: where they are, and which of them is handed in when.

In a checkout they stand in `examples/four-territories`; an installed package carries them as
`clients/demo/four-territories`. A territory hands in a file; if that is refused, the mended one of
the same name in `corrected/`; what lies in `again/` was handed in before and must be refused.
"""

import functools
import json
from pathlib import Path

from clients.demo.places import Place
from primitives.errors import Refused

PERIOD = "2025-02"
MONTH = "four-territories"
PAYROLLS = "payroll"
CORRECTED, AGAIN = "corrected", "again"


@functools.cache
def examples_folder() -> Path:
    """The folder with the four territories. Raises `Refused("file_missing")`."""
    here = Path(__file__).resolve()
    candidates = (here.parents[2] / "examples" / MONTH, here.parent / MONTH)
    for folder in candidates:
        if (folder / "expected.json").is_file():
            return folder
    raise Refused("file_missing", MONTH, file=str(candidates[0]))


def expected_refusals() -> dict[str, int]:
    """Every refusal that a demonstration must see, by code."""
    content = json.loads((examples_folder() / "expected.json").read_bytes())
    return {str(code): int(count) for code, count in content["refusals"].items()}


class ExampleFolder:
    """One territory's files."""

    def __init__(self, place: Place) -> None:
        self.root = examples_folder() / place.prefix

    def first(self, name: str) -> Path:
        """A file as it is handed in first."""
        return self.root / name

    def corrected(self, name: str) -> Path | None:
        """The mended one; None if nothing was wrong."""
        file = self.root / CORRECTED / name
        return file if file.exists() else None

    def accepted(self, name: str) -> Path:
        """The one with nothing wrong."""
        return self.corrected(name) or self.first(name)

    def again(self, name: str) -> Path | None:
        """The one that is handed in once more; None if none is."""
        file = self.root / AGAIN / name
        return file if file.exists() else None


def payroll_name(employer: str) -> str:
    """The name of an employer's payroll of the month."""
    return f"{PAYROLLS}/{employer}-{PERIOD}.csv"
