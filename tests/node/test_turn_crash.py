"""A node killed at any step of the turn to the next epoch goes on: no double vote, no fork."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain import Chain
from node.store import open_store
from tests.node.council import epoch_of, in_epoch
from tests.node.dying_turn import STEPS
from tests.node.test_epochs import QUICK, replay
from tests.node.town import Town, until
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

VICTIM = 3
DIES_IN_THE_OLD_EPOCH = STEPS[:1]


def start(town: Town, index: int, step: str) -> subprocess.Popen[str]:
    """A process that dies at this step of its next turn."""
    return subprocess.Popen(
        [
            sys.executable, "-m", "tests.node.dying_turn", str(town.folder), str(index),
            town.store_kind, step,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip


async def died(process: subprocess.Popen[str]) -> None:
    """Until it killed itself: no other end will do."""
    code = await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
    assert code == -signal.SIGKILL


def newest(town: Town, index: int) -> tuple[int, bool]:
    """(epoch, whether it is the boundary) of the newest block that a dead node holds."""
    store = open_store(town.store(index), town.store_kind)
    try:
        header = Chain(store).newest
        if header is None:
            return 0, False
        return header.header.epoch, header.header.next_set_hash is not None
    finally:
        store.close()


def kill(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()


def check(town: Town) -> None:
    """No evidence of a double vote, and one chain that replays under each epoch's rules."""
    assert not [each for node in town.nodes.values() for each in node.evidence()]
    roots = {node.status().state_root for node in town.nodes.values()}
    assert len(roots) == 1


def test_one_is_killed_at_every_step_of_its_turns(tmp_path: Path) -> None:
    town = Town(tmp_path, parameters=replace(QUICK, epoch_ms=1_000))
    (tmp_path / "GENESIS").write_text(town.genesis.to_json(), "utf-8")

    async def scenario() -> None:
        victim = start(town, VICTIM, STEPS[0])
        try:
            await town.start(0, 1, 2)
            people = await town.people(4, 1_000)
            for number, step in enumerate(STEPS):
                if number:
                    victim = start(town, VICTIM, step)
                await died(victim)
                epoch, is_boundary = newest(town, VICTIM)
                assert is_boundary != (step in DIES_IN_THE_OLD_EPOCH), step
                assert epoch <= epoch_of(town.nodes[0])
                payment = town.pay(people[number % 4], people[(number + 1) % 4], 1)
                await town.must_settle(number % 3, [payment])
        finally:
            kill(victim)
        # It is needed from now on: three of four are there, and it votes.
        await town.start(VICTIM)
        await in_epoch([town.nodes[VICTIM]], epoch_of(town.nodes[0]))
        await town.stop(0)
        await town.must_settle(VICTIM, [town.pay(people[0], people[2], 3)])
        assert not town.nodes[VICTIM].status().observing
        await town.start(0)
        await town.same_height()
        check(town)
        await town.stop()
        assert min(replay(town, index) for index in range(4)) >= len(STEPS) - 1

    asyncio.run(scenario())


@pytest.mark.parametrize("step", ["boundary written", "first promise written"])
def test_all_are_killed_in_the_same_turn(step: str, tmp_path: Path) -> None:
    """Each dies in its turn; who never comes to it, since too few are left, dies with the rest."""
    town = Town(tmp_path, parameters=replace(QUICK, epoch_ms=1_000))
    (tmp_path / "GENESIS").write_text(town.genesis.to_json(), "utf-8")

    async def scenario() -> None:
        victims = [start(town, index, step) for index in range(4)]
        try:
            # Two of four are too few to go on without the others.
            await until(lambda: sum(one.poll() is not None for one in victims) >= 2)
        finally:
            kill(*victims)
        held = [newest(town, index) for index in range(4)]
        assert (0, True) in held
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        await in_epoch(list(town.nodes.values()), 2)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        check(town)
        assert not [n for n in town.nodes.values() if n.status().observing]
        await town.stop()
        assert min(replay(town, index) for index in range(4)) >= 2

    asyncio.run(scenario())
