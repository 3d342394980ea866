"""Blocks of CometBFT meet the ledger: chosen, executed, and remembered until one is committed.

Rules of this file:
- CometBFT decides one height after the other, so a block's parent is always what is committed.
- A block in which one transaction does not decode, verify or apply is refused whole.
- Whether a block holds depends on its transactions, its time and the committed state alone, never
  on a clock or on what waits here.
- A transaction that was verified before is not verified again: the mempool holds verified ones.
- The chain keeps a block under a header record in the ledger's own form. Nobody signed it: it is
  this node's note of epoch, time and roots, the same on every node; what wallets verify is
  CometBFT's header (docs/adr/0024).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.header import Header
from ledger.execution import BlockRefused, execute, select
from ledger.terms import terms_of
from ledger.transaction import Transaction, decode_transaction
from node.block_body import pack_body, transactions_root
from node.block_shelf import ShelvedBlock
from node.chain import Chain
from node.engines.cometbft.messages import ConsensusParams, ValidatorUpdate
from node.engines.cometbft.network_terms import (
    next_set_hash,
    param_updates,
    room_for,
    validator_updates,
)
from node.epochs import Epoch
from node.executor import BlockUnsound, Executor
from node.mempool import Mempool
from node.verifier import Verifier
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes

PROPOSALS_MAX = 16
"""So many blocks that were shown for one height are remembered; others are executed again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What CometBFT is told at an epoch's end: who votes from the height after the next on, and
    which parameters hold from the next one on."""

    validators: tuple[ValidatorUpdate, ...] = ()
    params: ConsensusParams | None = None


class LedgerBlocks:
    """See the module's docstring."""

    def __init__(
        self,
        network_id: bytes,
        chain: Chain,
        executor: Executor,
        mempool: Mempool,
        verifier: Verifier,
    ) -> None:
        self._network_id = network_id
        self._chain = chain
        self._executor = executor
        self._mempool = mempool
        self._verifier = verifier
        self._shown: OrderedDict[bytes, ShelvedBlock] = OrderedDict()

    # -- choosing -----------------------------------------------------------------------------

    def choose(
        self, transactions: Sequence[Transaction], time_ms: int, max_tx_bytes: int
    ) -> list[Transaction]:
        """What of these applies and fits, in their order."""
        room = room_for(transactions, max_tx_bytes)
        chosen = select(self._executor.state.tip, transactions, time_ms, bytes_max=room)
        self._executor.transactions_executed += len(chosen.accepted)
        return chosen.accepted

    # -- reading ------------------------------------------------------------------------------

    async def read(self, raws: Sequence[bytes]) -> list[Transaction]:
        """Decoded and verified, in their order. Raises `Refused` for the first that is neither."""
        found: list[Transaction] = []
        unknown: list[Transaction] = []
        rules = self._executor.state.rules
        for raw in raws:
            transaction = self._mempool.get(hash_bytes("tx", raw))
            if transaction is None:
                transaction = decode_transaction(raw, self._network_id, rules)
                unknown.append(transaction)
            found.append(transaction)
        if unknown and not await self._are_verified(unknown):
            raise Refused("signature_invalid", "a signature in a block does not verify")
        return found

    async def _are_verified(self, transactions: Sequence[Transaction]) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def verified(_: Sequence[Transaction], sound: list[bool]) -> None:
            if not answer.done():
                answer.set_result(all(sound))

        self._verifier.check(transactions, verified)
        return await answer

    # -- executing ----------------------------------------------------------------------------

    async def execute(
        self, block_hash: bytes, height: int, time_ms: int, raws: Sequence[bytes]
    ) -> ShelvedBlock:
        """The block and the state after it. Nothing is written.

        Raises `Refused` for what does not decode or verify, BlockUnsound for what does not apply,
        InvariantBroken for a height that is not the next one.
        """
        if height != self.next_height:
            raise InvariantBroken(f"a block at height {height}; the next is {self.next_height}")
        shown = self._shown.get(block_hash)
        if shown is not None and shown.candidate is not None and shown.candidate.is_alive():
            return shown
        transactions = await self.read(raws)
        if height != self.next_height:
            raise InvariantBroken("a block was committed while another of its height was executed")
        block = self._apply(height, time_ms, transactions)
        self._shown[block_hash] = block
        while len(self._shown) > PROPOSALS_MAX:
            self._shown.popitem(last=False)
        return block

    @property
    def next_height(self) -> int:
        """Of the block that is decided next."""
        return self._chain.height + 1

    def _apply(
        self, height: int, time_ms: int, transactions: Sequence[Transaction]
    ) -> ShelvedBlock:
        executor, state = self._executor, self._executor.state
        root = executor.commitment.root_after(state.tip)
        try:
            candidate = execute(state, transactions, time_ms)
        except BlockRefused as refused:
            raise BlockUnsound(
                f"transaction {refused.index}: {refused.refusal}", is_alarm=refused.is_alarm
            ) from refused
        executor.transactions_executed += len(transactions)
        ends = next_set_hash(executor.epoch, terms_of(state.tip), time_ms)
        header = Header(
            network_id=self._network_id,
            epoch=executor.epoch.number,
            view=0,
            parent_view=0,
            parent_digest=executor.final_digest,
            height=height,
            time_ms=time_ms,
            rule_version=executor.epoch.terms.rule_version,
            transactions_root=transactions_root(candidate.ids),
            transactions_count=len(transactions),
            state_root=root,
            next_set_hash=ends,
        )
        block = ShelvedBlock(header, pack_body(transactions), transactions, candidate)
        if ends is not None:
            block.next_terms = executor.proved_terms(state.tip)
        return block

    def root_after(self, block: ShelvedBlock) -> bytes:
        """The state root after an executed block: its `app_hash`."""
        if block.candidate is None:
            raise InvariantBroken("a block was not executed")
        return self._executor.commitment.root_after(block.candidate)

    @property
    def committed_root(self) -> bytes:
        """The state root after the newest committed block."""
        return self._executor.commitment.root_after(self._executor.state.tip)

    @property
    def epoch(self) -> Epoch:
        """The one in force."""
        return self._executor.epoch

    def turn(self, block: ShelvedBlock) -> Turn:
        """What the block at an epoch's end changes for CometBFT; nothing for any other block."""
        if block.next_terms is None:
            return Turn()
        epoch, after = self._executor.epoch, block.next_terms.terms
        before, following = epoch.terms, epoch.number + 1
        return Turn(validator_updates(before, after), param_updates(before, after, following))

    def committed(self) -> None:
        """A block is on disk: what was shown beside it is of no use any more."""
        self._shown.clear()
