"""Looking into the data of a node that does not run: verify, compact, keys."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from consensus.certificates import verify_certificate
from consensus.header import genesis_digest
from consensus.journal_records import position
from consensus.votes import FINALIZE
from ledger.genesis import Genesis
from ledger.objects import Account, Currency, decode_object
from node.block_body import transactions_root
from node.chain import Chain
from node.chain_records import damage_told
from node.data_folder import DataFolder
from node.epoch_book import EpochBook
from node.genesis_file import SIMPLEX, read_genesis
from node.journal import Journal
from node.key_files import KeyFiles
from node.keys import read_key, read_public_keys
from node.replay import Replay
from node.start import load_receipts
from node.store import open_store
from node.tree_loading import load_tree
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES, chunk_root, receipt_leaf
from primitives.signatures import verify
from primitives.state_root import state_root

T = TypeVar("T")


def verify_data(data: Path, genesis_file: Path | None = None) -> dict[str, object]:
    """Check a node's data. Without a genesis: every block hangs on the one before, every body is
    the one its header names, the objects give the newest header's state root, each currency's
    totals are the sum of its accounts, every receipt can be proved, and the journal is whole.
    With a genesis everything is executed again, signatures and certificates included
    (`node.replay`). A store that began with a snapshot, or was pruned, has no blocks from before
    (`from_height`): its certificates are checked alone. Under CometBFT those are in its own files,
    and none is checked here.

    Raises `Refused`: `store_corrupt` with what does not hold, `certificate_invalid`,
    `data_of_other_network`, `journal_corrupt`.
    """
    folder = DataFolder(data)
    genesis, engine = None, SIMPLEX
    if genesis_file is not None:
        genesis, engine = read_genesis(genesis_file)
        folder.check(genesis.network_id, engine)

    def check(chain: Chain) -> dict[str, object]:
        found = _verify_chain(chain)
        found["from_height"] = chain.meta.first_height
        # What a successor goes on from is its predecessor's to verify, with that one's genesis.
        if engine != SIMPLEX and chain.meta.first_height > 1:
            found["certificates"] = 0  # CometBFT keeps its own
        elif genesis is not None and chain.meta.first_height > 1:
            found["certificates"] = _check_certificates(chain, genesis)
        elif genesis is not None:
            replayed = Replay(chain, genesis, engine=engine).run()
            found["signatures"] = replayed.signatures
            found["certificates"] = replayed.certificates
        found["journal"] = _journal_state(folder, chain)
        return found

    with damage_told():
        return _with_chain(folder, check)


def _check_certificates(chain: Chain, genesis: Genesis) -> int:
    """Check every certificate that is kept; how many."""
    epochs = EpochBook(chain, genesis)
    count = 0
    for height in range(chain.meta.first_height, chain.height + 1):
        stored = chain.stored_header(height)
        if stored is None or stored.certificate is None:
            continue
        header, certificate = stored.header, stored.certificate
        named = (certificate.kind, certificate.epoch, certificate.view, certificate.digest)
        if named != (FINALIZE, header.epoch, header.view, header.digest):
            raise Refused("store_corrupt", f"the certificate at height {height} is another's")
        members = epochs.epoch(header.epoch).members
        verify_certificate(certificate, members, genesis.network_id, verify)
        count += 1
    if not count and chain.newest is not None:
        raise Refused("store_corrupt", "no certificate is kept")
    return count


def _journal_state(folder: DataFolder, chain: Chain) -> str:
    """`whole`, or why it counts as lost."""
    journal = Journal(folder.journal, chain.meta.journal_id, chain.meta.journal_sequence)
    journal.close()
    return journal.lost_reason or "whole"


def compact_data(data: Path) -> dict[str, object]:
    """Give disk space of store and journal back; tells the size before and after."""
    folder = DataFolder(data)
    before = _bytes_in(folder.store) + _bytes_in(folder.journal)

    def compact(chain: Chain) -> None:
        chain.compact()
        journal = Journal(folder.journal, chain.meta.journal_id, chain.meta.journal_sequence)
        try:
            # What is below the newest final view was promised and kept.
            newest = None if chain.newest is None else chain.newest.header
            floor = 0 if newest is None else position(newest.epoch, newest.view)
            asyncio.run(journal.compact(floor))
        finally:
            journal.close()

    _with_chain(folder, compact)
    after = _bytes_in(folder.store) + _bytes_in(folder.journal)
    return {"bytes_before": before, "bytes_after": after}


def public_keys(data: Path) -> dict[str, str]:
    """The public halves of the territory's keys, by role."""
    folder = DataFolder(data)
    folder.read()
    return read_public_keys(folder.public_keys_file)


