"""What is put into a store before there is a chain to read from it."""

from collections.abc import Iterable
from dataclasses import replace

from node.block_records import FinalizedBlock, put_block
from node.chain_records import CHUNK, META_KEY, Meta, number_key
from node.store import Change, Store
from primitives.errors import Refused


def mark_store(store: Store, journal_id: bytes) -> None:
    """Mark an empty store as one that belongs to this journal."""
    if store.get(META_KEY) is not None:
        raise Refused("file_exists", "the store is in use already")
    store.write([(META_KEY, Meta(journal_id).encode())], sync=True)


def begin_with_block(
    store: Store, block: FinalizedBlock, meta: Meta, chunk_roots: Iterable[bytes]
) -> None:
    """Have a store begin with a block whose parent's objects and earlier ids are in it."""
    height, first = block.header.height, meta.receipts
    changes: list[Change] = [
        (number_key(CHUNK, index), root) for index, root in enumerate(chunk_roots)
    ]
    put_block(block, first, changes)
    meta = replace(
        meta,
        height=height,
        first_height=height,
        first_number=first,
        receipts=first + len(block.transactions),
    )
    store.write([*changes, (META_KEY, meta.encode())], sync=True)
