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
from typing import Any

import uvloop

from benchmarks import figures_file
from benchmarks.arguments import count, counts, new_file, seconds
from benchmarks.load import PayeeOf, paying
from benchmarks.machine import machine
from benchmarks.network import PLACES_MAX, places_of, running_nodes
from benchmarks.phases import Bench
from benchmarks.processes import ended_in_order
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
    length: float, rates: list[int], accounts: int, count: int, engine: str
) -> dict[str, Any]:
    """All figures of one run."""
    async with bench_of(accounts, count, engine) as bench:
        at_rates = [await bench.at_rate(rate, length) for rate in rates]
        saturated = await bench.at_saturation(length)
    return {
        "machine": machine(),
        "seconds": length,
        "engine": engine,
        "nodes": count,
        "accounts": accounts,
        "saturation": saturated,
        "rates": at_rates,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.payments", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--seconds", metavar="N", type=seconds, default=20.0)
    parser.add_argument("--rates", metavar="A,B", type=counts(), default=[100, 400])
    parser.add_argument("--accounts", metavar="N", type=count(), default=ACCOUNTS)
    parser.add_argument("--nodes", metavar="N", type=count(1, PLACES_MAX), default=len(PLACES))
    parser.add_argument("--engine", choices=ENGINES, default=DEFAULT_ENGINE)
    options = parser.parse_args()
    if options.accounts < 2 * options.nodes:
        parser.error("--accounts: two at least for each node")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(
            measure(options.seconds, options.rates, options.accounts, options.nodes, options.engine)
        )
    print(json.dumps(measured, indent=2))
    if options.json is not None:
        figures_file.write(options.json, measured)
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
