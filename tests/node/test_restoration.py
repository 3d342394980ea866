"""A member whose journal is lost votes again from E + 2, by itself, and no sooner."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

from ledger.changes import ChangeParameter, ReplaceKeys
from node.peers.frames import WANT_EPOCH
from node.territory import TerritoryNode
from tests.node.council import enact, epoch_of, in_epoch
from tests.node.test_epochs import QUICK, replay
from tests.node.town import Town, key_of, machinery_of, until


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
        await until(lambda: promised(lost) is not None)
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


def test_another_set_is_asked_too(tmp_path: Path) -> None:
    """The members change before the epoch that was promised: those who answered may not be those
    who know what it signed, so nothing is signed before the new ones answered."""

    async def scenario() -> None:
        town = Town(tmp_path, parameters=replace(QUICK, epoch_ms=600_000))
        await town.start()
        await town.ready()
        await town.people(2, 1_000)
        await enact(town, ChangeParameter("transactions_per_day_max", 5_000), (0, 1, 2), at=0)
        await in_epoch(list(town.nodes.values()), 1)
        await town.stop(3)
        shutil.rmtree(town.journal(3))
        await town.start(3)
        lost = town.nodes[3]
        await until(lambda: promised(lost) == 3)
        # While nobody answers, it can't know; not even after a restart.
        others = [town.nodes[index] for index in range(3)]
        for node in others:
            machinery_of(node).traffic._readers[WANT_EPOCH] = lambda peer_key, content: None
        fresh = key_of("town2 new recovery").public_key
        await enact(town, ReplaceKeys("town2", recovery_key=fresh), (0, 1, 2), at=0)
        await in_epoch([lost, *others], 2)
        await until(lambda: "the members changed" in (lost.status().observing_reason or ""))
        await town.stop(3)
        await town.start(3)
        lost = town.nodes[3]
        await asyncio.sleep(1.5)
        assert "the members changed" in (lost.status().observing_reason or "")
        for node in others:
            traffic = machinery_of(node).traffic
            traffic._readers[WANT_EPOCH] = traffic._want_epoch
        await until(lambda: promised(lost) == 4)
        await town.stop()

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
