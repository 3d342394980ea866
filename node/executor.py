"""Blocks meet the ledger: making one, executing one, and the root that a header must carry."""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.header import Block, Header
from ledger.commitment import Commitment
from ledger.execution import BlockRefused, execute, select
from ledger.rules import RuleSet
from ledger.state import Candidate, State
from ledger.transaction import Transaction
from node.block_body import pack_body, transactions_root
from node.block_shelf import BlockShelf, ShelvedBlock
from primitives.errors import InvariantBroken, Refused


class BlockUnsound(Exception):
    """A block does not hold; `reason` for the log."""

    def __init__(self, reason: str, *, is_alarm: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_alarm = is_alarm


class ParentGone(Exception):
    """The parent's state is not here: the chain went on, by height, past this block."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The genesis block, as the parent of the first one."""

    network_id: bytes
    digest: bytes
    time_ms: int


class Executor:
    """Executes blocks on their parents' states. `final_digest` is the newest committed block's."""

    def __init__(
        self,
        state: State,
        commitment: Commitment,
        shelf: BlockShelf,
        origin: Origin,
        rules: RuleSet,
        final_digest: bytes,
    ) -> None:
        self.state = state
        self.commitment = commitment
        self.shelf = shelf
        self.rules = rules
        self.final_digest = final_digest
        self._origin = origin
        self._newest: ShelvedBlock | None = None
        self.transactions_executed = 0

    def state_after(self, digest: bytes) -> Candidate | None:
        """The state after a block: the newest final one's, or an executed one's above it."""
        if digest == self.final_digest:
            return self.state.tip
        block = self.shelf.get(digest)
        return None if block is None else block.candidate

    @property
    def newest_digest(self) -> bytes:
        """The newest block executed here, if its branch still stands; else the final one."""
        newest = self._newest
        if newest is not None and newest.candidate is not None and newest.candidate.is_alive():
            return newest.header.digest
        return self.final_digest

    def newest_state(self) -> Candidate:
        """The state after that block."""
        return self.state_after(self.newest_digest) or self.state.tip

    def run(self, block: ShelvedBlock) -> Candidate:
        """Execute a block whose transactions are verified. Raises BlockUnsound, ParentGone."""
        header = block.header
        if block.candidate is not None:
            return block.candidate
        parent = self.state_after(header.parent_digest)
        if parent is None or not parent.is_alive():
            raise ParentGone
        if header.closing or header.next_set_hash is not None:
            raise BlockUnsound("epochs do not end yet")
        if header.state_root != self.commitment.root_after(parent):
            raise BlockUnsound("the state root after the parent is not ours")
        try:
            candidate = execute(parent, block.transactions, header.time_ms)
        except BlockRefused as refused:
            raise BlockUnsound(
                f"transaction {refused.index}: {refused.refusal}", is_alarm=refused.is_alarm
            ) from refused
        self.transactions_executed += len(block.transactions)
        block.candidate, self._newest = candidate, block
        return candidate

    def build(
        self,
        view: int,
        parent: Header | None,
        transactions: Sequence[Transaction],
        now_ms: int,
    ) -> tuple[ShelvedBlock, list[tuple[Transaction, Refused]]] | None:
        """A block of what applies of `transactions`, and what does not.

        None if the parent's state is not here.
        """
        digest = self._origin.digest if parent is None else parent.digest
        parent_time_ms = self._origin.time_ms if parent is None else parent.time_ms
        state = self.state_after(digest)
        if state is None or not state.is_alive():
            return None
        time_ms = max(parent_time_ms + 1, now_ms)
        root = self.commitment.root_after(state)
        selection = select(state, transactions, time_ms)
        header = Header(
            network_id=self._origin.network_id,
            epoch=0,
            view=view,
            parent_view=0 if parent is None else parent.view,
            parent_digest=digest,
            height=1 if parent is None else parent.height + 1,
            time_ms=time_ms,
            rule_version=self.rules.version,
            transactions_root=transactions_root(selection.candidate.ids),
            transactions_count=len(selection.accepted),
            state_root=root,
        )
        self.transactions_executed += len(selection.accepted)
        self._newest = self.shelf.put(
            ShelvedBlock(
                header, pack_body(selection.accepted), selection.accepted, selection.candidate
            )
        )
        return self._newest, selection.refused

    def commit(self, block: ShelvedBlock) -> None:
        """A block is on disk: its state is the final one."""
        if block.candidate is None:
            raise InvariantBroken("a block is committed that was not executed")
        self.state.commit(block.candidate)
        self.final_digest = block.header.digest
        self.shelf.prune(block.header.height)

    def chunk_roots_before(self, block: ShelvedBlock) -> tuple[bytes, ...]:
        """Roots of all chunks of the receipt log that are full in the state before a block."""
        if block.candidate is None:
            raise InvariantBroken("a block was not executed")
        self.commitment.move_to(block.candidate.parent)
        return self.commitment.log.chunk_roots()

    def prepare_root(self, digest: bytes) -> None:
        """Hash the tree after a block now, while votes travel, for the next header."""
        candidate = self.state_after(digest)
        if candidate is not None and candidate.is_alive():
            self.commitment.root_after(candidate)


def block_of(shelved: ShelvedBlock) -> Block:
    """The block as the consensus core knows it."""
    return Block(shelved.header, shelved.body)
