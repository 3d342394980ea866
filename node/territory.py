"""One territory's node: the only door between the HTTP API and everything behind it.

All methods are called on the event loop's thread. Nothing here keeps a payment in a task or a
future of its own: submissions are gathered per turn of the loop.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from consensus.cometbft.certified import SetChange
from consensus.evidence import DoubleVote
from consensus.header import Header
from ledger.network_objects import NETWORK, PROPOSAL, ProposalRecord
from ledger.objects import Account, RunRecord, TerritoryRecord
from node.answers import (
    FinalBlock,
    FinalHeader,
    HistoryPage,
    LaneStatus,
    NodeStatus,
    ObjectWithProof,
    Submission,
    TransactionStatus,
)
from node.engines.choice import engine_node, newcomer_of
from node.engines.port import EngineNode, NewcomerTold, Told, WithoutState
from node.epochs import Epoch
from node.key_ring import NodeKeys, TransportIdentity
from node.newcomer import Newcomer
from node.territory_options import TerritoryOptions, create_data
from node.waiters import FinalWaiters
from primitives.errors import InvariantBroken, Refused

__all__ = ["TerritoryNode", "TerritoryOptions", "TransportIdentity", "create_data"]

_READY_ASKED_SECONDS = 0.05
NOT_READY_RETRY_MS = 1_000
"""When to try again with a node that does not know yet when it will be ready."""

OnFinal = Callable[[FinalBlock], None]


class TerritoryNode:
    """See the module's docstring. `start` raises Refused (`journal_corrupt`, `state_root_differs`,
    `data_of_other_network`, `store_of_other_kind`, `port_in_use`) and leaves nothing open then."""

    def __init__(self, options: TerritoryOptions) -> None:
        self._options = options
        self._parts: EngineNode | None = None
        self._newcomer: WithoutState | None = None
        self._blocks_must_do = False
        self._listeners: list[OnFinal] = []
        self._waiters = FinalWaiters()
        self._ended = asyncio.Event()
        self._end_reason: str | Refused | None = None
        self._again: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("node")

    async def start(self) -> None:
        """Open the data, rebuild and check the state, listen, and begin to take part."""
        options, again_soon = self._options, self._begin_again_soon
        if await self._begins_with_snapshot():
            return
        try:
            told = Told(self._waiters.wake, self._tell_all, again_soon, self._fatal)
            parts = engine_node(options, told)
        except Refused as refusal:
            if refusal.code != "succession_without_state":
                raise
            newcomer = Newcomer(options, again_soon, self._fatal)
            await newcomer.start()
            self._newcomer = newcomer
            return
        await parts.start()
        self._parts = parts

    async def _begins_with_snapshot(self) -> bool:
        """Whether the engine takes one by a protocol of its own, now."""
        told = NewcomerTold(self._begin_again_soon, self._begin_with_blocks, self._fatal)
        newcomer = await newcomer_of(self._options, told, blocks_must_do=self._blocks_must_do)
        if newcomer is None:
            return False
        await newcomer.start()
        self._newcomer = newcomer
        return True

    def _begin_with_blocks(self) -> None:
        self._blocks_must_do = True
        self._begin_again_soon()

    def _begin_again_soon(self) -> None:
        self._again = asyncio.get_running_loop().create_task(self._begin_again())

    async def _begin_again(self) -> None:
        """A store was made from a snapshot: stop, and start with that one."""
        try:
            if await self._stop_running():
                await self.start()
        except (Refused, InvariantBroken, OSError) as error:
            self._fatal(f"the snapshot can't be begun with: {error}")

    async def stop(self) -> None:
        """Close everything in order; what was accepted and not final is gone, as after a crash."""
        if self._again is not None:
            await asyncio.gather(self._again, return_exceptions=True)
        await self._stop_running()
        self._ended.set()

    async def _stop_running(self) -> bool:
        running, self._parts, self._newcomer = self._parts or self._newcomer, None, None
        if running is not None:
            await running.stop()
        return running is not None

    async def wait_stopped(self) -> str | Refused | None:
        """Until the node stopped: None after `stop`, else the reason it stopped itself."""
        await self._ended.wait()
        return self._end_reason

    async def wait_ready(self) -> None:
        """Until `status().ready`."""
        while self._parts is None or not self._parts.is_ready():
            await asyncio.sleep(_READY_ASKED_SECONDS)

    @property
    def _running(self) -> EngineNode:
        if self._parts is None:
            if self._newcomer or (self._again is not None and not self._again.done()):
                raise Refused("node_not_ready", "this node begins with a snapshot")
            raise InvariantBroken("the node does not run")
        return self._parts

    @property
    def peer_port(self) -> int:
        """The port that members are listened to on."""
        return self._running.peer_port

    def _fatal(self, reason: str | Refused) -> None:
        self._end_reason = reason
        self._ended.set()

    # -- transactions in ---------------------------------------------------------------------

    def submit(self, raw: bytes, on_done: Callable[[Submission], None]) -> None:
        """Hand in one transaction's bytes; `on_done` is called once, in a later turn of the loop.

        The fast way for sockets: no task, no future, verified in a group with its neighbours.
        """
        self._running.intake.submit(raw, on_done)

    async def submit_many(self, raws: Sequence[bytes]) -> list[Submission]:
        """Hand in several; answers in the same order."""
        if not raws:
            return []
        answers: list[Submission | None] = [None] * len(raws)
        all_done = asyncio.get_running_loop().create_future()
        left = len(raws)

        def answer_at(index: int) -> Callable[[Submission], None]:
            def on_done(submission: Submission) -> None:
                nonlocal left
                answers[index] = submission
                left -= 1
                if left == 0 and not all_done.done():
                    all_done.set_result(None)

            return on_done

        for index, raw in enumerate(raws):
            self.submit(raw, answer_at(index))
        await all_done
        return [answer for answer in answers if answer is not None]

    def retry_after_ms(self) -> int:
        """When a transaction that is refused as `busy` now may come again."""
        parts = self._parts
        if parts is None or not parts.is_current():
            return NOT_READY_RETRY_MS
        return parts.intake.retry_after_ms()

    def check(self, raw: bytes) -> None:
        """Whether a transaction would apply now, its signatures apart. Raises `Refused`; nothing
        is kept or told to anyone. While this node is behind it is `node_not_ready`."""
        parts = self._running
        if not parts.is_current():
            raise Refused("node_not_ready", "this node is catching up")
        parts.check(raw)

    # -- what became final -------------------------------------------------------------------

    def on_final(self, callback: OnFinal) -> Callable[[], None]:
        """Call back for every block once it is final and on disk; returns the way to stop that."""
        self._listeners.append(callback)

        def stop_listening() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return stop_listening

    async def wait_final(self, transaction_id: bytes, timeout_ms: int) -> TransactionStatus:
        """The status once final or refused, or as it stands when the time is over."""
        status = self.transaction_status(transaction_id)
        if status.state in ("final", "refused") or timeout_ms <= 0:
            return status
        await self._waiters.wait(transaction_id, timeout_ms / 1000)
        return self.transaction_status(transaction_id)

    def _tell_all(self, block: FinalBlock) -> None:
        for listener in list(self._listeners):
            self._tell(listener, block)

    def _tell(self, listener: OnFinal, block: FinalBlock) -> None:
        try:
            listener(block)
        except Exception:  # a listener's fault must not stop the chain
            self._log.exception("listener_failed", height=block.height)

    # -- reads, all as of what is final -------------------------------------------------------

    @property
    def latest_final_height(self) -> int:
        """0 before the first block."""
        return self._running.chain.height

    async def certified(self, height: int | None = None) -> FinalHeader | None:
        """The final header at a height (None: the newest), or None if there is none. Raises
        `Refused("node_not_ready")` where what makes it final can't be had now."""
        return await self._running.certified(height)

    def set_changes(self, above: int) -> list[SetChange]:
        """Changes of CometBFT's validator set above a height, ascending, at most as many as go into
        one answer. Raises `Refused("not_found")` where no network before had any."""
        return self._running.set_changes(above)

    def epoch_proofs(self, first: int) -> bytes:
        """Under CometBFT, what proves how the epochs from `first` on began, as many as go into one
        answer. Raises `Refused("not_found")` under the built-in engine."""
        return self._running.epoch_proofs(first)

    def snapshot_heights(self) -> list[int]:
        """Under CometBFT, the heights whose state this node gives as a snapshot, newest first.
        Raises `Refused("not_found")` under the built-in engine."""
        return self._running.snapshot_heights()

    def epoch(self, number: int) -> Epoch | None:
        """An epoch that has begun here."""
        epochs = self._running.epochs
        if 0 <= number < epochs.first:
            return epochs.before(number)
        return epochs.epoch(number) if 0 <= number <= epochs.current.number else None

    def network_with_proof(self) -> ObjectWithProof | None:
        """The terms voted last, against the newest final header."""
        return self._running.reads.object_with_proof(NETWORK, "", None)

    def proposal_with_proof(self, identity: bytes) -> ObjectWithProof | None:
        """A proposal, or its absence, against the newest final header."""
        return self._running.reads.object_with_proof(PROPOSAL, identity, None)

    def card_with_proof(self, prefix: str) -> ObjectWithProof | None:
        """The enacted proposal that carries the card of a territory which joined after the
        genesis. Raises `Refused("not_found")` where there is none."""
        proposal = self._running.chain.card_proposal(prefix)
        if proposal is None:
            raise Refused("not_found")
        return self._running.reads.object_with_proof(PROPOSAL, proposal, None)

    def proposals(self) -> list[ProposalRecord]:
        """Those that the ballot lists: open, and decided last."""
        return self._running.reads.proposals()

    def member_territory(self, prefix: str) -> TerritoryRecord | None:
        """What the ledger has of a territory."""
        return self._running.executor.state.territory(prefix)

    def header_before(self, header: Header) -> Header | None:
        """The final parent header, for callers that walk back."""
        stored = self._running.chain.stored_header(header.height - 1)
        return None if stored is None else stored.header

    def account(self, account_id: bytes) -> Account | None:
        """The account as of the newest final block, without proof (for entitlements)."""
        return self._running.executor.state.account(account_id)

    def is_signed_by_gone(self, raw: bytes) -> bool:
        """Whether a key that signed a transaction has left its account, so that the transaction can
        never be accepted: such a key does not come back."""
        return self._running.reads.is_signed_by_gone(raw)

    def run(self, owner: bytes, run_id: bytes) -> RunRecord | None:
        """What the ledger remembers of a batch that this account paid."""
        return self._running.executor.state.run(owner, run_id)

    def account_with_proof(
        self, account_id: bytes, height: int | None = None
    ) -> ObjectWithProof | None:
        """Proved against the header at `height` (None: the newest); None if that can't be proved
        here any more (older than the last 64 blocks), or no block is final yet."""
        return self._running.reads.account(account_id, height)

    def requests_with_proofs(self, account_id: bytes) -> list[ObjectWithProof]:
        """The requests that are open for an account, each proved against the newest header."""
        account, reads = self.account(account_id), self._running.reads
        found = [reads.request(account_id, maker) for maker in account.requests] if account else []
        return [one for one in found if one is not None and one.raw is not None]

    def currency_with_proof(self, code: str) -> ObjectWithProof | None:
        """A currency's totals object, or its absence, against the newest final header."""
        return self._running.reads.currency(code)

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        """Where it stands; with proofs when final."""
        return self._running.reads.status(transaction_id)

    def final_height(self, transaction_id: bytes) -> int | None:
        """Where a final transaction stands; None for any other. Where its block is kept no longer,
        the height at which this node's blocks begin."""
        chain = self._running.chain
        number = chain.number_of(transaction_id)
        if number is None:
            return None
        place = chain.place_of(number)
        return chain.meta.first_height if place is None else place[0]

    def is_pruned(self, transaction_id: bytes) -> bool:
        """Whether it is final, in a block that is kept no longer."""
        chain = self._running.chain
        number = chain.number_of(transaction_id)
        return number is not None and number < chain.meta.first_number

    def transaction_raw(self, transaction_id: bytes) -> bytes | None:
        """The signed bytes, of a final or pending transaction."""
        return self._running.reads.raw(transaction_id)

    def transaction_accounts(self, transaction_id: bytes) -> frozenset[bytes]:
        """The accounts a final or pending transaction concerns (who may read it), and who sent one
        that was refused."""
        return self._running.reads.accounts_of(transaction_id)

    def inclusion_proof(self, transaction_id: bytes) -> bytes | None:
        """Encoded, under the transaction root of the header at its height."""
        return self._running.reads.inclusion(transaction_id)

    def receipt_proof(self, number: int) -> tuple[bytes, int] | None:
        """(encoded receipt proof, height of the header whose state root it leads to)."""
        return self._running.reads.receipt(number)

    def history(self, account_id: bytes, before: int | None, limit: int) -> HistoryPage:
        """Final transactions of an account with receipt numbers below `before`, newest first."""
        return self._running.reads.history(account_id, before, limit)

    def lane(self, account_id: bytes, device: bytes, number: int) -> LaneStatus:
        """What a number of a device's lane was used for."""
        return self._running.reads.lane(account_id, device, number)

    # -- the node itself ----------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """For `node status` and health."""
        return self._running.status()

    def renew_keys(self, current: NodeKeys, pending: NodeKeys | None) -> None:
        """The keys on disk are these now. Refuses `keystore_malformed`."""
        self._running.renew_keys(current, pending)

    def evidence(self) -> list[DoubleVote]:
        """Double votes that this node has seen, by member and view."""
        return self._running.double_votes()

    def counters(self) -> dict[str, float]:
        """Monotonic counters and gauges by plain name, for metrics."""
        return self._running.counters()
