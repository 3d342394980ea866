"""Microseconds of processor time per payment and replica, stage by stage.

    .venv/bin/python -m benchmarks.stages [--json FILE] [--seconds N] [--rates 100,400]
        [--before FILE]

All four nodes are sampled (`sampled`), and their processor time (`/proc`) is divided by what the
samples saw. At saturation (`0`) and at each rate. With `--before`, a file of an earlier
state of the program, the table has its column too.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import figures_file
from benchmarks.arguments import counts, figures, new_file, seconds
from benchmarks.machine import check_seconds, machine
from benchmarks.payments import bench_of
from benchmarks.phases import Bench
from benchmarks.processes import ended_in_order
from benchmarks.stages.places import STAGES
from benchmarks.stages.sampled import STAGES_FILE
from clients.demo import processes

ACCOUNTS = 1_000
WRITTEN_SECONDS = 60.0

Stages = dict[str, float]


async def sampled(bench: Bench, rate: int, length: float, folder: Path) -> dict[str, Any]:
    """One phase at a rate (0: as many as go through): microseconds per payment and replica."""
    pids = [node.pid for node in bench.network.living if node.pid is not None]
    for pid in pids:
        os.kill(pid, signal.SIGUSR1)
    phase = bench.at_rate(rate, length) if rate else bench.at_saturation(length)
    total = 1e6 * (await phase)["processor_seconds_per_payment_and_replica"]
    counts: Counter[str] = Counter()
    for pid in pids:
        counts.update(await _counts(pid, folder))
    seen = max(1, counts.total())
    return {
        "rate": rate,
        "samples": counts.total(),
        "microseconds": {stage: round(total * counts[stage] / seen, 1) for stage in STAGES},
    }


async def _counts(pid: int, folder: Path) -> dict[str, int]:
    os.kill(pid, signal.SIGUSR2)
    path = folder / f"stages.{pid}"
    async with asyncio.timeout(WRITTEN_SECONDS):
        while not path.exists():
            await asyncio.sleep(0.05)
    counts: dict[str, int] = json.loads(path.read_text("utf-8"))
    path.unlink()
    return counts


async def measure(rates: list[int], length: float) -> dict[str, Any]:
    """All phases, on one network."""
    with tempfile.TemporaryDirectory(prefix="democite-stages-") as folder:
        # The nodes of this program alone are started so; nothing else reads these two.
        processes.PROGRAM = (sys.executable, "-m", "benchmarks.stages.sampled")
        os.environ[STAGES_FILE] = str(Path(folder) / "stages")
        async with bench_of(ACCOUNTS) as bench:
            phases = [await sampled(bench, rate, length, Path(folder)) for rate in rates]
    return {
        "machine": machine(),
        "check_microseconds": round(1e6 * check_seconds(), 1),
        "phases": phases,
    }


def has_phases(content: dict[str, Any], rates: list[int]) -> bool:
    """Whether a file is of this command and has each of these rates."""
    phases = content.get("phases", [])
    return set(rates) <= {phase.get("rate") for phase in phases}


def table(after: dict[str, Any], before: dict[str, Any] | None) -> str:
    """A row for each stage, a column for each phase, and for what it was before."""
    runs = [run for run in (before, after) if run is not None]
    words = ("before", "after") if before is not None else ("",)
    rates = [phase["rate"] for phase in after["phases"]]
    heads = [f"{rate or 'saturation'} {word}".strip() for rate in rates for word in words]
    columns = [
        next(phase["microseconds"] for phase in run["phases"] if phase["rate"] == rate)
        for rate in rates
        for run in runs
    ]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for stage in STAGES:
        cells = [f"{column[stage]:,.0f}" for column in columns]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    totals = [f"{sum(column.values()):,.0f}" for column in columns]
    lines.append(f"| **all** | {' | '.join(totals)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.stages", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--seconds", metavar="N", type=seconds, default=10.0)
    parser.add_argument("--rates", metavar="A,B", type=counts(), default=[100, 400])
    parser.add_argument("--before", metavar="FILE", type=figures)
    options = parser.parse_args()
    rates = [0, *options.rates]
    before = options.before
    if before is not None and not has_phases(before, rates):
        parser.error("--before: this file has not the same rates")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(measure(rates, options.seconds))
    if options.json is not None:
        figures_file.write(options.json, measured)
    print(table(measured, before))
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
