"""Bringing the chain up by height: parts from other members are verified, executed, committed."""

import asyncio
from collections.abc import Callable

import structlog

from consensus.effects import CatchUp
from consensus.events import CaughtUp
from consensus.header import Block
from node.block_shelf import ShelvedBlock
from node.bodies import Bodies
from node.committer import Committer
from node.epochs import Epoch
from node.executor import BlockUnsound, Executor, ParentGone
from node.peers.catch_up import CatchUpRun, PartReader, Target
from node.peers.frames import WANT_BLOCKS
from node.peers.network import PeerNetwork
from primitives.errors import InvariantBroken


class CatchingUp:
    """Does what the core asks with `CatchUp`; `on_caught_up` is its answer. `run` is the
    conversation with the peers."""

    def __init__(
        self,
        network_id: bytes,
        epoch: Epoch,
        bodies: Bodies,
        executor: Executor,
        committer: Committer,
        network: PeerNetwork,
        on_caught_up: Callable[[CaughtUp], None],
        on_fatal: Callable[[str], None],
        on_pruned: Callable[[], None],
    ) -> None:
        self._bodies = bodies
        self._executor = executor
        self._committer = committer
        self._on_caught_up = on_caught_up
        self._on_fatal = on_fatal
        self._reader = PartReader(epoch.number, epoch.members, network_id, bodies.matches)
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("node")
        self.run = CatchUpRun(
            self._reader,
            lambda: sorted(network.connected),
            lambda peer, want: network.send(peer, WANT_BLOCKS, want),
            network.drop,
            lambda: (committer.submitted_height, committer.submitted_digest),
            self._take,
            self._finished,
            on_pruned,
        )

    def begin_epoch(self, epoch: Epoch) -> None:
        """Blocks of this epoch are next."""
        self._reader.begin_epoch(epoch.number, epoch.members)

    def ask(self, request: CatchUp) -> None:
        """Go to that header."""
        target = Target(request.header, request.certificate, request.closing)
        if self.run.aim(target, request.from_peer):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        self._log.info("catching_up", to_height=self.run.target_height)
        try:
            await self.run.run()
        except (BlockUnsound, InvariantBroken) as error:
            self._on_fatal(f"a final block does not hold here: {error}")
        except Exception as error:  # else the node would stay behind for ever, and say nothing
            self._log.exception("catching_up_failed")
            self._on_fatal(f"catching up failed: {error}")

    async def _take(self, blocks: list[Block], reached: Target) -> None:
        """Verify, execute and commit blocks, of which the last is final."""
        # One after the other: a part may hold more blocks than the shelf, which the executor asks
        # for each block's parent.
        shelved: list[ShelvedBlock] = []
        try:
            for block in blocks:
                shelved.append(await self._verified(block))
                if block.header.height > self._committer.submitted_height:
                    self._executor.run(shelved[-1])
                    await asyncio.sleep(0)
        except ParentGone:
            return
        self._committer.submit(shelved, reached.certificate, reached.closing)
        await self._committer.drained()

    async def _verified(self, block: Block) -> ShelvedBlock:
        done: asyncio.Future[ShelvedBlock] = asyncio.get_running_loop().create_future()

        def on_shelved(shelved: ShelvedBlock | None, reason: str) -> None:
            if done.done():
                return
            if shelved is None:
                done.set_exception(BlockUnsound(reason))
            else:
                done.set_result(shelved)

        self._bodies.shelve(block, on_shelved)
        return await done

    def _finished(self, target: Target) -> None:
        self._log.info("caught_up", height=target.header.height)
        self._on_caught_up(CaughtUp(target.header, target.certificate, target.closing))
