"""What a final block leaves in the store beside its objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consensus.certificates import Certificate
from consensus.header import Header
from node.chain_records import (
    ACCOUNT,
    BODY,
    EPOCH,
    FIRST_NUMBER,
    HEADER,
    IDS,
    TRANSACTION,
    StoredHeader,
    lane_entry,
    number_key,
)
from node.epochs import EpochRecord
from node.store import Change


class IndexedTransaction(NamedTuple):
    """What the indexes need of one transaction; `accounts[0]` is the lane's."""

    id: bytes
    accounts: tuple[bytes, ...]
    device: bytes
    number: int


@dataclass(frozen=True, slots=True)
class FinalizedBlock:
    """One block to commit.

    `changes` are its objects' new stored forms, in the protocol's order; `created` are the keys
    among them that are new. `certificate` is the one that names this block, if there is one.
    `begins` is what a boundary begins.
    """

    header: Header
    body: bytes
    transactions: Sequence[IndexedTransaction]
    changes: Mapping[bytes, bytes]
    created: frozenset[bytes]
    certificate: Certificate | None
    begins: EpochRecord | None = None


def put_block(block: FinalizedBlock, first_number: int, changes: list[Change]) -> None:
    """A block's own records."""
    height = block.header.height
    stored = StoredHeader(block.header, first_number, block.certificate)
    changes.append((number_key(HEADER, height), stored.encode()))
    changes.append((number_key(BODY, height), block.body))
    if block.begins is not None:
        changes.append((number_key(EPOCH, block.begins.epoch), block.begins.encode()))
    if block.transactions:
        changes.append((number_key(FIRST_NUMBER, first_number), height.to_bytes(8, "big")))
        ids = b"".join([transaction.id for transaction in block.transactions])
        changes.append((number_key(IDS, first_number), ids))
    put_index(block.transactions, first_number, changes)


def put_index(
    transactions: Sequence[IndexedTransaction], first_number: int, changes: list[Change]
) -> None:
    """What transactions are found by."""
    add = changes.append
    for receipt_number, (transaction_id, accounts, device, number) in enumerate(
        transactions, first_number
    ):
        position = receipt_number.to_bytes(8, "big")
        add((TRANSACTION + transaction_id, position))
        entry = lane_entry(device, number)
        for account in accounts:
            add((ACCOUNT + account + position, entry))
            entry = b""
