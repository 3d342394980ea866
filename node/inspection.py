"""Looking into the data of a node that does not run: verify, compact, keys."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from consensus.certificates import verify_certificate
from consensus.members import MemberSet
from ledger.genesis import Genesis
from ledger.objects import Account, Currency, decode_object
from node.block_body import transactions_root
from node.chain import Chain
from node.data_folder import DataFolder
from node.genesis_file import read_genesis
from node.keys import read_key
from node.start import load_receipts
from node.store import open_store
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.indexed_tree import IndexedTree
from primitives.signatures import verify as verify_signature
from primitives.state_root import state_root

T = TypeVar("T")


def verify_data(data: Path) -> dict[str, object]:
    """Check what can be checked without executing anything: every block hangs on the one before,
    every body is the one its header names, every certificate is good where the genesis is known,
    the objects give the newest header's state root, and each currency's totals are the sum of its
    accounts. Raises `Refused("store_corrupt")` with what does not hold."""
    return _with_chain(data, _verify_chain)


def compact_data(data: Path) -> dict[str, object]:
    """Give disk space back; tells the size before and after."""
    folder = DataFolder(data)
    before = _bytes_in(folder.store) + _bytes_in(folder.journal)
    _with_chain(data, lambda chain: chain.compact())
    after = _bytes_in(folder.store) + _bytes_in(folder.journal)
    return {"bytes_before": before, "bytes_after": after}


def public_keys(data: Path, passphrase: str) -> dict[str, object]:
    """The public halves of the territory's keys."""
    folder = DataFolder(data)
    folder.read()
    return {
        "voting": read_key(folder.voting_file, "voting", passphrase).public_key.hex(),
        "signing": read_key(folder.signing_file, "signing", passphrase).public_key.hex(),
    }


def check_certificates(data: Path, genesis_file: Path) -> int:
    """Verify every stored certificate against the genesis's members; how many there were."""
    genesis, _ = read_genesis(genesis_file)
    return _with_chain(data, lambda chain: _check_certificates(chain, genesis))


def _with_chain(data: Path, work: Callable[[Chain], T]) -> T:
    folder = DataFolder(data)
    content = folder.read()
    folder.lock()
    try:
        store = open_store(folder.store, content.store)
        try:
            return work(Chain(store))
        finally:
            store.close()
    finally:
        folder.unlock()


def _verify_chain(chain: Chain) -> dict[str, object]:
    transactions = _verify_blocks(chain)
    balances: dict[str, int] = {}
    holders: dict[str, int] = {}
    currencies: list[Currency] = []
    for _, raw in chain.stored_objects():
        item = decode_object(raw)
        if isinstance(item, Account):
            balances[item.currency] = balances.get(item.currency, 0) + item.balance_minor
            holders[item.currency] = holders.get(item.currency, 0) + 1
        elif isinstance(item, Currency):
            currencies.append(item)
    for currency in currencies:
        held = currency.reserve_minor + currency.receivable_minor - currency.payable_minor
        total = balances.get(currency.code, 0)
        if currency.supply_minor != total or (currency.kind == "euro" and held != total):
            raise Refused("store_corrupt", f"{currency.code}: supply is not the sum of balances")
        if currency.accounts != holders.get(currency.code, 0):
            raise Refused("store_corrupt", f"{currency.code}: the count of accounts is wrong")
    _verify_root(chain)
    return {
        "height": chain.height,
        "transactions": transactions,
        "accounts": sum(holders.values()),
        "currencies": {currency.code: currency.supply_minor for currency in currencies},
    }


def _verify_blocks(chain: Chain) -> int:
    transactions = 0
    parent: bytes | None = None
    for height in range(1, chain.height + 1):
        stored = chain.stored_header(height)
        if stored is None or stored.header.height != height:
            raise Refused("store_corrupt", f"the header at height {height} is missing")
        if parent is not None and stored.header.parent_digest != parent:
            raise Refused("store_corrupt", f"the block at height {height} has another parent")
        ids = [hash_bytes("tx", raw) for raw in chain.raws(height)]
        if (
            stored.first_number != transactions
            or len(ids) != stored.header.transactions_count
            or transactions_root(ids) != stored.header.transactions_root
        ):
            raise Refused("store_corrupt", f"the body at height {height} is another one")
        transactions += len(ids)
        parent = stored.header.digest
    return transactions


def _verify_root(chain: Chain) -> None:
    """The stored objects are the state after height − 1, which the newest header commits to."""
    newest = chain.newest
    if newest is None:
        return
    tree = IndexedTree()
    tree.load(chain.tree_entries(), chain.meta.slots)

    log = load_receipts(chain, newest.first_number)
    if state_root(tree.count(), tree.root(), log.root()) != newest.header.state_root:
        raise Refused("store_corrupt", "the objects do not give the newest header's state root")


def _check_certificates(chain: Chain, genesis: Genesis) -> int:
    from node.engines.simplex import member_set

    members: MemberSet = member_set(genesis)
    found = 0
    for height in range(1, chain.height + 1):
        stored = chain.stored_header(height)
        if stored is not None and stored.certificate is not None:
            verify_certificate(stored.certificate, members, genesis.network_id, verify_signature)
            found += 1
    return found


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
