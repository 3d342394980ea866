"""What a block costs a node beside its payments: real nodes carry so few that blocks are all.

    .venv/bin/python -m benchmarks.scale.blocks [--nodes N] [--rate N] [--seconds N] [--json FILE]

Blocks are counted by height. `block_ms` and `bytes_sent_per_block` are of one node, payments
taken off by what `costs.json` says of them; `predicted_…` is what the model says of a network of
this size, with the `block_ms` of `costs.json`. What the
API and its connections take is in it.
"""

import argparse
import asyncio
import json
import sys

import aiohttp
import uvloop

from benchmarks import figures_file
from benchmarks.arguments import count, new_file, seconds
from benchmarks.machine import machine
from benchmarks.network import PLACES_MAX
from benchmarks.payments import bench_of
from benchmarks.phases import Bench
from benchmarks.processes import ended_in_order
from benchmarks.scale.costs import Costs, read_costs
from benchmarks.scale.model import MS, Network

ACCOUNTS_PER_NODE = 25
HEIGHT = "cometbft_consensus_height"


async def _height(bench: Bench, session: aiohttp.ClientSession) -> int:
    async with session.get(f"{bench.network.nodes[0].url}/metrics") as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith(f"{HEIGHT} "):
                return int(float(line.split()[1]))
    raise ValueError(f"no {HEIGHT} in the metrics")


async def measure(nodes: int, rate: int, length: float, costs: Costs) -> dict[str, object]:
    """All figures of one run."""
    async with bench_of(ACCOUNTS_PER_NODE * nodes, nodes) as bench:
        session = bench.load.payers[0].session.client.session
        payments = max(1, int(rate * length))
        bench.load.prepare(payments)
        before, begun = await bench.costs(), await _height(bench, session)
        await bench.load.at_rate(rate, length)
        await bench.load.idle()
        after, blocks = await bench.costs(), await _height(bench, session) - begun
    one = Network(nodes, ACCOUNTS_PER_NODE * nodes, costs)
    used_ms = (after.processor_seconds - before.processor_seconds) / nodes * MS
    sent = None
    if before.peer_bytes is not None and after.peer_bytes is not None:
        of_payments = payments * one.payment_bytes_sent
        sent = round(((after.peer_bytes - before.peer_bytes) / nodes - of_payments) / blocks)
    return {
        "machine": machine(),
        "seconds": length,
        "nodes": nodes,
        "payments": payments,
        "blocks": blocks,
        "block_ms": round((used_ms - payments * one.payment_ms) / blocks, 2),
        "predicted_block_ms": round(one.block_ms, 2),
        "bytes_sent_per_block": sent,
        "predicted_bytes_sent_per_block": round(one.block_bytes_sent),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale.blocks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--nodes", metavar="N", type=count(1, PLACES_MAX), default=4)
    parser.add_argument("--rate", metavar="N", type=count(), default=5, help="payments a second")
    parser.add_argument("--seconds", metavar="N", type=seconds, default=10.0)
    parser.add_argument("--json", metavar="FILE", type=new_file)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(options.nodes, options.rate, options.seconds, read_costs()))
    print(json.dumps(found, indent=2))
    if options.json is not None:
        figures_file.write(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
