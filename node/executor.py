"""Blocks meet the ledger: making one, executing one, and the root that a header must carry."""

from collections.abc import Sequence

from consensus.header import Block, Header
from ledger.commitment import Commitment
from ledger.execution import BlockRefused, execute, select
from ledger.network_objects import NETWORK
from ledger.state import Candidate, State
from ledger.terms import terms_of
from ledger.transaction import Transaction
from node.block_body import pack_body, transactions_root
from node.block_shelf import BlockShelf, ShelvedBlock
from node.epochs import Epoch, ProvedTerms
from primitives.errors import InvariantBroken, Refused


class BlockUnsound(Exception):
    """A block does not hold; `reason` for the log."""

    def __init__(self, reason: str, *, is_alarm: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_alarm = is_alarm


class ParentGone(Exception):
    """The parent's state is not here: the chain went on, by height, past this block."""


class Executor:
    """Executes blocks on their parents' states, in one epoch after the other. `final_digest` is the
    newest committed block's."""

    def __init__(
        self,
        network_id: bytes,
        state: State,
        commitment: Commitment,
        shelf: BlockShelf,
        epoch: Epoch,
        final_digest: bytes,
    ) -> None:
        self.state = state
        self.commitment = commitment
        self.shelf = shelf
        self.epoch = epoch
        self.final_digest = final_digest
        self._network_id = network_id
        self._newest: ShelvedBlock | None = None
        self.transactions_executed = 0

    def begin_epoch(self, epoch: Epoch) -> None:
        """The boundary before this epoch is on disk. Raises `Refused("rule_version_unknown")`."""
        if epoch.digest != self.final_digest:
            raise InvariantBroken("an epoch begins that does not stand on the final block")
        self.state.rules = epoch.rules
        self.epoch = epoch
        self._newest = None  # a closing block, perhaps: nothing builds on it any more

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
        self._check_header(block, parent)
        try:
            candidate = execute(parent, block.transactions, header.time_ms)
        except BlockRefused as refused:
            raise BlockUnsound(
                f"transaction {refused.index}: {refused.refusal}", is_alarm=refused.is_alarm
            ) from refused
        self.transactions_executed += len(block.transactions)
        block.candidate, self._newest = candidate, block
        return candidate

    def _check_header(self, block: ShelvedBlock, parent: Candidate) -> None:
        """That the header says what follows from the parent's state and the epoch. The place of
        closing blocks is the consensus' to check."""
        header, epoch = block.header, self.epoch
        if header.epoch != epoch.number or header.rule_version != epoch.terms.rule_version:
            raise BlockUnsound("it is of another epoch, or under other rules")
        if header.state_root != self.commitment.root_after(parent):
            raise BlockUnsound("the state root after the parent is not ours")
        if header.closing:
            if block.transactions or header.next_set_hash is not None:
                raise BlockUnsound("a closing block is empty and begins nothing")
            return
        voted = terms_of(parent)
        if header.next_set_hash != epoch.next_set_hash(voted, header.time_ms):
            raise BlockUnsound("it ends the epoch wrongly, or fails to end it")
        if header.next_set_hash is not None:
            block.next_terms = self.proved_terms(parent)

    def proved_terms(self, state: Candidate) -> ProvedTerms:
        """The terms voted last, as of a state whose root was asked for."""
        self.commitment.hold(state)
        found = self.commitment.prove_object(NETWORK, "", state)
        if found.raw is None:
            raise InvariantBroken("the state has no terms")
        return ProvedTerms(found.raw, found.proof)

    def build(
        self,
        view: int,
        parent: Header | None,
        transactions: Sequence[Transaction],
        now_ms: int,
        *,
        closing: bool = False,
    ) -> tuple[ShelvedBlock, list[tuple[Transaction, Refused]]] | None:
        """A block of what applies of `transactions`, and what does not; where the epoch's end is
        due, it is the boundary. A closing block is empty.

        None if the parent's state is not here.
        """
        epoch = self.epoch
        digest = epoch.digest if parent is None else parent.digest
        state = self.state_after(digest)
        if state is None or not state.is_alive():
            return None
        time_ms = max((epoch.time_ms if parent is None else parent.time_ms) + 1, now_ms)
        height = epoch.height if parent is None else parent.height
        begins = parent is None or parent.epoch != epoch.number
        voted = terms_of(state)
        root = self.commitment.root_after(state)
        selection = select(state, () if closing else transactions, time_ms)
        header = Header(
            network_id=self._network_id,
            epoch=epoch.number,
            view=view,
            parent_view=0 if parent is None or begins else parent.view,
            parent_digest=digest,
            height=height if closing else height + 1,
            time_ms=time_ms,
            rule_version=epoch.terms.rule_version,
            transactions_root=transactions_root(selection.candidate.ids),
            transactions_count=len(selection.accepted),
            state_root=root,
            next_set_hash=None if closing else epoch.next_set_hash(voted, time_ms),
            closing=closing,
        )
        self.transactions_executed += len(selection.accepted)
        built = ShelvedBlock(
            header, pack_body(selection.accepted), selection.accepted, selection.candidate
        )
        if header.next_set_hash is not None:
            built.next_terms = self.proved_terms(state)
        self._newest = self.shelf.put(built)
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
