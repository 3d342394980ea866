"""Catching up over more blocks than anything keeps in memory."""

import asyncio
from pathlib import Path

import pytest

from node import block_shelf
from node.peers import catch_up
from tests.node.town import Town


@pytest.mark.parametrize("part_blocks", [3, 64])
def test_parts_may_be_longer_or_shorter_than_the_shelf(
    part_blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_shelf, "BLOCKS_MAX", 8)
    monkeypatch.setattr(catch_up, "PART_BLOCKS_MAX", part_blocks)

    async def scenario(town: Town) -> None:
        try:
            await town.start(0, 1, 2)
            await town.ready()
            people = await town.people(2, 10_000)
            for _ in range(30):
                await town.must_settle(0, [town.pay(people[0], people[1], 3)])
            await town.start(3)
            await town.ready()
            await town.same_height()
            assert town.nodes[3].counters()["blocks_caught_up"] >= 30
        finally:
            await town.stop()

    asyncio.run(scenario(Town(tmp_path)))
