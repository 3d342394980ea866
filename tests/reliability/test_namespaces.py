"""Partitions, one-way losses and random loss by the kernel itself, in network namespaces."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.aftermath import check_aftermath
from tests.reliability.bank import bank
from tests.reliability.namespaces import Namespaces, why_not
from tests.reliability.rounds import calm_down, meanwhile
from tests.reliability.testbed import running_testbed

pytestmark = pytest.mark.process

SECONDS = 2.0


async def lose(spaces: Namespaces, draw: random.Random) -> dict[str, int]:
    """One fault after the other."""
    everybody = set(range(len(spaces.names)))
    counted: Counter[str] = Counter()
    one = draw.choice(sorted(everybody))
    pairs = [(index, sorted(everybody - {index})) for index in sorted(everybody)]
    for percent in (20, 40):
        for receiver, senders in pairs:
            spaces.drop(receiver, senders, percent)
        counted[f"{percent} % of all packets lost"] += 1
        await asyncio.sleep(SECONDS)
    spaces.heal()
    spaces.drop(one, sorted(everybody - {one}))
    counted["one member hears nobody and is heard"] += 1
    await asyncio.sleep(SECONDS)
    spaces.heal()
    for receiver in everybody - {one}:
        spaces.drop(receiver, [one])
    counted["one member is heard by nobody and hears"] += 1
    await asyncio.sleep(SECONDS)
    spaces.heal()
    half = set(draw.sample(sorted(everybody), 2))
    for receiver in everybody:
        spaces.drop(receiver, sorted(everybody - half if receiver in half else half))
    counted["two and two parted"] += 1
    await asyncio.sleep(SECONDS)
    spaces.heal()
    return counted


async def play(folder: Path, spaces: Namespaces) -> dict[str, object]:
    async with running_testbed(folder, 9, spaces=spaces) as bed, bank(bed.network, 9) as told:
        async with meanwhile(told.pay_for_ever(25), told.read_for_ever()):
            injected = await lose(spaces, random.Random(9))
        await calm_down(bed, told)
        await asyncio.to_thread(bed.network.stop)
        figures = await asyncio.to_thread(check_aftermath, bed.network, told)
        return {**figures, "injected": injected}


def test_packets_are_lost_and_nothing_else(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    spaces = Namespaces(4)
    spaces.make()
    try:
        figures = asyncio.run(play(tmp_path, spaces))
        print(figures)
        assert int(str(figures["payments acknowledged"])) > 0
    finally:
        spaces.remove()
