"""Both engines at the same settings, one after the other and again: figures and a table.

    .venv/bin/python -m benchmarks.engines [--json FILE] [--seconds N] [--rate N]
        [--nodes 4,7] [--repeats N]

Each run is `payments.py` in a process of its own, with a network of its own. The engines take
turns, so that what else the machine does meets both. README.md says how to read the figures.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import figures_file
from benchmarks.arguments import count, counts, new_file, seconds
from benchmarks.network import PLACES_MAX
from benchmarks.processes import ended_in_order, run_to_end

ENGINES = ("simplex", "cometbft")
RUN_SECONDS_MAX = 900

Run = dict[str, Any]
ROWS: tuple[tuple[str, Callable[[Run], float], str], ...] = (
    ("payments/s", lambda run: run["saturation"]["payments_per_second"], "{:,.0f}"),
    ("final, p50 (ms)", lambda run: run["rates"][0]["latency_ms"]["p50"], "{:,.0f}"),
    ("final, p99 (ms)", lambda run: run["rates"][0]["latency_ms"]["p99"], "{:,.0f}"),
    (
        "processor (ms per payment and node)",
        lambda run: 1000 * run["saturation"]["processor_seconds_per_payment_and_replica"],
        "{:.3f}",
    ),
    (
        "the same at the steady rate",
        lambda run: 1000 * run["rates"][0]["processor_seconds_per_payment_and_replica"],
        "{:.3f}",
    ),
    (
        "of it `cometbft` (%)",
        lambda run: 100 * run["saturation"]["engine_share_of_processor"],
        "{:.0f}",
    ),
    (
        "memory (MB per node)",
        lambda run: run["saturation"]["memory_megabytes_per_replica"],
        "{:,.0f}",
    ),
    (
        "disk (bytes per payment and node)",
        lambda run: run["saturation"]["disk_bytes_per_payment_and_replica"],
        "{:,.0f}",
    ),
)
"""What a row of the table is, in words, out of a run, and how it is written."""


def run_once(engine: str, nodes: int, length: float, rate: int) -> Run:
    """One run's figures. Raises CalledProcessError, with what it said on stderr shown."""
    with tempfile.TemporaryDirectory(prefix="democite-engines-") as folder:
        out = Path(folder) / "figures.json"
        run_to_end(
            [
                *(sys.executable, "-m", "benchmarks.payments"),
                "--engine",
                engine,
                "--nodes",
                str(nodes),
                "--seconds",
                str(length),
                "--rates",
                str(rate),
                "--json",
                str(out),
            ],
            RUN_SECONDS_MAX,
        )
        return figures_file.read(out)


def table(runs: list[Run], sizes: list[int]) -> str:
    """Medians, one column for each engine and number of nodes."""
    columns = [(engine, nodes) for nodes in sizes for engine in ENGINES]
    heads = [f"{engine}, {nodes}" for engine, nodes in columns]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(columns)}"]
    for name, figure, form in ROWS:
        cells = []
        for engine, nodes in columns:
            found = [
                figure(run) for run in runs if (run["engine"], run["nodes"]) == (engine, nodes)
            ]
            cells.append(form.format(median(found)) if found else "–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.engines", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--seconds", metavar="N", type=seconds, default=20.0)
    parser.add_argument("--rate", metavar="N", type=count(), default=100)
    parser.add_argument("--nodes", metavar="A,B", type=counts(1, PLACES_MAX), default=[4, 7])
    parser.add_argument("--repeats", metavar="N", type=count(), default=3)
    options = parser.parse_args()
    runs: list[Run] = []
    for _ in range(options.repeats):
        for nodes in options.nodes:
            for engine in ENGINES:
                runs.append(run_once(engine, nodes, options.seconds, options.rate))
                if options.json is not None:
                    # After each, so that what was measured is not lost with a later run.
                    figures_file.write(options.json, runs)
                print(f"{engine}, {nodes}: done", file=sys.stderr, flush=True)
    print(table(runs, options.nodes))
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
