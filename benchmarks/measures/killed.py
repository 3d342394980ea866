"""One of four nodes is killed for good: what the others carry, and how fast."""

from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of
from benchmarks.phases import Bench

KILLED = 3
AWAY_SECONDS = 86_400.0
"""Longer than any measure: the supervisor would start it again."""

RATE = 400

SETTLED_SECONDS = 12.0
"""Until then the others still wait for its turns: a member counts as silent ten seconds and Δ after
its last word (docs/consensus.md)."""


async def measure(form: Form) -> Figures:
    """The same before and after."""
    async with bench_of() as bench:
        before = await _both(bench, form)
        supervisor, node = bench.network.supervisor, bench.network.nodes[KILLED]
        supervisor.kill(node, AWAY_SECONDS)
        if node.process is not None:
            await node.process.wait()
        await bench.at_rate(RATE, max(form.seconds / 2, SETTLED_SECONDS))
        after = await _both(bench, form)
    return {"four": before, "three": after}


async def _both(bench: Bench, form: Form) -> Figures:
    return {
        "saturation": await bench.at_saturation(form.seconds),
        "steady": await bench.at_rate(RATE, form.seconds),
    }
