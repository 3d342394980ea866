"""Which function belongs to which stage of a payment's way through a node."""

from collections.abc import Iterable, Mapping

STAGES = (
    "receive",
    "decode",
    "verify",
    "pool",
    "propose",
    "gossip",
    "vote",
    "execute",
    "tree",
    "store",
    "merge",
    "answer",
    "other",
)
"""In the order in which a payment meets them; `merge` is the store's own thread, `other` is the
loop, and what no stage owns."""

MERGE = "merge"

_FILES: Mapping[str, str] = {
    "node/peers/connection.py": "receive",
    "node/peers/frames.py": "receive",
    "node/peers/groups.py": "receive",
    "aiohttp/_websocket/reader_py.py": "receive",
    "node/verifier.py": "verify",
    "node/intake.py": "pool",
    "node/mempool.py": "pool",
    "node/pool_care.py": "pool",
    "node/fairness.py": "pool",
    "node/peers/proposals.py": "propose",
    "node/block_body.py": "propose",
    "node/peers/network.py": "gossip",
    "consensus/messages.py": "vote",
    "consensus/replica.py": "vote",
    "consensus/rules.py": "vote",
    "consensus/standing.py": "vote",
    "consensus/votes.py": "vote",
    "consensus/certificates.py": "vote",
    "consensus/dissemination.py": "vote",
    "node/engines/simplex.py": "vote",
    "node/bodies.py": "execute",
    "ledger/commitment.py": "tree",
    "primitives/indexed_tree.py": "tree",
    "primitives/receipt_log.py": "tree",
    "node/committer.py": "store",
    "node/chain.py": "store",
    "node/block_records.py": "store",
    "node/journal.py": "store",
    "node/store/leveldb.py": "store",
    "node/api/events.py": "answer",
    "node/api/app.py": "answer",
    "node/territory.py": "answer",
}

_FUNCTIONS: Mapping[tuple[str, str], str] = {
    ("ledger/transaction.py", "decode_transaction"): "decode",
    ("node/executor.py", "build"): "propose",
    ("node/executor.py", "run"): "execute",
    ("node/peers/connection.py", "_flush"): "gossip",
    ("node/peers/connection.py", "send_packed"): "gossip",
    ("node/traffic.py", "pass_on"): "gossip",
    ("node/api/events.py", "_read"): "receive",
}
"""Where one file has parts in several stages."""


def stage_of(calls: Iterable[tuple[str, str]]) -> str | None:
    """The stage of a stack of (file, function), innermost first: the first that has one."""
    for file, function in calls:
        name = "/".join(file.split("/")[-2:])
        longer = "/".join(file.split("/")[-3:])
        for place in (longer, name):
            found = _FUNCTIONS.get((place, function)) or _FILES.get(place)
            if found is not None:
                return found
    return None
