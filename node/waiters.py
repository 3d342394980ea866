"""Who waits for a transaction to become final: one future per waiting request, none per payment."""

import asyncio
from collections.abc import Iterable


class FinalWaiters:
    """Wakes those who wait for an id."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[asyncio.Future[None]]] = {}

    async def wait(self, transaction_id: bytes, seconds: float) -> None:
        """Until the id is woken, or the time is over."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(transaction_id, [])
        waiting.append(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            pass
        finally:
            waiting.remove(future)
            if not waiting and self._waiting.get(transaction_id) is waiting:
                del self._waiting[transaction_id]

    def wake(self, transaction_ids: Iterable[bytes]) -> None:
        """These became final, or were refused."""
        if not self._waiting:
            return
        for transaction_id in transaction_ids:
            for future in self._waiting.get(transaction_id, ()):
                if not future.done():
                    future.set_result(None)
