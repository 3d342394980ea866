"""The store of a successor's first state, built out of one of its predecessor's, and checked.

Objects go over with the slots they have, those of the last block included; ids of receipts with
their numbers, so that every receipt stays provable under the new network's headers. Blocks stay
behind, in the predecessor's store. What can be derived is derived, and not copied: the store may be
another node's.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ledger.genesis import Genesis
from ledger.invariants import full_sums
from ledger.objects import decode_object
from ledger.successor_state import succeeding_objects
from node.chain import Chain
from node.chain_records import (
    BASE,
    CHUNK,
    EPOCH,
    IDS,
    META_KEY,
    OBJECT,
    SLOT_BYTES,
    TRANSACTION,
    Base,
    Meta,
    number_key,
)
from node.kept_sets import stored_changes
from node.start import LoadedLedger, load_ledger
from node.store import Change, Store, after_prefix
from node.succession.drafting import header_of, territory_prefixes
from node.succession.lineage import check_lineage, is_newest
from primitives.errors import InvariantBroken, Refused
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.state_root import state_root
from primitives.tree_proofs import value_hash_of

_AT_ONCE = 4_096
"""Objects, or ids, written in one batch."""


def build(source: Store, target: Store, old: Genesis, genesis: Genesis, journal: Meta) -> None:
    """Fill an empty `target`, which belongs to the journal that `journal` names.

    Raises `Refused`: `state_root_differs`, `succession_differs`, `member_key_used`,
    `store_corrupt`.
    """
    chain = Chain(source)
    loaded = load_ledger(chain, old)
    succession = genesis.succession
    if succession is None or chain.newest is None:
        raise Refused("succession_none")
    if genesis.demo != old.demo:
        raise Refused("succession_differs", "only one of the two is a demo")
    if not is_newest(chain, header_of(genesis)):
        raise Refused("succession_conflict", f"height {chain.height}")
    check_lineage(source, chain, old, succession)
    executor = loaded.executor
    if executor.commitment.root_after(executor.state.tip) != succession.state_root:
        raise Refused("state_root_differs", "the state here is not the one that was endorsed")
    log = _copy_receipts(chain, target)
    if log.root() != executor.commitment.log.root():
        raise Refused("store_corrupt", "the ids of the receipts are not those under the root")
    tree, slots = _copy_objects(chain, loaded, target, genesis)
    root = state_root(tree.count(), tree.root(), log.root())
    _copy_leading(chain, source, target, genesis)
    receipts = chain.meta.receipts
    meta = replace(
        journal,
        network_id=genesis.network_id,
        height=genesis.height,
        slots=slots,
        receipts=receipts,
        first_height=genesis.height + 1,
        first_number=receipts,
    )
    base = Base(genesis.height, receipts, root)
    target.write([(BASE, base.encode()), (META_KEY, meta.encode())], sync=True)
    # As the node will at its start: what can't be loaded must not come into the old one's place.
    load_ledger(Chain(target), genesis)


def _copy_leading(chain: Chain, source: Store, target: Store, genesis: Genesis) -> None:
    """What leads wallets of older networks to the sets that signed their last headers: beginnings
    of epochs with their certificates, and changes of CometBFT's validators with their commits. How
    an epoch began under CometBFT is asked by who joins that network, and nobody does any more."""
    for number in range(1, genesis.first_epoch):
        key = number_key(EPOCH, number)
        record, raw = chain.epoch_record(number), source.get(key)
        if record is not None and record.certificate is not None:
            target.write([(key, raw)], sync=False)
    for key, raw in stored_changes(source, 0):
        target.write([(key, raw)], sync=False)


def _copy_receipts(chain: Chain, target: Store) -> ReceiptLog:
    """The ids of all receipts, what they are found by, and the roots of full chunks."""
    log = ReceiptLog()
    ids = chain.ids_between(0, chain.meta.receipts)
    number = 0
    while batch := list(islice(ids, _AT_ONCE)):
        changes: list[Change] = [(number_key(IDS, number), b"".join(batch))]
        changes += [
            (TRANSACTION + each, place.to_bytes(8, "big"))
            for place, each in enumerate(batch, number)
        ]
        target.write(changes, sync=False)
        log.append(batch)
        number += len(batch)
    roots = [(number_key(CHUNK, index), root) for index, root in enumerate(log.chunk_roots())]
    target.write(roots, sync=False)
    return log


def _copy_objects(
    chain: Chain, loaded: LoadedLedger, target: Store, genesis: Genesis
) -> tuple[IndexedTree, int]:
    """All objects of the new state; their tree, and the number of slots."""
    view, before = loaded.executor.state.tip, loaded.executor.commitment.tree
    changed = {
        item.tree_key: item.encode()
        for item in succeeding_objects(view, territory_prefixes(chain), genesis)
    }
    new = [key for key in changed if before.slot(key) is None]
    entries: list[tuple[int, bytes, bytes]] = []

    def placed() -> Iterator[tuple[int, bytes, bytes]]:
        slots = before.count()
        for key, raw in chain.newest_objects():
            slot = before.slot(key)
            if slot is None:
                raise InvariantBroken("an object has no slot in the tree")
            yield slot, key, changed.pop(key, raw)
        for key, raw in changed.items():
            yield slots, key, raw
            slots += 1

    rows = placed()
    while batch := list(islice(rows, _AT_ONCE)):
        target.write(
            [(OBJECT + key, slot.to_bytes(SLOT_BYTES, "big") + raw) for slot, key, raw in batch],
            sync=False,
        )
        entries += [(slot, key, value_hash_of(raw)) for slot, key, raw in batch]
    full_sums(
        decode_object(value[SLOT_BYTES:])
        for _, value in target.iterate(OBJECT, after_prefix(OBJECT))
    )
    tree = IndexedTree()
    count = before.count() + len(new)
    tree.load(entries, count)
    return tree, count
