"""From the parts of a snapshot to a store that a node can start from.

The snapshot's block and those after it, up to the one that a certificate names, are executed on the
state that was fetched: a node's newest block has a certificate of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from consensus.certificates import Certificate
from consensus.header import Block
from ledger.genesis import Genesis
from ledger.rules import RuleSet
from ledger.transaction import Transaction, decode_transaction
from ledger.view import View
from node.block_body import read_body
from node.block_records import FinalizedBlock, IndexedTransaction
from node.block_shelf import ShelvedBlock
from node.chain import Chain
from node.chain_beginnings import begin_with_block
from node.chain_records import BODY_BYTES_MAX, EPOCH, Meta, number_key
from node.committer import completed_chunks, finalized_block
from node.concerns import touched_accounts
from node.epochs import Epoch, EpochRecord
from node.executor import BlockUnsound
from node.snapshots.manifest import Manifest
from node.start import load_ledger
from node.store import Store
from primitives.errors import InvariantBroken, Refused


def complete(
    store: Store,
    genesis: Genesis,
    meta: Meta,
    manifest: Manifest,
    blocks: Sequence[Block],
    certificate: Certificate,
) -> None:
    """Give the store its own record, its first block and the few after it. How the epochs up to
    theirs began is in it, and the one after it where they end with a boundary.

    Raises `Refused`: `state_root_differs` where what was fetched is not what the header names.
    """
    # First without its indexes by account, which need the state that is loaded only then.
    first, last = blocks[0], blocks[-1].header
    own = certificate if certificate.digest == last.digest else None  # not a closing header's
    rules = _rules_of(store, genesis, first.header.epoch)
    transactions = _decoded(first, genesis.network_id, rules)
    begin_with_block(
        store,
        FinalizedBlock(
            first.header,
            first.body,
            _indexed(transactions, None),
            {},
            frozenset(),
            own if len(blocks) == 1 else None,
        ),
        meta,
        manifest.receipt_roots,
    )
    chain = Chain(store)
    loaded = load_ledger(chain, genesis)
    executor = loaded.executor
    chain.index_again(manifest.height, _indexed(transactions, executor.state.tip))
    shelved: list[ShelvedBlock] = []
    try:
        for block in blocks[1:]:
            decoded = _decoded(block, genesis.network_id, rules)
            following = ShelvedBlock(block.header, block.body, decoded)
            shelved.append(loaded.shelf.put(following))
            executor.run(shelved[-1])
    except BlockUnsound as unsound:
        raise Refused("state_root_differs", unsound.reason) from unsound
    if not shelved:
        return
    finalized = [finalized_block(each) for each in shelved]
    finalized[-1] = replace(finalized[-1], certificate=own)
    changes, _ = chain.batch(
        finalized,
        executor.commitment.tree.slot,
        completed_chunks(chain, executor, shelved),
        meta.journal_sequence,
    )
    chain.write(changes)


def _rules_of(store: Store, genesis: Genesis, epoch: int) -> RuleSet:
    """Those that the blocks were executed under, all of one epoch."""
    first = Epoch.first(genesis)
    if epoch == first.number:
        return first.rules
    raw = store.get(number_key(EPOCH, epoch))
    if raw is None:
        raise InvariantBroken(f"how epoch {epoch} began was not kept")
    return Epoch.of(EpochRecord.decode(raw)).rules


def _decoded(block: Block, network_id: bytes, rules: RuleSet) -> list[Transaction]:
    """They are final: members have verified their signatures."""
    return [
        decode_transaction(raw, network_id, rules) for raw in read_body(block.body, BODY_BYTES_MAX)
    ]


def _indexed(transactions: Sequence[Transaction], state: View | None) -> list[IndexedTransaction]:
    return [
        IndexedTransaction(
            each.id,
            () if state is None else touched_accounts(each, state),
            each.device,
            each.number,
        )
        for each in transactions
    ]
