"""Three times as many payments as a network carries: what becomes final, what others hear."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from benchmarks.flood import Attempts, Ready, channel, send_at_rate, settled
from benchmarks.load import Load
from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of
from benchmarks.processes import resident_bytes
from clients.demo.summary import percentile

TIMES = 3
ACCOUNTS = 2_000
"""So many that the 32 on their way for each are more than nodes take: nodes must refuse."""

SECONDS = 2.5
"""By those of a point: what nodes take must be full before most of the time is over."""

SETTLE_SECONDS_MAX = 180.0
SAMPLE_SECONDS = 0.5
WARM_UP_SHARE = 1 / 3
"""Of the time: queues fill first."""


async def measure(form: Form) -> Figures:
    """At its peak, then at three times that."""
    async with bench_of(ACCOUNTS) as bench:
        peak = await bench.at_saturation(form.seconds)
        rate = TIMES * float(peak["payments_per_second"])
        pids = [node.pid for node in bench.network.nodes if node.pid is not None]
        return {"peak": peak, **await _flooded(bench.load, rate, SECONDS * form.seconds, pids)}


async def _flooded(load: Load, rate: float, seconds: float, pids: Sequence[int]) -> Figures:
    # All that could be asked for is signed and framed: sending shall not wait for that.
    attempts = Attempts(_by_payer(load, int(rate * seconds)))
    session = load.payers[0].session
    async with contextlib.AsyncExitStack() as stack:
        # Everybody's own node, since one alone would refuse before the network is full.
        channels = [
            await stack.enter_async_context(channel(session, url, attempts))
            for url in session.client.urls
        ]
        memory = await stack.enter_async_context(_watched(pids))
        began, own_before = time.monotonic(), time.process_time()
        await send_at_rate(attempts, channels, rate, seconds)
        ended, own = time.monotonic(), time.process_time() - own_before
        offered = attempts.count
        await settled(attempts, SETTLE_SECONDS_MAX)
    measured_from = began + seconds * WARM_UP_SHARE
    goodput = attempts.tally.rate_between(measured_from, ended)
    waited = attempts.refused_after_ms
    return {
        "offered_per_second": round(offered / (ended - began), 1),
        "goodput_per_second": round(goodput, 1),
        "load_generator_processors": round(own / (ended - began), 3),
        "latency_ms": attempts.tally.latency_ms(),
        "refused": attempts.tally.refused,
        "refused_after_ms": {
            "p50": round(percentile(waited, 0.50), 1),
            "p99": round(percentile(waited, 0.99), 1),
        },
        "refused_told_when": attempts.refused_told_when,
        "without_an_answer": len(attempts.open),
        "memory_megabytes_before": round(memory.first / len(pids) / 1e6, 1),
        "memory_megabytes_most": round(memory.most / len(pids) / 1e6, 1),
    }


def _by_payer(load: Load, count: int) -> dict[int, deque[Ready]]:
    ready: dict[int, deque[Ready]] = {number: deque() for number in range(len(load.payers))}
    for payment, signed in load.take_signed(count):
        payer = payment % len(load.payers)
        ready[payer].append(Ready.of(payer, signed.raw))
    return ready


@dataclass
class _Memory:
    """Of all nodes together, in bytes."""

    first: int
    most: int


@contextlib.asynccontextmanager
async def _watched(pids: Sequence[int]) -> AsyncIterator[_Memory]:
    memory = _Memory(resident_bytes(pids), 0)

    async def watch() -> None:
        while True:
            memory.most = max(memory.most, resident_bytes(pids))
            await asyncio.sleep(SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield memory
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
