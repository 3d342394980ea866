"""What four stopped nodes hold, held against what clients were told."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ledger.objects import Account, decode_object
from node.chain import Chain
from node.data_folder import DataFolder
from node.store import open_store
from tests.processes.network import Network, Node, must
from tests.processes.test_killing import ISSUED_MINOR
from tests.reliability.bank import PEOPLE, Bank, expected_balances


@dataclass(frozen=True)
class Held:
    """One node's chain."""

    digests: list[bytes]
    ids: list[bytes]


def read_chain(data: Path) -> Held:
    """Every header and every transaction of a stopped node, in order."""
    folder = DataFolder(data)
    store = open_store(folder.store, folder.read().store)
    try:
        chain = Chain(store)
        digests: list[bytes] = []
        ids: list[bytes] = []
        for height in range(1, chain.height + 1):
            stored = chain.stored_header(height)
            digests.append(stored.header.digest if stored is not None else b"")
            ids += chain.ids(height)
        return Held(digests, ids)
    finally:
        store.close()


def stored_balances(data: Path) -> dict[bytes, int]:
    """Balances after the block before the newest one."""
    folder = DataFolder(data)
    store = open_store(folder.store, folder.read().store)
    try:
        items = [decode_object(raw) for _, raw in Chain(store).stored_objects()]
        return {item.id: item.balance_minor for item in items if isinstance(item, Account)}
    finally:
        store.close()


def replayed_totals(network: Network, node: Node) -> object:
    """Each currency's total, once the whole chain was replayed with its signatures."""
    done = must("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
    return done.json["currencies"]


def check_aftermath(network: Network, bank: Bank) -> dict[str, object]:
    """Raises AssertionError with the first promise that was broken; else gives the figures."""
    told = bank.told
    assert told.faults == []
    chains = {node.prefix: read_chain(node.data) for node in network.nodes}
    longest = max(chains.values(), key=lambda held: len(held.digests))
    assert longest.digests, "nothing was final"
    for prefix, held in chains.items():
        assert held.digests == longest.digests[: len(held.digests)], f"{prefix}: another chain"
        counted = Counter(held.ids)
        twice = [id.hex() for id, count in counted.items() if count > 1]
        assert twice == [], f"{prefix}: final twice"
        lost = [id.hex() for id in told.final if id not in counted]
        assert lost == [], f"{prefix}: acknowledged and not there"
        undead = [id.hex() for id in told.ended_otherwise if id in counted]
        assert undead == [], f"{prefix}: final although a client was told that it never can be"
    assert len(told.final) > 0, "nothing was acknowledged: nothing was tried"
    supply = PEOPLE * ISSUED_MINOR
    with ThreadPoolExecutor() as threads:
        for currencies in threads.map(partial(replayed_totals, network), network.nodes):
            assert isinstance(currencies, dict)
            assert {code: total for code, total in currencies.items() if total} == {"ARD": supply}
    balances = expected_balances(told)
    assert sum(balances) == supply
    return {
        "payments sent": len(told.transfers),
        "payments acknowledged": len(told.final),
        "payments that ended otherwise": dict(Counter(told.ended_otherwise.values())),
        "acknowledged payments lost, doubled or undone": 0,
        "proved reads": told.reads,
        "reads that went back": 0,
        "blocks": len(longest.digests),
    }


def check_balances(network: Network, bank: Bank) -> None:
    """Once an empty block follows the last payment, every node's objects are what was paid."""
    expected = expected_balances(bank.told)
    for node in network.nodes:
        stored = stored_balances(node.data)
        found = [stored.get(client.account.account_id) for client in bank.clients]
        assert found == expected, node.prefix
