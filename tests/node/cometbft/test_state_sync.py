"""A new node begins with a snapshot, by CometBFT's own protocol, also if somebody dies or lies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.engines.cometbft.configuration import StateSync
from node.engines.cometbft.light_door import LightDoor, LightQuestion
from node.engines.cometbft.rpc import CometRpc
from tests.node.cometbft.grammar import CHECKER, fits_the_grammar
from tests.node.cometbft.mortal import SYNC_STEPS, Mortal
from tests.node.cometbft.network import PATIENCE_SECONDS, Place, living, new_places, until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("cometbft")]


async def ask_own(rpc: CometRpc, question: LightQuestion) -> Any:
    """The answer of a member's CometBFT, as it is."""
    height: dict[str, Any] = {} if question.height is None else {"height": str(question.height)}
    page = {"page": "1", "per_page": "100"} if question.method == "validators" else {}
    return await rpc.call(question.method, **height, **page)


@asynccontextmanager
async def a_newcomer(root: Path) -> AsyncIterator[tuple[list[Place], Place, Mortal]]:
    """Two validators with a history, and who begins now, as soon as it is started."""
    *members, newcomer = new_places(root, ["arden", "brume"], ["neuve"])
    for place in (*members, newcomer):
        place.make_ledger = Mortal
    async with living(members):
        for n in range(8):
            await members[n % 2].say(f"word number {n}")
            await until(lambda: all(f"word number {n}" in m.words.words for m in members))  # noqa: B023
        trusted = await members[0].rpc.commit(1)
        doors = [
            LightDoor(root / "doors" / f"{n}.sock", partial(ask_own, place.rpc))
            for n, place in enumerate(members)
        ]
        newcomer.settings = replace(
            newcomer.settings,
            state_sync=StateSync(
                [door.url for door in doors],
                1,
                bytes.fromhex(trusted["signed_header"]["commit"]["block_id"]["hash"]),
                1_000_000_000,
            ),
        )
        try:
            for door in doors:
                await door.open()
            await newcomer.start()
            ledger = newcomer.ledger
            assert isinstance(ledger, Mortal)
            yield members, newcomer, ledger
        finally:
            await newcomer.stop()
            for door in doors:
                await door.close()


async def caught_up(members: list[Place], newcomer: Place) -> None:
    """The chain goes on meanwhile; CometBFT wants two blocks above a snapshot."""
    n = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while newcomer.words.words != members[0].words.words:
            n += 1
            await members[0].say(f"another {n}")
            await asyncio.sleep(1)


def test_a_new_node_begins_with_a_snapshot(tmp_path: Path) -> None:
    async def go() -> None:
        async with a_newcomer(tmp_path) as (members, newcomer, ledger):
            await caught_up(members, newcomer)
            assert ledger.restored_at > 0
            # Nothing of before the snapshot was executed here.
            assert "init_chain" not in newcomer.calls
            assert "word number 0" not in ledger.decided_at
            if CHECKER.exists():
                assert fits_the_grammar(newcomer.calls, "clean", tmp_path)
            assert not newcomer.fatal

    asyncio.run(go())


def test_who_sends_a_wrong_chunk_is_asked_no_more(tmp_path: Path) -> None:
    async def go() -> None:
        async with a_newcomer(tmp_path) as (members, newcomer, ledger):
            liar = members[1].ledger
            assert isinstance(liar, Mortal)
            liar.lie = True
            await caught_up(members, newcomer)
            assert ledger.restored_at > 0
            assert len(set(ledger.senders_rejected)) <= 1

    asyncio.run(go())


@pytest.mark.parametrize("step", SYNC_STEPS)
def test_cometbft_dies_during_a_sync(tmp_path: Path, step: str) -> None:
    async def go() -> None:
        async with a_newcomer(tmp_path) as (members, newcomer, ledger):

            def kill() -> None:
                pid = newcomer.comet.supervisor.pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

            ledger.die, ledger.at = kill, step
            await caught_up(members, newcomer)
            assert newcomer.comet.supervisor.ends >= 1
            assert ledger.restored_at > 0
            assert not newcomer.fatal

    asyncio.run(go())
