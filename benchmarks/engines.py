"""Both engines at the same settings, one after the other and again: figures and a table.

    .venv/bin/python -m benchmarks.engines [--json FILE] [--seconds N] [--rate N]
        [--nodes 4,7] [--repeats N]

Each run is `payments.py` in a process of its own, with a network of its own. The engines take
turns, so that what else the machine does meets both. README.md says how to read the figures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

PAYMENTS = Path(__file__).with_name("payments.py")
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


def run_once(engine: str, nodes: int, seconds: float, rate: int) -> Run:
    """One run's figures. Raises CalledProcessError, with what it said on stderr shown."""
    with tempfile.TemporaryDirectory(prefix="democite-engines-") as folder:
        out = Path(folder) / "figures.json"
        subprocess.run(
            [
                sys.executable,
                str(PAYMENTS),
                "--engine",
                engine,
                "--nodes",
                str(nodes),
                "--seconds",
                str(seconds),
                "--rates",
                str(rate),
                "--json",
                str(out),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=RUN_SECONDS_MAX,
        )
        figures: Run = json.loads(out.read_text("utf-8"))
        return figures


def table(runs: list[Run], counts: list[int]) -> str:
    """Medians, one column for each engine and number of nodes."""
    columns = [(engine, count) for count in counts for engine in ENGINES]
    heads = [f"{engine}, {count}" for engine, count in columns]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(columns)}"]
    for name, figure, form in ROWS:
        cells = []
        for engine, count in columns:
            found = [
                figure(run) for run in runs if (run["engine"], run["nodes"]) == (engine, count)
            ]
            cells.append(form.format(median(found)) if found else "–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--seconds", metavar="N", type=float, default=20.0)
    parser.add_argument("--rate", metavar="N", type=int, default=100)
    parser.add_argument("--nodes", metavar="A,B", default="4,7")
    parser.add_argument("--repeats", metavar="N", type=int, default=3)
    options = parser.parse_args()
    counts = [int(word) for word in options.nodes.split(",")]
    runs: list[Run] = []
    for _ in range(options.repeats):
        for count in counts:
            for engine in ENGINES:
                runs.append(run_once(engine, count, options.seconds, options.rate))
                if options.json is not None:
                    # After each, so that what was measured is not lost with a later run.
                    options.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
                print(f"{engine}, {count}: done", file=sys.stderr, flush=True)
    print(table(runs, counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
