"""What a payment leaves is freed as soon as it is let go of: no circle of objects keeps it.

A node looks for such circles as seldom as it pays (`node/imports.py`), so what stands in one stays
for minutes, and is looked through again and again.
"""

import asyncio
import gc
from collections import Counter
from pathlib import Path

from ledger.state import CANDIDATES_PROVABLE
from tests.node.town import Town

BLOCKS = CANDIDATES_PROVABLE + 20
LAYERS = ("ledger.", "primitives.", "consensus.", "node.")


def kinds_of(objects: list[object]) -> Counter[str]:
    """Our own objects among these, by their type."""
    names = [f"{type(one).__module__}.{type(one).__qualname__}" for one in objects]
    return Counter([name for name in names if name.startswith(LAYERS)])


async def left_by_payments(town: Town) -> Counter[str]:
    """What only looking for garbage finds after many blocks of payments."""
    await town.start()
    await town.ready()
    try:
        people = await town.people(4, 1_000_00)
        gc.collect()
        gc.disable()
        for turn in range(BLOCKS):
            payer, payee = people[turn % 4], people[(turn + 1) % 4]
            await town.must_settle(0, [town.pay(payer, payee, 1)])
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return kinds_of(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        await town.stop()


def test_payments_leave_no_garbage(tmp_path: Path) -> None:
    assert asyncio.run(left_by_payments(Town(tmp_path, 1))) == Counter()
