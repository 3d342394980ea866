"""The memory of nodes that have nothing to do, without accounts and with many."""

import asyncio

from benchmarks.life.nodes import BYTES_PER_MB, life_network
from benchmarks.measures.form import Figures, Form


async def measure(form: Form) -> Figures:
    """Resident, so many seconds after all are ready. With many accounts they are started twice: the
    first start puts them under a header's root, which takes memory that a node rarely needs."""
    return {
        "seconds": form.memory_seconds,
        "idle": await _measure(form, 0),
        "many": await _measure(form, form.accounts_many),
    }


async def _measure(form: Form, accounts: int) -> Figures:
    async with life_network(accounts) as network:
        await network.start()
        if accounts:
            await network.stop()
            await network.start()
        await asyncio.sleep(form.memory_seconds)
        used = [network.used(index) for index in range(len(network.nodes))]
    return {
        "accounts": accounts,
        "memory_megabytes": max(round(one.memory_bytes / BYTES_PER_MB, 1) for one in used),
        "memory_peak_megabytes": max(
            round(one.memory_peak_bytes / BYTES_PER_MB, 1) for one in used
        ),
    }
