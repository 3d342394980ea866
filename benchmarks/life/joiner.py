"""A new observer that begins with a snapshot: `python -m benchmarks.life.joiner FOLDER PORT KIND`.

Prints one JSON object and ends once it stands where the others do.
"""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from ledger.genesis import Genesis
from node.peers.certificates import make_transport
from node.territory import (
    TerritoryNode,
    TerritoryOptions,
    TransportIdentity,
    create_data,
)
from tests.node.town import key_of

JOINER = 9
SECONDS_MAX = 900.0
_ASKED_SECONDS = 0.01


def new_data(folder: Path, kind: str) -> None:
    """What `node init` makes."""
    own = folder / f"node{JOINER}"
    create_data(own / "journal", own / "store", kind)


async def join(folder: Path, port: int, kind: str) -> dict[str, Any]:
    """Follow until the snapshot is adopted and the node is ready."""
    own, voting = folder / f"node{JOINER}", key_of(f"town{JOINER} voting")
    node = TerritoryNode(
        TerritoryOptions(
            journal_folder=own / "journal",
            store_folder=own / "store",
            store_kind=kind,
            genesis=Genesis.from_json((folder / "GENESIS").read_text("utf-8")),
            engine="simplex",
            voting_key=voting,
            transport=TransportIdentity(*make_transport(voting)),
            peer_bind=("127.0.0.1", port),
            sync_behind_blocks=0,
        )
    )
    await node.start()
    parts: Any = node._running  # the built-in engine's, which alone has snapshots
    syncing = parts.syncing
    async with asyncio.timeout(SECONDS_MAX):
        while not syncing.is_running:
            await asyncio.sleep(_ASKED_SECONDS)
        began, busy = time.monotonic(), time.process_time()
        while node._parts is parts:
            if not syncing.is_running:
                raise RuntimeError("it found no snapshot")
            await asyncio.sleep(_ASKED_SECONDS)
        fetched, fetched_busy = time.monotonic() - began, time.process_time() - busy
        while node._parts is None or node._parts.chain.meta.first_height <= 1:
            await asyncio.sleep(_ASKED_SECONDS)
        await node.wait_ready()
    seconds, busy = time.monotonic() - began, time.process_time() - busy
    await node.stop()
    return {
        "seconds_to_fetch_and_check": round(fetched, 1),
        "processor_seconds_to_fetch_and_check": round(fetched_busy, 1),
        "seconds_until_ready": round(seconds, 1),
        "processor_seconds_until_ready": round(busy, 1),
    }


def main() -> None:
    """Join and tell."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder, port, kind = sys.argv[1:]
    print(json.dumps(asyncio.run(join(Path(folder), int(port), kind))))


if __name__ == "__main__":
    main()
