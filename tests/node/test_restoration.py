"""A member whose journal is lost votes again from E + 2, by itself, and no sooner."""

import asyncio
import shutil
from pathlib import Path

from node.territory import TerritoryNode
from tests.node.council import epoch_of, in_epoch
from tests.node.test_epochs import QUICK, replay
from tests.node.town import Town, until


def promised(node: TerritoryNode) -> int | None:
    """The epoch from which a node says that it votes again."""
    reason = node.status().observing_reason or ""
    return int(reason.rsplit(" ", 1)[1]) if "votes again from epoch" in reason else None


def test_it_votes_again_by_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        await in_epoch(list(town.nodes.values()), 1)
        await town.stop(3)
        shutil.rmtree(town.journal(3))
        await town.start(3)
        lost = town.nodes[3]
        begun = epoch_of(lost)
        assert lost.status().observing
        await until(lambda: promised(lost) is not None, 20)
        promise = promised(lost)
        assert promise is not None and promise >= begun + 2
        # It keeps to that over a restart.
        await town.stop(3)
        await town.start(3)
        lost = town.nodes[3]
        while lost.status().observing:
            assert epoch_of(lost) < promise
            await asyncio.sleep(0.02)
        assert epoch_of(lost) >= promise
        # It is needed now: three of four, and one of the others is away.
        await town.stop(0)
        await town.must_settle(3, [town.pay(people[0], people[1], 5)])
        await town.stop()
        assert replay(town, 3) >= promise

    asyncio.run(scenario())


def test_with_too_few_others_it_observes(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        await town.start()
        await town.ready()
        await town.stop(2, 3)
        shutil.rmtree(town.journal(3))
        await town.start(3)
        await asyncio.sleep(3)
        assert town.nodes[3].status().observing_reason == "the journal is gone"
        await town.stop()

    asyncio.run(scenario())
