"""Blocks above the last final one, with their transactions and the states they lead to.

The consensus core knows bodies as bytes; here stands what was decoded and verified of them, by
digest, so that nothing is decoded or verified twice. A few blocks below the final one stay for
members that are just behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.header import Header
from ledger.state import Candidate
from ledger.transaction import Transaction
from node.epochs import ProvedTerms

BLOCKS_BELOW_KEPT = 4
BLOCKS_MAX = 256


@dataclass(slots=True)
class ShelvedBlock:
    """One block. Its transactions are verified, and are those that its header commits to. Of a
    boundary that was executed, `next_terms` are those of the epoch that it begins."""

    header: Header
    body: bytes
    transactions: Sequence[Transaction]
    candidate: Candidate | None = None
    next_terms: ProvedTerms | None = None


class BlockShelf:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, ShelvedBlock] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, block: ShelvedBlock) -> ShelvedBlock:
        """Keep a block; one that is here already stays. The oldest go when there are too many."""
        kept = self._blocks.setdefault(block.header.digest, block)
        while len(self._blocks) > BLOCKS_MAX:
            del self._blocks[next(iter(self._blocks))]
        return kept

    def get(self, digest: bytes) -> ShelvedBlock | None:
        """The block with this digest."""
        return self._blocks.get(digest)

    def branch_ids(self, digest: bytes) -> set[bytes]:
        """Ids of the transactions in the block with this digest and below, as far as it is not
        committed."""
        ids: set[bytes] = set()
        block = self._blocks.get(digest)
        while block is not None and (block.candidate is None or not block.candidate.committed):
            ids.update([transaction.id for transaction in block.transactions])
            block = self._blocks.get(block.header.parent_digest)
        return ids

    def prune(self, final_height: int) -> None:
        """The chain reached this height."""
        low = final_height - BLOCKS_BELOW_KEPT
        dead = [d for d, block in self._blocks.items() if block.header.height <= low]
        for digest in dead:
            del self._blocks[digest]
