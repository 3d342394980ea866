"""CometBFT with an application in its process that does the same transfer (`peers/cometbft`)."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compare.settings import Figures, Settings, missing
from benchmarks.network import first_port
from benchmarks.processes import (
    bytes_on_disk,
    processor_seconds,
    resident_bytes,
    start,
    stopped_after,
)
from clients.demo.ports import choose_base

REPLICAS = 4
ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "benchmarks" / "peers" / "cometbft"
PROGRAM = ROOT / ".tools" / "cometpay"
BUILD_SECONDS_MAX = 900
READY_SECONDS_MAX = 120.0
PAYMENTS_PER_SECOND_MAX = 8_000
"""So many are signed beforehand for each second at saturation."""

WAYS = ("http", "websocket")
PHASE_SECONDS_MORE = 500.0
FIRST_HEIGHT = 2


def measure(settings: Settings, *, tuned: bool) -> Figures:
    """One round: each way of submission at saturation, then the rates by the better one."""
    why = build()
    if why is not None:
        return missing(why)
    with _running(settings, tuned) as network:
        by_way = {way: network.at_saturation(settings, way) for way in WAYS}
        way = max(by_way, key=lambda each: float(by_way[each]["payments_per_second"]))
        rates = {
            str(rate): network.load(settings, way, rate=rate, warm_up=0.0)["latency_ms"]
            for rate in settings.rates
        }
    return {
        **by_way[way],
        "way": way,
        "payments_per_second_by_way": {
            each: figures["payments_per_second"] for each, figures in by_way.items()
        },
        "rates": rates,
    }


def build() -> str | None:
    """Build the peer unless it is built; why that is not possible, if it is not."""
    if shutil.which("go") is None:
        return "no `go` here to build it with"
    done = subprocess.run(
        ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(PROGRAM), "."],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
    )
    if done.returncode != 0:
        return f"it could not be built: {done.stderr.strip()[-300:]}"
    return None


@dataclass
class _Network:
    """Four validators on loopback."""

    folder: Path
    words: list[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    first_payment: int = 0

    def at_saturation(self, settings: Settings, way: str) -> dict[str, Any]:
        """As many payments as go through, and what the validators used for them."""
        return self.load(settings, way, rate=0, warm_up=settings.warm_up_seconds)

    def load(self, settings: Settings, way: str, *, rate: int, warm_up: float) -> dict[str, Any]:
        """One phase. Raises RuntimeError when the load generator fails."""
        length = warm_up + settings.seconds
        most = int(length * (rate or PAYMENTS_PER_SECOND_MAX)) + 1
        options = {
            "-accounts": settings.accounts,
            "-first": self.first_payment,
            "-most": most,
            "-rate": rate,
            "-window": settings.window,
            "-warm-up": warm_up,
            "-seconds": settings.seconds,
            "-way": way,
        }
        words = [str(word) for pair in options.items() for word in pair]
        found = self._run([str(PROGRAM), "load", *self.words, *words], length)
        # Numbers that were never sent stay unused: the next phase goes on behind them all.
        turns = -(-int(found["sent"]) // settings.accounts)
        self.first_payment += turns * settings.accounts
        return found

    def _run(self, words: list[str], length: float) -> dict[str, Any]:
        pids = [process.pid for process in self.processes]
        used: dict[str, tuple[float, int]] = {}
        figures: dict[str, Any] = {}
        errors = (self.folder / "load.log").open("ab")
        loading = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors)
        with errors, loading, stopped_after([loading]):
            assert loading.stdout is not None
            for line in loading.stdout:
                told = json.loads(line)
                used[told["event"]] = (processor_seconds(pids), bytes_on_disk(self.folder))
                figures = told
            loading.wait(length + PHASE_SECONDS_MORE)
        if loading.returncode != 0 or figures.pop("event", None) != "figures":
            raise RuntimeError((self.folder / "load.log").read_text()[-1_000:])
        share = 1 / max(1, int(figures["payments"])) / REPLICAS
        (before, disk_before), (after, disk_after) = used["begin"], used["end"]
        return {
            **figures,
            "payments_per_second": round(figures["payments_per_second"], 1),
            "processor_seconds_per_payment_and_replica": round((after - before) * share, 9),
            "disk_bytes_per_payment_and_replica": round((disk_after - disk_before) * share),
            "memory_megabytes_per_replica": round(resident_bytes(pids) / REPLICAS / 1e6, 1),
        }


@contextlib.contextmanager
def _running(settings: Settings, tuned: bool) -> Iterator[_Network]:
    with tempfile.TemporaryDirectory(prefix="democite-cometpay-") as name:
        base = choose_base(None, REPLICAS, first_port())
        words = ["-dir", name, "-base", str(base), *(["-tuned"] if tuned else [])]
        subprocess.run([str(PROGRAM), "init", *words], check=True, timeout=60)
        network = _Network(Path(name), words)
        with stopped_after(network.processes):
            for index in range(REPLICAS):
                more = ["-index", str(index), "-accounts", str(settings.accounts)]
                log = Path(name) / f"{index}.log"
                network.processes.append(start([str(PROGRAM), "node", *words, *more], log))
            _wait_ready(network, base)
            yield network
            if any(process.poll() is not None for process in network.processes):
                raise RuntimeError("a validator ended meanwhile")


def _wait_ready(network: _Network, base: int) -> None:
    """Until the first blocks came. Raises RuntimeError with what a validator said."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, KeyError):
            with urllib.request.urlopen(f"http://127.0.0.1:{base}/status", timeout=5) as answer:
                status = json.loads(answer.read())
            if int(status["result"]["sync_info"]["latest_block_height"]) >= FIRST_HEIGHT:
                return
        if any(process.poll() is not None for process in network.processes):
            break
        time.sleep(0.2)
    raise RuntimeError((network.folder / "0.log").read_text()[-1_000:] or "no block came")
