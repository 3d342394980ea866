"""Medians of the rounds, and the table of ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.compare.settings import Figures
from benchmarks.compare.sides import OWN, Rounds

PROCESSOR = "processor_seconds_per_payment_and_replica"
DISK = "disk_bytes_per_payment_and_replica"
MEMORY = "memory_megabytes_per_replica"
SPEED = "payments_per_second"
NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """One figure: its name in words, where it stands, how it is written, and by what factor."""

    name: str
    path: tuple[str, ...]
    digits: int = 0
    factor: float = 1.0


def rows(rates: Sequence[int]) -> list[Row]:
    """What is told of every side."""
    finality = [
        Row(f"final at {rate}/s, {part} (ms)", ("rates", str(rate), part))
        for rate in rates
        for part in ("p50", "p99")
    ]
    return [
        Row("payments/s", (SPEED,)),
        *finality,
        Row("processor per payment and replica (µs)", (PROCESSOR,), 0, 1e6),
        Row("disk per payment and replica (bytes)", (DISK,)),
        Row("memory per replica (MB)", (MEMORY,)),
    ]


def figure(figures: Figures, path: Sequence[str]) -> float | None:
    """What stands there; None where nothing was measured."""
    found: object = figures
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def values(found: Sequence[Figures], path: Sequence[str]) -> list[float]:
    """One figure of all rounds that have it."""
    told = (figure(one, path) for one in found)
    return [value for value in told if value is not None]


def middle(found: Sequence[Figures], path: Sequence[str]) -> float | None:
    """The median of the rounds."""
    told = values(found, path)
    return median(told) if told else None


def why_missing(found: Sequence[Figures]) -> str | None:
    """Why a side has no figures of a round, if it lacks some."""
    reasons = [one[word] for one in found for word in ("missing", "failed") if word in one]
    return "; ".join(map(str, reasons)) or None


def ratio_of(rounds: Rounds, name: str, path: Sequence[str]) -> float | None:
    """How many times the other side's figure ours is: the median of the rounds' ratios."""
    ratios = []
    for ours, theirs in zip(rounds.get(OWN, []), rounds[name], strict=False):
        own_figure, other = figure(ours, path), figure(theirs, path)
        if own_figure is not None and other:
            ratios.append(own_figure / other)
    return median(ratios) if ratios else None


def table(rounds: Rounds, rates: Sequence[int]) -> str:
    """One column for each side: the figure, and how many times it ours is."""
    lines = [f"| | {' | '.join(rounds)} |", f"|---|{'---|' * len(rounds)}"]
    for row in rows(rates):
        cells = [_cell(rounds, name, row) for name in rounds]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    absent = {name: why_missing(found) for name, found in rounds.items()}
    lines += [f"\nMissing: {name} ({why})." for name, why in absent.items() if why is not None]
    return "\n".join(lines)


def _cell(rounds: Rounds, name: str, row: Row) -> str:
    value = middle(rounds[name], row.path)
    if value is None:
        return NOTHING
    shown = f"{value * row.factor:,.{row.digits}f}"
    ratio = None if name == OWN else ratio_of(rounds, name, row.path)
    return shown if ratio is None else f"{shown} (ours × {ratio:.2f})"
