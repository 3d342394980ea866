"""People who pay in a network whose nodes are started and stopped one by one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from benchmarks.life.nodes import LifeNetwork
from benchmarks.load import Load, paying
from benchmarks.work import towns_of
from clients.demo.folder import DEFAULT_ENGINE
from clients.demo.places import PLACES


@contextlib.asynccontextmanager
async def residents(
    network: LifeNetwork, count: int, towns: Sequence[int] = (0, 1, 2, 3)
) -> AsyncIterator[Load]:
    """So many in each of these territories, with money; their nodes run."""
    everyone = towns_of([PLACES[index] for index in towns], count * len(towns))
    urls = [network.nodes[index].url for index in towns]
    async with paying(network.folder, network.genesis, DEFAULT_ENGINE, everyone, urls) as load:
        yield load


async def pay_for(load: Load, seconds: float, *, window: int = 0, rate: float = 0.0) -> int:
    """Have them pay, either with so many payments in flight or at a steady rate; how many became
    final within the time."""
    before = len(load.tally.times)
    began = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < began + seconds:
        room = window - load.in_flight if window else int((now - began) * rate) - sent
        for _ in range(min(room, 64)):
            if not load.send():
                break
            sent += 1
        await asyncio.sleep(0 if window and load.in_flight < window else 0.002)
    final = len(load.tally.times) - before
    await load.idle()
    if load.tally.refused:
        raise RuntimeError(f"payments were refused: {load.tally.refused}")
    return final
