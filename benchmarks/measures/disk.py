"""What payments between a thousand accounts leave on the disk once a node's data is compacted."""

import time

from benchmarks.life.nodes import LifeNetwork, life_network
from benchmarks.life.residents import residents
from benchmarks.load import WINDOW
from benchmarks.measures.form import Figures, Form
from benchmarks.processes import bytes_on_disk
from clients.demo.places import PLACES
from clients.demo.processes import call

ACCOUNTS = 1_000
MEASURED = 0
"""Any node: all keep the same."""


async def measure(form: Form) -> Figures:
    """From compacted to compacted: `democite node compact`, the journal included."""
    async with life_network() as network:
        await network.start()
        async with residents(network, ACCOUNTS // len(PLACES)) as load:
            before = await _compacted(network)
            await network.start()
            began = time.monotonic()
            await load.send_all(form.disk_payments, WINDOW)
            seconds = time.monotonic() - began
            if load.tally.refused:
                raise RuntimeError(f"payments were refused: {load.tally.refused}")
            running = bytes_on_disk(network.data(MEASURED))
            after = await _compacted(network)
            signed_bytes = load.signed_bytes
    return {
        "payments": form.disk_payments,
        "seconds": round(seconds, 1),
        "bytes_per_payment": round((after - before) / form.disk_payments, 1),
        "bytes_per_payment_before_compaction": round((running - before) / form.disk_payments, 1),
        "signed_payment_bytes": signed_bytes,
    }


async def _compacted(network: LifeNetwork) -> int:
    """Stop all, compact one, and say how much it holds."""
    await network.stop()
    node, data = network.nodes[MEASURED], network.data(MEASURED)
    await call(("node", "compact", "--data", str(data)), network.folder.log(node.place))
    return bytes_on_disk(data)
