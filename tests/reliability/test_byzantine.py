"""One of four is replaced by one liar after the other, with its real key, on the real wire."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Node, must
from tests.reliability.aftermath import check_aftermath
from tests.reliability.bank import Bank, bank
from tests.reliability.rounds import meanwhile
from tests.reliability.testbed import Testbed, ask, running_testbed
from tests.reliability.wire_actors import ON_THE_WIRE

pytestmark = pytest.mark.process

PHASE_SECONDS = 1.0
PAYMENTS_PER_PHASE = 15
TWIN_SECONDS = 0.5


async def some_payments(told: Bank) -> None:
    """A few seconds, and until so many more were acknowledged."""
    wanted = len(told.told.final) + PAYMENTS_PER_PHASE
    await asyncio.sleep(PHASE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(told.told.final) < wanted:
            await asyncio.sleep(0.1)


async def alive(node: Node) -> None:
    """Until it answers, so that its lies have begun."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await asyncio.to_thread(ask, f"{node.url}/health/live") is None:
            await asyncio.sleep(0.05)


async def caught(bed: Testbed, liar: Node) -> None:
    """Until an honest node has evidence."""
    honest = next(node for node in bed.nodes.values() if node is not liar)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not ((await asyncio.to_thread(ask, f"{honest.url}/v1/evidence")) or {}).get("items"):
            await asyncio.sleep(0.1)


async def replaced_by(bed: Testbed, liar: Node, actor: str, told: Bank) -> None:
    """One actor's phase."""
    bed.programs[liar.prefix] = [
        sys.executable, "-m", "tests.reliability.byzantine_node", actor,
    ]  # fmt: skip
    honest = next(iter(bed.nodes.values()))
    for turn in range(2 if actor in ("amnesiac", "sync_liar") else 1):
        if turn and actor == "sync_liar":
            bed.kill(honest)  # somebody must be behind, to be lied to
            await asyncio.sleep(1)
            bed.start(honest)
        else:
            bed.network.kill(liar)
            bed.start(liar)  # who sends garbage is never ready: nobody keeps its connection
            await alive(liar)
        await some_payments(told)
        if actor == "double_voter":
            await caught(bed, liar)
        status = await asyncio.to_thread(ask, f"{liar.url}/v1/status")
        assert status is None or status["observing"] is False, actor
    if liar.process is not None and liar.process.poll() is not None:
        liar.process = None  # a liar may meet its own lies, and stop
    bed.network.kill(liar)


async def old_disk_and_twins(bed: Testbed, liar: Node, told: Bank) -> None:
    """A disk that is set back, then both disks at once: real nodes, and nothing to bend."""
    copy = liar.folder / "copy"
    await some_payments(told)
    bed.network.kill(liar)
    shutil.copytree(liar.data, copy)
    bed.start(liar)
    await some_payments(told)
    bed.network.kill(liar)
    shutil.rmtree(liar.data)
    shutil.copytree(copy, liar.data)
    bed.start(liar)
    await some_payments(told)
    twin = Node(liar.name, liar.prefix, liar.currency, liar.folder, liar.peer, liar.http)
    twin.folder = liar.folder / "twin"
    twin.folder.mkdir()
    shutil.copytree(copy, twin.data)
    bed.network.kill(liar)
    for _ in range(2):  # the two take turns, as two machines behind one address would
        for one in (twin, liar):
            bed.start(one)
            await alive(one)
            await asyncio.sleep(TWIN_SECONDS)
            bed.network.kill(one)
        bed.network.kill(liar)


def check_evidence(bed: Testbed, liar: Node, folder: Path) -> int:
    """Evidence names the liar alone, and anybody can check it; how many pieces."""
    genesis = bed.network.genesis
    names = {
        territory["voting_key"]: territory["prefix"]
        for territory in json.loads(genesis.read_text())["territories"]
    }
    pieces = 0
    for node in bed.nodes.values():
        if node is liar:
            continue
        out = folder / node.prefix
        shown = must(
            "network", "evidence", "--node", node.url, "--genesis", genesis, "--out", out, "--json"
        ).json
        found = shown["evidence"]
        assert isinstance(found, list)
        assert {names[piece["signer"]] for piece in found} <= {liar.prefix}
        pieces += len(found)
        for file in sorted(out.glob("*.json"))[:1]:
            checked = must("verify", file, "--genesis", genesis, "--json").json
            assert checked["territory"] == liar.prefix
    return pieces


async def play(folder: Path) -> dict[str, object]:
    async with running_testbed(folder, 3) as bed, bank(bed.network, 3) as told:
        liar = list(bed.nodes.values())[-1]
        async with meanwhile(told.pay_for_ever(30), told.read_for_ever()):
            # These two first: a real node that met its own lies signs nothing any more.
            await old_disk_and_twins(bed, liar, told)
            for actor in ON_THE_WIRE:
                await replaced_by(bed, liar, actor, told)
        honest = [node for node in bed.nodes.values() if node is not liar]
        bed.network.kill(liar)
        await bed.ready(*honest)
        await told.settle()
        await bed.same_height(honest)
        bed.note_deaths()
        assert bed.died == []
        pieces = await asyncio.to_thread(check_evidence, bed, liar, folder / "evidence")
        assert pieces > 0
        await asyncio.to_thread(bed.network.stop)
        bed.network.nodes = honest
        figures = await asyncio.to_thread(check_aftermath, bed.network, told)
        return {**figures, "evidence": pieces}


def test_each_actor_on_the_real_wire(tmp_path: Path) -> None:
    figures = asyncio.run(play(tmp_path))
    print(figures)
    assert int(str(figures["evidence"])) > 0
    assert int(str(figures["payments acknowledged"])) > 0
