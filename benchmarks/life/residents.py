"""People who pay in a running network, as `benchmarks/payments.py` has them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from payments import Load, Payer, fill

from benchmarks.life.nodes import LifeNetwork
from clients.demo.people import make_towns
from wallet.light.trust import TrustedNetwork
from wallet.session import Session

SERVICES = 4


@contextlib.asynccontextmanager
async def residents(
    network: LifeNetwork, count: int, towns: Sequence[int] = (0, 1, 2, 3)
) -> AsyncIterator[Load]:
    """So many in each of these territories, with money; their nodes run."""
    everyone = make_towns(1, count, SERVICES)
    load = Load(everyone)
    trusted = TrustedNetwork(network.genesis)
    async with contextlib.AsyncExitStack() as stack:
        for index in towns:
            urls = [network.nodes[each].url for each in towns if each != index]
            session = await stack.enter_async_context(
                Session(trusted, [network.nodes[index].url, *urls], on_outcome=load.note)
            )
            town = everyone[index]
            await fill(network.folder, network.genesis, town, session)
            load.payers += [
                Payer(one, session.account(town.place.prefix, one.signing_key), session)
                for one in town.buyers
                if one.limit_minor is None
            ]
        yield load


async def pay_for(load: Load, seconds: float, *, window: int = 0, rate: float = 0.0) -> int:
    """Have them pay, either with so many payments in flight or at a steady rate; how many became
    final within the time."""
    before = len(load.tally.times)
    began = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < began + seconds:
        room = window - load.in_flight if window else int((now - began) * rate) - sent
        for _ in range(min(room, 64)):
            if not load.send():
                break
            sent += 1
        await asyncio.sleep(0 if window and load.in_flight < window else 0.002)
    final = len(load.tally.times) - before
    await load.idle()
    if load.tally.refused:
        raise RuntimeError(f"payments were refused: {load.tally.refused}")
    return final
