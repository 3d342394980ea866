"""Four nodes with nothing to do but their heartbeats."""

import asyncio
import time
from typing import Any

import aiohttp

from benchmarks.life.nodes import BYTES_PER_MB, life_network, metrics_of

SETTLE_SECONDS = 12.0
"""After the start: connections are made, and the first block of the day is final."""


async def measure(seconds: float) -> dict[str, Any]:
    """What each process uses of one processor, and how often it wakes."""
    async with life_network() as network, aiohttp.ClientSession() as session:
        await network.start()
        await asyncio.sleep(min(SETTLE_SECONDS, seconds))
        blocks_before = await _height(session, network.nodes[0])
        before = [network.used(index) for index in range(len(network.nodes))]
        began = time.monotonic()
        await asyncio.sleep(seconds)
        passed = time.monotonic() - began
        after = [network.used(index) for index in range(len(network.nodes))]
        blocks = await _height(session, network.nodes[0]) - blocks_before
    return {
        "seconds": round(passed, 1),
        "blocks": blocks,
        "percent_of_one_processor": [
            round((end.processor_seconds - start.processor_seconds) / passed * 100, 3)
            for start, end in zip(before, after, strict=True)
        ],
        "wakeups_per_second": [
            round((end.wakeups - start.wakeups) / passed, 1)
            for start, end in zip(before, after, strict=True)
        ],
        "memory_megabytes": [round(each.memory_bytes / BYTES_PER_MB) for each in after],
    }


async def _height(session: aiohttp.ClientSession, node: Any) -> int:
    return int((await metrics_of(session, node))["cometbft_consensus_height"])
