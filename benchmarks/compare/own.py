"""This project under either engine: `benchmarks/payments.py` in a process of its own."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import figures_file
from benchmarks.compare.settings import Figures, Settings, missing
from benchmarks.processes import run_to_end
from node.engines.cometbft.program import find_program
from primitives.errors import Refused

RUN_SECONDS_MAX = 900
SIMPLEX, COMETBFT = "simplex", "cometbft"


def measure(settings: Settings, engine: str, nodes: int = 4) -> Figures:
    """One round. Raises CalledProcessError, with what it said on stderr shown."""
    if engine == COMETBFT:
        try:
            find_program()
        except Refused:
            return missing("no `cometbft` here: scripts/install-cometbft builds it")
    figures = run_payments(settings, engine, nodes)
    saturation = figures["saturation"]
    return {
        **{
            name: saturation[name]
            for name in (
                "payments_per_second",
                "latency_ms",
                "processor_seconds_per_payment_and_replica",
                "disk_bytes_per_payment_and_replica",
                "memory_megabytes_per_replica",
                "refused",
            )
        },
        "rates": {
            str(one["payments_per_second_asked"]): one["latency_ms"] for one in figures["rates"]
        },
    }


def run_payments(settings: Settings, engine: str, nodes: int) -> dict[str, Any]:
    """All that `benchmarks/payments.py` says of one run."""
    with tempfile.TemporaryDirectory(prefix="democite-compare-") as folder:
        out = Path(folder) / "figures.json"
        words = {
            "--engine": engine,
            "--nodes": nodes,
            "--seconds": settings.seconds,
            "--rates": ",".join(map(str, settings.rates)),
            "--accounts": settings.accounts,
            "--json": out,
        }
        command = [sys.executable, "-m", "benchmarks.payments"]
        run_to_end(
            [*command, *(str(word) for pair in words.items() for word in pair)],
            RUN_SECONDS_MAX,
        )
        return figures_file.read(out)
