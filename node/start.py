"""From what the store holds to a state in memory that is checked against the newest final header.

The store's objects are those after the block before the newest one (`node.chain_records`), so
their tree and receipt log must give the newest header's state root; then that block is executed
again. What does not fit keeps the node from starting (`state_root_differs`).
"""

from dataclasses import dataclass

import structlog

from ledger.commitment import Commitment, LogReceipts
from ledger.execution import BlockRefused, execute
from ledger.genesis import Genesis, initial_objects
from ledger.rules import RuleSet
from ledger.state import State
from ledger.transaction import decode_transaction
from node.block_shelf import BlockShelf
from node.bodies import is_body
from node.chain import Chain
from node.chain_records import BODY_BYTES_MAX, damage_told
from node.committer import created_keys
from node.epoch_book import EpochBook
from node.executor import Executor
from node.tree_images import OBJECTS_MIN, TreeImages
from node.tree_loading import load_tree
from primitives.errors import InvariantBroken, Refused
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES, ReceiptLog, receipt_leaf
from primitives.state_root import state_root

HASHED_SHARE = 32
"""Where more than one object of so many had to be hashed, a new image is worth its writing."""


@dataclass(frozen=True, slots=True)
class LoadedLedger:
    """The ledger at the newest final block."""

    executor: Executor
    shelf: BlockShelf
    epochs: EpochBook


def load_ledger(chain: Chain, genesis: Genesis, images: TreeImages | None = None) -> LoadedLedger:
    """Rebuild and check, with what an earlier start left in `images`.

    Refuses `data_of_other_network`, `state_root_differs`, `store_corrupt`, and
    `rule_version_unknown` where the network's rules are newer than this program.
    """
    with damage_told():
        return _load(chain, genesis, images)


def _load(chain: Chain, genesis: Genesis, images: TreeImages | None) -> LoadedLedger:
    if chain.meta.network_id is None or genesis.succession is None:
        # Of a successor this refuses: its first state is made by `node succeed`, or a later one
        # comes from the peers (`node.newcomer`).
        objects = [(key, item.encode()) for key, item in initial_objects(genesis)]
        chain.begin(genesis.network_id, objects)
    elif chain.meta.network_id != genesis.network_id:
        raise Refused("data_of_other_network", chain.meta.network_id.hex())
    epochs = EpochBook(chain, genesis)
    newest = chain.newest
    current = epochs.current
    # Of the newest block's epoch, which it may have ended.
    rules = current.rules if newest is None else epochs.epoch(newest.header.epoch).rules
    log = load_receipts(chain, chain.receipts_proved)
    tree = _load_tree(chain, log, images)
    state = State(chain, LogReceipts(log), rules, chain.receipts_proved)
    commitment = Commitment(state, tree, log)
    shelf = BlockShelf()
    if newest is not None:
        if commitment.root_after(state.tip) != newest.header.state_root:
            raise Refused(
                "state_root_differs",
                f"the stored state is not the one that the header at height {chain.height} names",
            )
        _execute_newest(chain, state, genesis.network_id, rules)
    elif chain.base is not None and commitment.root_after(state.tip) != chain.base.state_root:
        raise Refused("state_root_differs", "the stored state is not the one taken over")
    final_digest = current.digest if newest is None else newest.header.digest
    state.rules = current.rules
    executor = Executor(genesis.network_id, state, commitment, shelf, current, final_digest)
    return LoadedLedger(executor, shelf, epochs)


def _load_tree(chain: Chain, log: ReceiptLog, images: TreeImages | None) -> IndexedTree:
    """The tree over the stored objects. One that was made with an image and does not have the root
    is made again without: an image never keeps a node from starting."""
    count = chain.meta.slots
    if images is None or chain.newest is None or count <= OBJECTS_MIN:
        return load_tree(chain.stored_with_slots(), count, None).tree
    wanted = chain.newest.header.state_root
    image = images.read(count)
    try:
        loaded = load_tree(chain.stored_with_slots(), count, image)
        has_root = state_root(count, loaded.tree.root(), log.root()) == wanted
    except InvariantBroken:
        if image is None:
            raise
        has_root = False
    if image is not None and not has_root:
        structlog.get_logger("node").warning("tree_image_of_no_use")
        loaded = load_tree(chain.stored_with_slots(), count, None)
        has_root = state_root(count, loaded.tree.root(), log.root()) == wanted
    if has_root and loaded.hashed > count // HASHED_SHARE:
        images.write(wanted, loaded.image)
    return loaded.tree


def load_receipts(chain: Chain, count: int) -> ReceiptLog:
    """The receipt log with its first `count` receipts."""
    log = ReceiptLog()
    full = count >> CHUNK_DEPTH
    begin = full << CHUNK_DEPTH
    previous = begin - CHUNK_LEAVES if full else 0
    leaves = [
        receipt_leaf(number, each)
        for number, each in enumerate(chain.ids_between(previous, count), previous)
    ]
    log.load(chain.chunk_roots()[:full], leaves[: begin - previous], leaves[begin - previous :])
    return log


def _execute_newest(chain: Chain, state: State, network_id: bytes, rules: RuleSet) -> None:
    newest = chain.newest
    if newest is None:
        return
    header = newest.header
    if not is_body(header, chain.body(header.height), BODY_BYTES_MAX):
        # No header names the state after it yet: what stands here would be believed unsigned.
        raise Refused("store_corrupt", f"the body at height {header.height} is another's")
    transactions = [decode_transaction(raw, network_id, rules) for raw in chain.raws(header.height)]
    try:
        candidate = execute(state, transactions, header.time_ms)
    except BlockRefused as refused:
        raise Refused(
            "state_root_differs", f"the newest final block does not apply: {refused.refusal}"
        ) from refused
    chain.restore_newest(candidate.changes, created_keys(candidate))
    state.commit(candidate)
