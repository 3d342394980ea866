"""A town hall's node may be killed by anyone at any time, and is back soon: acts are tried again.

Every act of the month may be repeated, whatever came of it the first time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from primitives.errors import Refused
from wallet.node_client import NodeUnreachable

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.5
PASSING = frozenset({"node_behind", "node_busy", "node_unreachable", "outcome_unknown"})

T = TypeVar("T")


async def patiently(do: Callable[[], Awaitable[T]]) -> T:
    """Do it, again and again while nobody answers. Raises what else keeps it from being done."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await do()
        except Refused as refusal:
            if refusal.code not in PASSING or time.monotonic() > deadline:
                raise
        except NodeUnreachable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
