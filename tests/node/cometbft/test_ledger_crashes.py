"""Either side killed at each step of deciding a block: it recovers, nothing is lost, one root."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.engines.cometbft.ledger import CometLedger
from node.replay import Replay
from tests.node.cometbft.comet_town import PATIENCE_SECONDS, CometTown
from tests.node.cometbft.dying_node import STEPS, struck_file
from tests.node.town import Person, until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("cometbft")]

VICTIM = 3


def start(town: CometTown, step: str, whose: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "tests.node.cometbft.dying_node", str(town.folder), str(VICTIM),
            town.store_kind, step, whose,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


def is_connected(town: CometTown) -> bool:
    """Whether another node sees the victim."""
    key = town.options(VICTIM).voting_key.public_key
    return any(each.connected and each.voting_key == key for each in town.nodes[0].status().peers)


async def pay(town: CometTown, people: list[Person], number: int) -> None:
    payer, payee = people[number % 4], people[(number + 1) % 4]
    await town.must_settle(number % 3, [town.pay(payer, payee, 1)])


def replayed(town: CometTown, index: int) -> tuple[int, bytes]:
    """(receipts, root) of a stopped node, everything executed again."""
    ledger = CometLedger(
        town.options(index),
        on_committed=lambda _: None,
        on_refused=lambda _: None,
        on_fatal=lambda _: None,
        on_own=lambda _: None,
        is_current=lambda: False,
        prove_inclusion=lambda raws, place: b"",
    )
    try:
        found = Replay(ledger.chain, town.genesis, engine=town.engine).run()
        return found.transactions, found.state_root
    finally:
        asyncio.run(ledger.close())


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_one_side_is_killed_at_every_step(whose: str, tmp_path: Path) -> None:
    town = CometTown(tmp_path)
    (tmp_path / "GENESIS").write_text(town.genesis.to_json(), "utf-8")

    async def scenario() -> None:
        victim: subprocess.Popen[str] | None = None
        try:
            await town.start(0, 1, 2)
            await asyncio.gather(*(node.wait_ready() for node in town.nodes.values()))
            people = await town.people(4, 1_000)
            for number, step in enumerate(STEPS):
                victim = start(town, step, whose)
                await pay(town, people, number)
                if whose == "ours":
                    code = await asyncio.to_thread(victim.wait, PATIENCE_SECONDS)
                    assert code == -signal.SIGKILL, step
                    continue
                # The node lives on and starts another one, which goes on with the next blocks.
                await until(struck_file(tmp_path, step).exists, PATIENCE_SECONDS)
                await pay(town, people, number + 1)
                await until(lambda: is_connected(town), PATIENCE_SECONDS)
                await pay(town, people, number + 2)
                kill(victim)
        finally:
            if victim is not None:
                kill(victim)
        await town.start(VICTIM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await town.nodes[VICTIM].wait_ready()
        await town.must_settle(VICTIM, [town.pay(people[0], people[2], 3)])
        await town.same_height(PATIENCE_SECONDS)
        await town.stop()

    async def whole() -> None:
        try:
            await scenario()
        finally:
            await town.stop()

    asyncio.run(whole())
    found = {replayed(town, index) for index in range(4)}
    assert len(found) == 1
    assert found.pop()[0] >= len(STEPS) + 3
