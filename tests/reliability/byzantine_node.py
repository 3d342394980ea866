"""`python -m tests.reliability.byzantine_node ACTOR --data … --genesis …`: a member that lies.

Everything but the actor is the node: its keys, its TLS, its HTTP, its ledger.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import node.engines.replicas
import node.machinery
from node.chain import Chain
from node.chain_records import META_KEY
from node.data_folder import DataFolder
from node.journal import create_journal
from node.peers.frames import Hello
from node.server import plan_start, run
from node.store import open_store
from tests.reliability.wire_actors import FALSE_HEIGHT, BentEngine, BentTraffic, replica_class


def forget_journal(data: Path) -> None:
    """An empty journal that the store takes for its own."""
    folder = DataFolder(data)
    store = open_store(folder.store, folder.read().store)
    try:
        shutil.rmtree(folder.journal)
        journal_id = create_journal(folder.journal)
        meta = replace(Chain(store).meta, journal_id=journal_id, journal_sequence=0)
        store.write([(META_KEY, meta.encode())], sync=True)
    finally:
        store.close()


def lie_about_height(machinery: Any) -> Hello:
    """In the place of `Machinery.hello`."""
    true = honest_hello(machinery)
    return true._replace(height=true.height + FALSE_HEIGHT)


honest_hello = node.machinery.Machinery.hello


def main() -> None:
    """Become the actor, then run as a node does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("actor")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--genesis", type=Path, required=True)
    parser.add_argument("--passphrase-file", type=Path, required=True)
    parser.add_argument("--peer-listen")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    BentEngine.actor, BentEngine.seed = options.actor, options.seed
    machinery: Any = node.machinery
    machinery.SimplexEngine, machinery.Traffic = BentEngine, BentTraffic
    replicas: Any = node.engines.replicas
    replicas.Replica = replica_class(options.actor)
    if options.actor == "amnesiac":
        forget_journal(options.data)
    if options.actor == "sync_liar":
        machinery.Machinery.hello = lie_about_height
    plan = plan_start(
        options.data, options.genesis, behind_proxy=False, peer_listen=options.peer_listen
    )
    run(plan, options.passphrase_file.read_text().splitlines()[0])


if __name__ == "__main__":
    main()
