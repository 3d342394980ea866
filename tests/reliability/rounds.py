"""One round: a network, a load, mischief for a while, then peace, and what is left is counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.aftermath import check_aftermath, check_balances
from tests.reliability.bank import Bank, bank
from tests.reliability.mischief import Mischief
from tests.reliability.testbed import Testbed, running_testbed

Prepare = Callable[[Testbed], None]


@dataclass(frozen=True)
class Plan:
    """How long, how much, how wild."""

    seconds: float
    seed: int
    payments_per_second: float = 25.0
    longest_seconds: float = 3.0
    pause_seconds: float = 2.0


@contextlib.asynccontextmanager
async def meanwhile(*works: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Works that go on in the background; what goes wrong in one of them is raised at the end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def calm_down(bed: Testbed, told: Bank) -> None:
    """After the mischief: everything must have an outcome, and the nodes must come together."""
    began = asyncio.get_running_loop().time()
    await bed.ready()
    await told.settle()
    await bed.same_height()
    print(f"calm after {asyncio.get_running_loop().time() - began:.1f} s")
    bed.note_deaths()
    assert bed.died == []


async def play(folder: Path, plan: Plan, acts: list[str] | None = None) -> dict[str, object]:
    """One round; the figures. Raises AssertionError where a promise was broken."""
    async with running_testbed(folder, plan.seed) as bed, bank(bed.network, plan.seed) as told:
        mischief = Mischief(bed, plan.seed, longest_seconds=plan.longest_seconds)
        if acts is not None:
            mischief.acts = {name: mischief.acts[name] for name in acts}
        background = asyncio.create_task(mischief.go_on(plan.pause_seconds))
        async with meanwhile(told.pay_for_ever(plan.payments_per_second), told.read_for_ever()):
            await asyncio.wait({background}, timeout=plan.seconds)
            background.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await background
            mischief.heal()
        await calm_down(bed, told)
        await asyncio.to_thread(bed.network.stop)
        figures = await asyncio.to_thread(check_aftermath, bed.network, told)
        await asyncio.to_thread(check_balances, bed.network, told)
        injected = {**mischief.counted, **bed.weather.counted}
    return {"seconds": plan.seconds, "seed": plan.seed, "injected": injected, **figures}
