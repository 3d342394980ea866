"""What the node signed, until it is settled: final, or impossible for good.

The registry holds the signed bytes before they leave, so whatever interrupts the node, it goes on
here: what is final on the ledger is noted as final; what is not is handed in again, the same bytes,
as long as they are valid; and once a final header's time is past their validity and the ledger
does not hold them, what they were for is free again. So it is where a key that signed has left its
account for ever: the node's own, when it got another.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ledger.envelope import assemble, is_of_network, is_raw_of_network
from ledger.shapes import SIGNATURE_BYTES
from node.answers import FinalBlock
from node.clock import now_ms
from node.office.registry_thread import RegistryThread
from node.registry.records import Act, Operation, PayrollRun
from node.registry.register import Registry
from node.territory import TerritoryNode
from primitives.errors import InvariantBroken, Refused

LOOK_SECONDS = 5.0
HAND_IN_AGAIN_MS = 10_000


@dataclass(slots=True)
class Followed:
    """A transaction that is under way, and what to note of its end."""

    transaction_id: bytes
    raw: bytes
    valid_until_ms: int
    finish: Callable[[Registry, int], object]
    release: Callable[[Registry], object]
    is_of_predecessor: bool
    """Made for a network that this one took the place of: final already, or never."""
    handed_in_ms: int = 0


class Follower:
    """See the module's docstring."""

    def __init__(self, node: TerritoryNode, network_id: bytes, registry: RegistryThread) -> None:
        self._node = node
        self._network_id = network_id  # known before the node can say anything of itself
        self._registry = registry
        self._followed: dict[bytes, Followed] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None
        self._log = structlog.get_logger("office")

    async def start(self) -> None:
        """Take up what was under way when the node stopped."""
        operations = await self._registry.call(lambda r: r.operations.in_state("signed"))
        runs = await self._registry.call(lambda r: r.payrolls.in_state("signed"))
        for operation in operations:
            self.follow_operation(operation)
        for run in runs:
            self.follow_run(run)
        self._stop_listening = self._node.on_final(self._on_final)
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def stop(self) -> None:
        """Follow no more; the registry knows what is under way."""
        if self._stop_listening is not None:
            self._stop_listening()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def follow_operation(self, operation: Operation) -> None:
        """Follow a signed operation."""
        identity = operation.id
        self._follow(
            operation.transaction_id,
            operation.raw,
            operation.valid_until_ms,
            lambda r, height: r.operations.finish(_own_act(), identity, height),
            lambda r: r.operations.release(_own_act(), identity),
        )

    def follow_run(self, run: PayrollRun) -> None:
        """Follow a countersigned payroll."""
        employer, run_id = run.employer, run.run_id
        self._follow(
            run.transaction_id,
            run.raw,
            run.valid_until_ms,
            lambda r, height: _if_still(
                r, run, lambda: r.payrolls.finish(_own_act(), employer, run_id, height)
            ),
            lambda r: _if_still(r, run, lambda: r.payrolls.release(_own_act(), employer, run_id)),
        )

    def _follow(
        self,
        transaction_id: bytes | None,
        raw: bytes | None,
        valid_until_ms: int | None,
        finish: Callable[[Registry, int], object],
        release: Callable[[Registry], object],
    ) -> None:
        if transaction_id is None or raw is None or valid_until_ms is None:
            raise InvariantBroken("something is signed without its bytes")
        if transaction_id not in self._followed:
            self._followed[transaction_id] = Followed(
                transaction_id,
                raw,
                valid_until_ms,
                finish,
                release,
                not is_raw_of_network(raw, self._network_id),
            )

    async def hand_in(self, transaction_id: bytes, wait_ms: int) -> None:
        """Hand a followed transaction in now, and note its end if that comes in time."""
        followed = self._followed.get(transaction_id)
        if followed is None:
            return
        await self._submit(followed)
        await self._node.wait_final(transaction_id, wait_ms)
        await self._settle(followed)

    async def _submit(self, followed: Followed) -> None:
        followed.handed_in_ms = now_ms()
        (submission,) = await self._node.submit_many([followed.raw])
        if submission.refusal is not None:
            # Not the end: until it expires, the same bytes may yet become final.
            self._log.warning("signed_and_not_taken", code=submission.refusal.code)

    def _on_final(self, block: FinalBlock) -> None:
        if not self._followed.keys().isdisjoint(block.transaction_ids):
            self._wake.set()

    async def _look_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._look()
            except Refused as refusal:
                self._log.warning("not_settled_yet", code=refusal.code)
            except Exception:  # the next look may do better
                self._log.exception("follower_failed")

    async def _look(self) -> None:
        for followed in tuple(self._followed.values()):
            try:
                is_settled = await self._settle(followed)
                if not is_settled and now_ms() - followed.handed_in_ms > HAND_IN_AGAIN_MS:
                    await self._submit(followed)
            except Refused as refusal:
                # One that can't be settled must not keep the others from it.
                self._log.warning("not_settled_yet", code=refusal.code)
            except Exception:  # what is under way stays followed, whatever is wrong with one
                self._log.exception("follower_failed")
        await self._release_expired()

    async def _settle(self, followed: Followed) -> bool:
        """Note the end of a transaction in the registry; whether it has one."""
        height = self._node.final_height(followed.transaction_id)
        if height is not None:
            await self._registry.call(lambda r: followed.finish(r, height))
        elif (
            followed.is_of_predecessor
            or self._node.status().header_time_ms > followed.valid_until_ms
            or self._node.is_signed_by_gone(followed.raw)
        ):
            await self._registry.call(followed.release)
        else:
            return False
        self._followed.pop(followed.transaction_id, None)
        return True

    async def _release_expired(self) -> None:
        """Operations that wait for staff beyond their time, for a network that is no more, or on
        the lane of a key that this node had before: it will never sign them."""
        now, network_id = now_ms(), self._network_id
        waiting = await self._registry.call(lambda r: r.operations.in_state("waiting"))
        ended = [
            one.id
            for one in waiting
            if one.valid_until_ms < now
            or not is_of_network(one.body, network_id)
            or self._node.is_signed_by_gone(assemble(one.body, bytes(SIGNATURE_BYTES)))
        ]

        def release(registry: Registry) -> None:
            for operation in registry.operations.in_state("waiting"):
                if operation.id in ended:
                    registry.operations.release(_own_act(), operation.id)

        await self._registry.call(release)


def _if_still(registry: Registry, run: PayrollRun, note: Callable[[], object]) -> None:
    """Note the end of a run's transaction, unless the run was signed again as another one."""
    known = registry.payrolls.get(run.employer, run.run_id)
    if known.transaction_id == run.transaction_id:
        note()


def _own_act() -> Act:
    """The node itself acts."""
    return Act(now_ms(), b"")
