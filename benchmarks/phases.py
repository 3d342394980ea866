"""What is measured of a running network while residents pay: at saturation, and at steady rates."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.load import WINDOW, Load, Tally
from benchmarks.machine import check_seconds
from benchmarks.network import WIRE, Costs, Network

WARM_UP_SECONDS = 3.0
STEADY_SECONDS_MAX = 120.0
SIGNED_PER_SECOND = 6_000
"""So many payments are signed beforehand for each second of saturation, more than come out, since
those signed as they go cost the nodes processor time."""


class Bench:
    """One network, measured in several phases."""

    def __init__(self, network: Network, load: Load) -> None:
        self.network = network
        self.load = load

    async def costs(self) -> Costs:
        """What the nodes used so far."""
        return await self.network.costs(self.load.payers[0].session.client.session)

    @contextlib.asynccontextmanager
    async def saturated(self, window: int = WINDOW, seconds: float = 0.0) -> AsyncIterator[None]:
        """While this lasts, so many payments are in flight, and as many come out as go in; what
        takes `seconds` signs nothing meanwhile. Payments that are left end before it does."""
        self.load.prepare(int((WARM_UP_SECONDS + seconds) * SIGNED_PER_SECOND) + window)
        self.load.tally = tally = Tally()
        sending = asyncio.create_task(self.load.saturate(window))
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            await _ended(tally, window, sending)
            yield
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        await self.load.idle()

    async def at_saturation(self, seconds: float, window: int = WINDOW) -> dict[str, Any]:
        """As many payments as go through, with a bounded number in flight."""
        load = self.load
        async with self.saturated(window, seconds):
            tally = load.tally
            tally.latencies_ms.clear()
            before, own_before = await self.costs(), time.process_time()
            began = time.monotonic()
            await asyncio.sleep(seconds)
            ended = time.monotonic()
            own, after = time.process_time() - own_before, await self.costs()
            latency_ms = tally.latency_ms()
        rate = tally.rate_between(began, ended)
        carried = round(rate * (ended - began))
        return {
            "payments": carried,
            "payments_per_second": round(rate, 1),
            "latency_ms": latency_ms,
            "refused": tally.refused,
            **self._used(before, after, max(1, carried)),
            "load_generator_processor_seconds_per_payment": round(own / max(1, carried), 9),
            "signed_payment_bytes": load.signed_bytes,
        }

    def _used(self, before: Costs, after: Costs, payments: int) -> dict[str, Any]:
        replicas = len(self.network.living)
        share = 1 / payments / replicas
        used = after.processor_seconds - before.processor_seconds
        of_engine = after.engine_processor_seconds - before.engine_processor_seconds
        grown = {
            name: (value - before.counters.get(name, 0.0)) * share
            for name, value in sorted(after.counters.items())
        }
        checks = grown.get("democite_signatures_verified_total", 0.0) * check_seconds()
        sent = None
        if before.peer_bytes is not None and after.peer_bytes is not None and replicas > 1:
            sent = round((after.peer_bytes - before.peer_bytes) / (replicas - 1) / payments)
        return {
            "processor_seconds_per_payment_and_replica": round(used * share, 9),
            "signature_share": round(checks / (used * share), 3) if used else 0.0,
            "engine_share_of_processor": round(of_engine / used, 3) if used else 0.0,
            "memory_megabytes_per_replica": round(after.memory_bytes / replicas / 1e6, 1),
            "disk_bytes_per_payment_and_replica": round(
                (after.disk_bytes - before.disk_bytes) * share
            ),
            "peer_bytes_per_payment_and_other_replica": sent,
            "wire_bytes_per_payment_and_replica": {
                "sent": round(grown.get(WIRE.format("send"), 0.0)),
                "received": round(grown.get(WIRE.format("receive"), 0.0)),
            },
            "counted_per_payment_and_replica": {
                name.removeprefix("democite_").removesuffix("_total"): round(grew, 9)
                for name, grew in grown.items()
                if grew and name.startswith("democite_")
            },
        }

    async def at_rate(self, rate: int, seconds: float) -> dict[str, Any]:
        """Payments at a steady rate, whatever becomes of those before."""
        load = self.load
        count = int(rate * seconds)
        load.prepare(count)
        load.tally = tally = Tally()
        before = await self.costs()
        sent = await load.at_rate(rate, seconds)
        await load.idle()
        after = await self.costs()
        used = after.processor_seconds - before.processor_seconds
        share = 1 / count / len(self.network.living)
        return {
            "payments_per_second_asked": rate,
            "payments_per_second_sent": round(sent, 1),
            "latency_ms": tally.latency_ms(),
            "refused": tally.refused,
            "processor_seconds_per_payment_and_replica": round(used * share, 9),
        }


async def _ended(tally: Tally, payments: int, sending: asyncio.Task[None]) -> None:
    """Until so many are over: those in flight first have come out, however slow the machine."""
    async with asyncio.timeout(STEADY_SECONDS_MAX):
        while len(tally.times) + sum(tally.refused.values()) < payments and not sending.done():
            await asyncio.sleep(0.05)
