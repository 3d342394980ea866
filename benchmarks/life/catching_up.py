"""A node that lost its store, or was away, takes the blocks of the others.

Four node processes. First they carry payments at full speed, then few at a time, so that blocks are
full, then small. The last node begins again with an empty store after the first, and was stopped
during the second; each time it starts while the others are idle.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.life.nodes import LifeNetwork, life_network, metrics_of
from benchmarks.life.residents import pay_for, residents
from clients.demo.processes import call

RESIDENTS = 60
WINDOW = 2_000
SMALL_RATE = 60.0
LATE = 3
SECONDS_MAX = 900.0
_ASKED_SECONDS = 0.1


@dataclass(frozen=True)
class Stand:
    """Where a chain is."""

    height: int
    payments: int


async def measure(seconds: float, *, small: bool = True) -> dict[str, Any]:
    """Both kinds of blocks; the full ones alone without `small`."""
    async with life_network() as network, aiohttp.ClientSession() as session:
        await network.start()
        async with residents(network, RESIDENTS, (0, 1, 2)) as load:
            began, before = time.monotonic(), await _stand(session, network, 0)
            await pay_for(load, seconds, window=WINDOW)
            live = _rates(before, await _stand(session, network, 0), time.monotonic() - began)
            await network.stop(LATE)
            node = network.nodes[LATE]
            words = ("node", "rebuild", "--data", str(network.data(LATE)))
            await call(words, network.folder.log(node.place))
            full = await _catch_up(session, network, Stand(0, 0))
            found = {"live": live, "full_blocks": full}
            if small:
                await network.stop(LATE)
                before = await _stand(session, network, 0)
                await pay_for(load, seconds, rate=SMALL_RATE)
                found["small_blocks"] = await _catch_up(session, network, before)
    return found


async def _catch_up(
    session: aiohttp.ClientSession, network: LifeNetwork, start: Stand
) -> dict[str, Any]:
    """From when it begins to fetch until it stands where the others do, as its log says."""
    node, there = network.nodes[LATE], await _stand(session, network, 0)
    log = network.folder.log(node.place)
    skipped = log.stat().st_size
    await network.launch(node, ("--full-history",))
    async with asyncio.timeout(SECONDS_MAX):
        while (stand := await _stand(session, network, LATE)).height < there.height:
            await asyncio.sleep(_ASKED_SECONDS)
        reached = datetime.now(UTC)
        fetching = _told(log, skipped, "catching_up")
        while fetching and not _told(log, skipped, "caught_up"):
            await asyncio.sleep(_ASKED_SECONDS)
    # A few dozen blocks are not fetched by height, but with the votes; the log says nothing then.
    began = fetching or _told(log, skipped, "peer_connected")
    ended = _told(log, skipped, "caught_up") if fetching else [reached]
    return _rates(start, stand, (ended[-1] - began[0]).total_seconds())


def _told(log: Path, skipped: int, event: str) -> list[datetime]:
    """When a node's log said so, after its first bytes."""
    with log.open("rb") as stream:
        stream.seek(skipped)
        lines = [json.loads(line) for line in stream if line.startswith(b"{")]
    return [
        datetime.fromisoformat(line["timestamp"]) for line in lines if line.get("event") == event
    ]


def _rates(before: Stand, after: Stand, seconds: float) -> dict[str, Any]:
    blocks, payments = after.height - before.height, after.payments - before.payments
    return {
        "seconds": round(seconds, 2),
        "blocks": blocks,
        "payments": payments,
        "blocks_per_second": round(blocks / seconds, 1) if seconds else None,
        "payments_per_second": round(payments / seconds, 1) if seconds else None,
    }


async def _stand(session: aiohttp.ClientSession, network: LifeNetwork, index: int) -> Stand:
    metrics = await metrics_of(session, network.nodes[index])
    height = metrics.get("cometbft_consensus_height", 0)
    return Stand(int(height), int(metrics.get("cometbft_consensus_total_txs", 0)))
