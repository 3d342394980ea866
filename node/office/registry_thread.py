"""The registry's own thread: the event loop never waits for its disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from node.registry.register import Registry
from primitives.errors import Refused

WAITING_MAX = 512
"""Calls that wait for the thread; above that, who asks is told to come again."""

Answer = TypeVar("Answer")


class RegistryThread:
    """One registry and the one thread that uses it; calls are done in the order they came."""

    def __init__(self, registry: Registry, thread: ThreadPoolExecutor) -> None:
        self._registry = registry
        self._thread = thread
        self._waiting = 0

    @classmethod
    async def open(cls, path: Path, prefix: str) -> "RegistryThread":
        """Open a territory's registry. Raises what `Registry.open` raises."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
        try:
            loop = asyncio.get_running_loop()
            registry = await loop.run_in_executor(thread, Registry.open, path, prefix)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(registry, thread)

    async def call(self, work: Callable[[Registry], Answer]) -> Answer:
        """What `work` makes of the registry. Raises what it raises, and `Refused("node_busy")`."""
        if self._waiting >= WAITING_MAX:
            raise Refused("node_busy", "the registry has much to do")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, work, self._registry)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Finish what was asked for, and let the file go."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._registry.close)
        self._thread.shutdown(wait=True)
