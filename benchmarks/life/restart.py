"""A node with many accounts is stopped, or killed, and started again until it says it is ready."""

import signal
from typing import Any

from benchmarks.life.nodes import BYTES_PER_MB, Began, LifeNetwork, life_network
from benchmarks.life.residents import pay_for, residents
from benchmarks.processes import bytes_on_disk

RESIDENTS = 6
PAID_SECONDS = 1.0
PAID_RATE = 20.0
RESTARTED = 3
"""The last node; the people's sessions talk to the first."""


async def measure(accounts: int, repeats: int, *, compared: bool) -> dict[str, Any]:
    """In networks of four; `compared` with one that has no such accounts."""
    figures: dict[str, Any] = {"accounts": accounts}
    if compared:
        figures["without_them"] = await _measure(0, repeats)
    figures["with_them"] = await _measure(accounts, repeats)
    return figures


async def _measure(accounts: int, repeats: int) -> dict[str, Any]:
    async with life_network(accounts) as network:
        began = await network.start()
        async with residents(network, RESIDENTS, (0,)) as load:
            await pay_for(load, PAID_SECONDS, rate=PAID_RATE)
            figures: dict[str, Any] = {"first_start": _figures(began)}
            figures["without_image"] = _figures(await _again(network, signal.SIGTERM))
            await pay_for(load, PAID_SECONDS, rate=PAID_RATE)
            for name, number in (("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)):
                began = []
                for _ in range(repeats):
                    began += await _again(network, number)
                    await pay_for(load, PAID_SECONDS, rate=PAID_RATE)
                figures[f"after_being_{name}"] = _figures(began)
            used = network.used(RESTARTED)
        figures["memory_megabytes"] = round(used.memory_bytes / BYTES_PER_MB)
        figures["memory_peak_megabytes"] = round(used.memory_peak_bytes / BYTES_PER_MB)
        data = network.data(RESTARTED)
        figures["disk_megabytes"] = {
            path.name: round(bytes_on_disk(path) / BYTES_PER_MB, 1)
            for path in sorted(data.iterdir())
            if path.is_dir()
        }
        return figures


async def _again(network: LifeNetwork, number: int) -> list[Began]:
    await network.stop(RESTARTED, number=number)
    return await network.start(RESTARTED)


def _figures(began: list[Began]) -> dict[str, Any]:
    return {
        "seconds": [round(each.seconds, 2) for each in began],
        "processor_seconds": [round(each.used.processor_seconds, 2) for each in began],
    }
