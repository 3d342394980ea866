"""Microseconds of processor time per payment and replica, stage by stage.

    .venv/bin/python -m benchmarks.stages [--json FILE] [--seconds N] [--rates 100,400]
        [--accounts N,M] [--nodes N] [--before FILE]

All nodes (four, unless told otherwise) are sampled (`sampled`), and their processor time (`/proc`)
is divided by what the samples saw. At saturation (`0`) and at each rate. With `--accounts`, a
network for each of these sizes, in which the whole crowd is paid, as
`benchmarks/measures/accounts.py` does. With `--before`, a file of an earlier state of the program,
the table has its column too.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import figures_file
from benchmarks.arguments import count, counts, figures, new_file, seconds
from benchmarks.machine import check_seconds, machine
from benchmarks.measures.accounts import payees_in
from benchmarks.network import PLACES_MAX
from benchmarks.payments import bench_of
from benchmarks.phases import Bench
from benchmarks.processes import ended_in_order
from benchmarks.stages.places import MERGE, STAGES
from benchmarks.stages.sampled import STAGES_FILE
from clients.demo import processes
from clients.demo.places import PLACES

ACCOUNTS = 1_000
CROWD_MIN = 100
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
    used = merging = 0.0
    for pid in pids:
        seen = await _seen(pid, folder)
        counts.update(seen["counts"])
        used += seen["processor_seconds"]
        merging += seen["others_seconds"]
    return {
        "rate": rate,
        "samples": counts.total(),
        "microseconds": microseconds(counts, total, merging / used if used else 0.0),
    }


def microseconds(counts: Mapping[str, int], total: float, merged: float) -> dict[str, float]:
    """What each stage took of `total`. The part `merged` of it was the store's own thread's, in
    which no Python runs: the samples that it caused fell on whatever the others were at."""
    seen = max(1, sum(counts.values()))
    stages = {stage: total * (1 - merged) * counts.get(stage, 0) / seen for stage in STAGES}
    stages[MERGE] = total * merged
    return {stage: round(one, 1) for stage, one in stages.items()}


async def _seen(pid: int, folder: Path) -> dict[str, Any]:
    os.kill(pid, signal.SIGUSR2)
    path = folder / f"stages.{pid}"
    async with asyncio.timeout(WRITTEN_SECONDS):
        while not path.exists():
            await asyncio.sleep(0.05)
    seen: dict[str, Any] = json.loads(path.read_text("utf-8"))
    path.unlink()
    return seen


async def measure(
    rates: list[int], length: float, crowds: Sequence[int] = (), nodes: int = len(PLACES)
) -> dict[str, Any]:
    """All phases, on one network of so many nodes, or on one for each crowd."""
    phases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="democite-stages-") as folder:
        # The nodes of this program alone are started so; nothing else reads these two.
        processes.PROGRAM = (sys.executable, "-m", "benchmarks.stages.sampled")
        os.environ[STAGES_FILE] = str(Path(folder) / "stages")
        for crowd in crowds or (0,):
            payee_of = payees_in(crowd) if crowd else None
            async with bench_of(ACCOUNTS, nodes, crowd=crowd, payee_of=payee_of) as bench:
                for rate in rates:
                    phase = await sampled(bench, rate, length, Path(folder))
                    phases.append({"accounts": crowd or ACCOUNTS, **phase})
    return {
        "machine": machine(),
        "seconds": length,
        "nodes": nodes,
        "check_microseconds": round(1e6 * check_seconds(), 1),
        "phases": phases,
    }


def has_phases(
    content: dict[str, Any],
    rates: list[int],
    crowds: Sequence[int] = (),
    nodes: int = len(PLACES),
) -> bool:
    """Whether a file is of this command and has each of these phases, of a network of this size."""
    if content.get("nodes", len(PLACES)) != nodes:
        return False
    there = {_name(phase) for phase in content.get("phases", []) if "rate" in phase}
    return {(crowd, rate) for crowd in crowds or (ACCOUNTS,) for rate in rates} <= there


def _name(phase: dict[str, Any]) -> tuple[int, int]:
    return phase.get("accounts", ACCOUNTS), phase["rate"]


def table(after: dict[str, Any], before: dict[str, Any] | None) -> str:
    """A row for each stage, a column for each phase, and for what it was before."""
    runs = [run for run in (before, after) if run is not None]
    words = ("before", "after") if before is not None else ("",)
    names = [_name(phase) for phase in after["phases"]]
    several = len({accounts for accounts, _ in names}) > 1
    heads = [
        f"{f'{accounts:,} accounts, ' if several else ''}{rate or 'saturation'} {word}".strip()
        for accounts, rate in names
        for word in words
    ]
    columns = [
        next(phase["microseconds"] for phase in run["phases"] if _name(phase) == name)
        for name in names
        for run in runs
    ]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for stage in STAGES:
        cells = [f"{column.get(stage, 0.0):,.0f}" for column in columns]
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
    parser.add_argument("--accounts", metavar="N,M", type=counts(CROWD_MIN), default=[])
    parser.add_argument("--nodes", metavar="N", type=count(1, PLACES_MAX), default=len(PLACES))
    parser.add_argument("--before", metavar="FILE", type=figures)
    options = parser.parse_args()
    rates = [0, *options.rates]
    before = options.before
    if before is not None and not has_phases(before, rates, options.accounts, options.nodes):
        parser.error("--before: this file has not the same rates, accounts and nodes")
    if options.accounts and options.nodes != len(PLACES):
        parser.error(
            f"--accounts: the crowd lives in {len(PLACES)} territories, so without --nodes"
        )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(measure(rates, options.seconds, options.accounts, options.nodes))
    if options.json is not None:
        figures_file.write(options.json, measured)
    print(table(measured, before))
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
