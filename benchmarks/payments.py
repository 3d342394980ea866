"""How many payments a few nodes carry under either engine, how fast, and at what cost.

    .venv/bin/python -m benchmarks.payments [--json FILE] [--seconds N] [--rates 100,400]
        [--accounts N] [--engine simplex|cometbft] [--nodes N]

Node processes (four, unless told otherwise) with their own keys, disks, TLS and HTTP, as
`democite demo` starts them; every payment is a message of its own on a WebSocket, signed by a
resident's key, checked by all nodes and synced to disk by each before it counts. README.md says how
to read the figures.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.load import PayeeOf, paying
from benchmarks.machine import machine
from benchmarks.network import places_of, running_nodes
from benchmarks.phases import Bench
from benchmarks.work import towns_of
from clients.demo.folder import DEFAULT_ENGINE
from clients.demo.places import PLACES
from node.genesis_file import ENGINES

ACCOUNTS = 1_000


@contextlib.asynccontextmanager
async def bench_of(
    accounts: int = ACCOUNTS,
    nodes: int = len(PLACES),
    engine: str = DEFAULT_ENGINE,
    crowd: int = 0,
    payee_of: PayeeOf | None = None,
) -> AsyncIterator[Bench]:
    """A network whose residents have accounts and money; so many in all, as near as it divides."""
    async with running_nodes(nodes, engine, crowd) as network:
        towns = towns_of(places_of(nodes), accounts // nodes * nodes)
        urls = network.urls_from(0)
        folder, genesis = network.folder, network.genesis
        async with paying(folder, genesis, engine, towns, urls, payee_of) as load:
            yield Bench(network, load)


async def measure(
    seconds: float, rates: list[int], accounts: int, count: int, engine: str
) -> dict[str, Any]:
    """All figures of one run."""
    async with bench_of(accounts, count, engine) as bench:
        at_rates = [await bench.at_rate(rate, seconds) for rate in rates]
        saturated = await bench.at_saturation(seconds)
    return {
        "machine": machine(),
        "engine": engine,
        "nodes": count,
        "accounts": accounts,
        "saturation": saturated,
        "rates": at_rates,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--seconds", metavar="N", type=float, default=20.0)
    parser.add_argument("--rates", metavar="A,B", default="100,400")
    parser.add_argument("--accounts", metavar="N", type=int, default=ACCOUNTS)
    parser.add_argument("--nodes", metavar="N", type=int, default=len(PLACES))
    parser.add_argument("--engine", choices=ENGINES, default=DEFAULT_ENGINE)
    options = parser.parse_args()
    rates = [int(word) for word in options.rates.split(",") if word]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(
            measure(options.seconds, rates, options.accounts, options.nodes, options.engine)
        )
    figures = json.dumps(measured, indent=2)
    print(figures)
    if options.json is not None:
        options.json.write_text(figures + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
