"""Runs one territory node of a test town until it is killed. Prints `ready`."""

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from ledger.genesis import Genesis
from node.genesis_file import SIMPLEX
from node.peers.certificates import make_transport
from node.territory import TerritoryNode, TerritoryOptions, TransportIdentity
from tests.node.town import key_of


async def main(folder: Path, index: int, store_kind: str, engine: str = SIMPLEX) -> None:
    """Start, say so, and run for ever. Nobody reads the pipe after that, so the log is silent."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    voting = key_of(f"town{index} voting")
    own = folder / f"node{index}"
    node = TerritoryNode(
        TerritoryOptions(
            journal_folder=own / "journal",
            store_folder=own / "store",
            store_kind=store_kind,
            genesis=Genesis.from_json((folder / "GENESIS").read_text("utf-8")),
            engine=engine,
            cometbft_key=key_of(f"town{index} cometbft"),
            voting_key=voting,
            transport=TransportIdentity(*make_transport(voting)),
        )
    )
    await node.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    reason = await node.wait_stopped()
    sys.exit(None if reason is None else str(reason))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
