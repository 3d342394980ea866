"""Hands what came in here to CometBFT's pool, whence it goes to the peers.

Our own pool holds it until it is final, so nothing is lost with CometBFT's, which is in memory:
what waits here for a while is handed in again. CometBFT says of what it has that it has it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from ledger.transaction import Transaction
from node.engines.cometbft.rpc import RpcRefused, RpcUnavailable
from node.mempool import Mempool

HANDS = 8
"""So many are handed in at a time."""

AGAIN_SECONDS = 5.0
AGAIN_MAX = 1_000
"""So many of the oldest are handed in again."""

PAUSE_SECONDS = 0.2
QUEUE_MAX = 20_000


class Pool(Protocol):
    """What is asked of CometBFT's RPC."""

    async def broadcast(self, transaction: bytes) -> object:
        """See `CometRpc.broadcast`."""


class PoolFeeder:
    """See the module's docstring."""

    def __init__(self, pool: Callable[[], Pool], mempool: Mempool) -> None:
        self._pool = pool
        self._mempool = mempool
        self._waiting: deque[Transaction] = deque(maxlen=QUEUE_MAX)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger("engine")
        self.handed_in = 0

    def begin(self) -> None:
        """From now on."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._hand_in()) for _ in range(HANDS)]
        self._tasks.append(loop.create_task(self._again()))

    async def end(self) -> None:
        """No more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, transactions: Sequence[Transaction]) -> None:
        """These came in, and CometBFT does not know them yet."""
        self._waiting.extend(transactions)
        self._wake.set()

    async def _hand_in(self) -> None:
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            transaction = self._waiting.popleft()
            if transaction.id not in self._mempool:
                continue
            try:
                await self._pool().broadcast(transaction.raw)
                self.handed_in += 1
            except RpcRefused:
                pass  # it has it, or has no room: both are looked at again
            except RpcUnavailable:
                # It starts or stops: what waits here is handed in again later, all of it.
                await asyncio.sleep(PAUSE_SECONDS)

    async def _again(self) -> None:
        before: set[bytes] = set()
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            oldest = self._mempool.oldest(AGAIN_MAX)
            queued = {transaction.id for transaction in self._waiting}
            self.add([each for each in oldest if each.id in before and each.id not in queued])
            before = {transaction.id for transaction in oldest}