def check_keys(data: Path, passphrase: str) -> dict[str, str]:
    """The same, checked to be those that are sealed, while nobody changes them: a running node may
    be putting a new one in its place. Raises `Refused`: `passphrase_wrong`, `keystore_malformed`,
    `data_malformed`."""
    folder = DataFolder(data)
    with KeyFiles(folder).held():
        keys = public_keys(data)
        files = {"voting": folder.voting_file, "signing": folder.signing_file}
        if "cometbft" in keys:  # folders of before have no such key
            files["cometbft"] = folder.cometbft_file
        for role, file in files.items():
            if read_key(file, role, passphrase).public_key.hex() != keys.get(role):
                told = "not the key that public.json names"
                raise Refused("data_malformed", told, file=str(file))
    return keys


def _with_chain(folder: DataFolder, work: Callable[[Chain], T]) -> T:
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
    _verify_receipts(chain)
    _verify_root(chain)
    return {
        "height": chain.height,
        "transactions": transactions,
        "accounts": sum(holders.values()),
        "currencies": {currency.code: currency.supply_minor for currency in currencies},
    }


def _verify_blocks(chain: Chain) -> int:
    network_id = chain.meta.network_id
    first = chain.meta.first_height
    transactions = chain.meta.first_number
    begins = network_id is not None and first == chain.base_height + 1
    if chain.base is not None and chain.base.epoch is not None:
        begins = False  # with a snapshot: the block below was never here
    parent = genesis_digest(network_id or b"") if begins else None
    for height in range(first, chain.height + 1):
        stored = chain.stored_header(height)
        if stored is None or stored.header.height != height:
            raise Refused("store_corrupt", f"the header at height {height} is missing")
        follows = parent is None or stored.header.parent_digest == parent
        if not follows or stored.header.network_id != network_id:
            raise Refused("store_corrupt", f"the block at height {height} has another parent")
        ids = [hash_bytes("tx", raw) for raw in chain.raws(height)]
        if (
            stored.first_number != transactions
            or len(ids) != stored.header.transactions_count
            or transactions_root(ids) != stored.header.transactions_root
            or list(chain.ids_between(transactions, transactions + len(ids))) != ids
        ):
            raise Refused("store_corrupt", f"the body at height {height} is another one")
        transactions += len(ids)
        parent = stored.header.digest
    return transactions


def _root_named(chain: Chain) -> bytes | None:
    """By the newest header, or by what a successor began with."""
    if chain.newest is not None:
        return chain.newest.header.state_root
    return None if chain.base is None else chain.base.state_root


def _verify_receipts(chain: Chain) -> None:
    """Every receipt whose block is kept no longer can be found, and every one can be proved."""
    for number, identity in enumerate(chain.ids_between(0, chain.meta.first_number)):
        if chain.number_of(identity) != number:
            raise Refused("store_corrupt", f"receipt {number} can't be found")
    for index, root in enumerate(chain.chunk_roots()):
        first = index << CHUNK_DEPTH
        ids = chain.ids_between(first, first + CHUNK_LEAVES)
        leaves = [receipt_leaf(number, each) for number, each in enumerate(ids, first)]
        if chunk_root(leaves) != root:
            raise Refused("store_corrupt", f"chunk {index} of the receipt log has other ids")


def _verify_root(chain: Chain) -> None:
    """The stored objects are the state after height − 1, which the newest header commits to."""
    named = _root_named(chain)
    if named is None:
        return
    tree = load_tree(chain.stored_with_slots(), chain.meta.slots, None).tree
    log = load_receipts(chain, chain.receipts_proved)
    if state_root(tree.count(), tree.root(), log.root()) != named:
        raise Refused("store_corrupt", "the objects do not give the newest header's state root")


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
