"""Figures of a file by name, each with what its rounds were, and their spread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Path = tuple[str, ...]
"""Measure, then the names on the way to one figure."""


@dataclass(frozen=True)
class Spread:
    """One figure: what each round said."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)


def figures_of(content: Mapping[str, Any]) -> dict[Path, Spread]:
    """Every number of a file that `scripts/benchmark` wrote. Raises ValueError for another."""
    if content.get("kind") != "benchmarks":
        raise ValueError("this is no file of scripts/benchmark")
    found: dict[Path, list[float]] = {}
    for name, measured in content["measures"].items():
        for figures in measured["rounds"]:
            for path, value in _numbers(figures):
                found.setdefault((name, *path), []).append(value)
    return {path: Spread(tuple(values)) for path, values in found.items()}


def _numbers(figures: object) -> Iterator[tuple[Path, float]]:
    if isinstance(figures, bool):
        return
    if isinstance(figures, int | float):
        yield (), float(figures)
    elif isinstance(figures, Mapping):
        for name, part in figures.items():
            for path, value in _numbers(part):
                yield (str(name), *path), value
    elif isinstance(figures, Sequence) and not isinstance(figures, str):
        numbers = [one for one in figures if isinstance(one, int | float)]
        if numbers and len(numbers) == len(figures):
            yield (), float(median(numbers))
        else:
            # A list of rates: each is called by what it was asked for.
            for index, part in enumerate(figures):
                for path, value in _numbers(part):
                    yield (str(index), *path), value
