"""This project under either engine: `benchmarks/payments.py` in a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.compare.settings import Figures, Settings, missing
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
    run = run_payments(settings, engine, nodes)
    saturation = run["saturation"]
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
        "rates": {str(one["payments_per_second_asked"]): one["latency_ms"] for one in run["rates"]},
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
        subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.payments"),
                *(str(word) for pair in words.items() for word in pair),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=RUN_SECONDS_MAX,
        )
        figures: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return figures
