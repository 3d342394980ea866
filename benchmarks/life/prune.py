"""What a payment takes of the disk as long as its block is kept, and when it is gone."""

import asyncio
import time
from collections import Counter
from typing import Any

from benchmarks.life.nodes import life_network
from benchmarks.life.residents import pay_for, residents
from benchmarks.processes import bytes_on_disk
from ledger.genesis import Genesis
from node.chain import Chain
from node.chain_records import ACCOUNT, BODY, FIRST_NUMBER, HEADER, IDS, OBJECT, TRANSACTION
from node.data_folder import DataFolder
from node.epoch_book import EpochBook
from node.inspection import verify_data
from node.pruning import OldBlocks
from node.snapshots.making import Pace
from node.store import Store, open_store

RESIDENTS = 40
IN_FLIGHT = 400
BLOCKS_KEPT = 2
UNTIL_MS = 1 << 52
KINDS = {
    HEADER: "headers",
    BODY: "bodies",
    FIRST_NUMBER: "places",
    ACCOUNT: "histories",
    IDS: "ids",
    TRANSACTION: "lookups",
    OBJECT: "objects",
}


async def measure(seconds: float) -> dict[str, Any]:
    """People pay for a while; then one node's store is measured, pruned whole, and measured."""
    async with life_network() as network:
        await network.start()
        async with residents(network, RESIDENTS) as load:
            await pay_for(load, seconds, window=IN_FLIGHT)
        await network.stop()
        data = DataFolder(network.data(0))
        return await asyncio.to_thread(_measure, data, network.genesis)


def _measure(data: DataFolder, genesis: Genesis) -> dict[str, Any]:
    kind = data.read().store
    store = open_store(data.store, kind)
    try:
        chain = Chain(store)
        receipts, blocks = chain.meta.receipts, chain.height
        before = _sizes(data, store, receipts)
        pruned = _prune(store, chain, genesis)
        after = _sizes(data, store, receipts)
    finally:
        store.close()
    began = time.perf_counter()
    verify_data(data.root)
    return {
        "store": kind,
        "transactions": receipts,
        "blocks": blocks,
        "bytes_per_transaction": {"kept": before, "pruned": after},
        **pruned,
        "verify_seconds": round(time.perf_counter() - began, 2),
    }


def _sizes(data: DataFolder, store: Store, receipts: int) -> dict[str, float]:
    """Of the compacted store on the disk, and of its records as they are written."""
    store.compact()
    of_kind: Counter[str] = Counter()
    for key, value in store.iterate(b"", None):
        of_kind[KINDS.get(key[:1], "others")] += len(key) + len(value)
    sizes = {name: round(size / receipts, 1) for name, size in sorted(of_kind.items())}
    return {"on_disk": round(bytes_on_disk(data.store) / receipts, 1), **sizes}


def _prune(store: Store, chain: Chain, genesis: Genesis) -> dict[str, float]:
    """As a running node does, without its rests between batches."""
    blocks = OldBlocks(store, chain, EpochBook(chain, genesis), genesis.network_id)
    pace = Pace(lambda: True, 0)
    reads: list[float] = []
    writes: list[float] = []
    while True:
        began = time.perf_counter()
        batch = blocks.next_batch(UNTIL_MS, chain.height - BLOCKS_KEPT, pace)
        read = time.perf_counter()
        if batch is None:
            break
        chain.write(chain.forget(batch))
        reads.append(read - began)
        writes.append(time.perf_counter() - read)
    return {
        "batches": len(reads),
        "seconds": round(sum(reads) + sum(writes), 2),
        "longest_read_ms": round(max(reads) * 1000, 1),
        "longest_write_ms": round(max(writes) * 1000, 1),
    }
