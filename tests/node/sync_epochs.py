"""Towns whose epochs end by vote, for a newcomer that begins in a later one."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from consensus.header import Header
from ledger.changes import Change, ChangeParameter, PauseMember
from ledger.rules import Parameters
from tests.node.council import enact, in_epoch
from tests.node.sync_town import SyncTown
from tests.node.town import Person

SLOW = Parameters(delta_ms=200, heartbeat_ms=600_000, epoch_ms=10_000_000)
"""Epochs end by vote alone, and nothing is agreed on without cause."""


def at_ends(parent_time_ms: int, header: Header) -> bool:
    """In the place of `SnapshotShelf.is_due`."""
    return header.next_set_hash is not None


async def to_epoch(town: SyncTown, epoch: int, *changes: Change) -> None:
    """The three vote for these changes, each of which ends an epoch."""
    for number, change in enumerate(changes, epoch - len(changes) + 1):
        await enact(town, change, [0, 1, 2], at=0)
        await in_epoch([town.nodes[index] for index in range(3)], number)


async def history(town: SyncTown, *last: Change) -> list[Person]:
    """Payments in epoch 0, then two more epochs, of which the last has no block yet: the newest
    snapshot is of the boundary itself."""
    people = await town.history()
    for index in range(3):
        shelf = town.machinery(index).snapshots
        shelf.is_due = at_ends  # type: ignore[method-assign]
    await to_epoch(town, 2, ChangeParameter("lines_max", 1_000), *last or [PauseMember("town2")])
    await town.same_snapshots()
    return people


def run(town: SyncTown, work: Coroutine[Any, Any, None]) -> None:
    async def scenario() -> None:
        try:
            await work
        finally:
            await town.stop()

    asyncio.run(scenario())
