"""A node killed at any moment loses nothing and repeats nothing."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.chain import Chain
from node.start import load_ledger
from node.store import STORE_KINDS, open_store
from primitives.errors import Refused
from tests.node.town import Person, Town


def _start_process(town: Town, index: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.node.node_process",
            str(town.folder),
            str(index),
            town.store_kind,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    while "started" not in process.stdout.readline():
        if process.poll() is not None:
            raise RuntimeError(f"node {index} ended with {process.returncode}")
    return process


async def _pay_for_ever(town: Town, people: list[Person], paid: list[bytes]) -> None:
    count = len(people)
    for turn in range(10_000):
        step = 1 + turn % (count - 1)
        raws = [town.pay(people[i], people[(i + step) % count], 1) for i in range(count)]
        answers = await town.nodes[turn % 3].submit_many(raws)
        for answer in answers:
            assert answer.state in ("accepted", "known"), answer
        for answer in answers:
            status = await town.nodes[turn % 3].wait_final(answer.id, 20_000)
            assert status.state == "final", status
            paid.append(answer.id)


@pytest.mark.process
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_killed_at_any_moment(kind: str, tmp_path: Path) -> None:
    town = Town(tmp_path, store_kind=kind)
    (tmp_path / "GENESIS").write_text(town.genesis.to_json(), "utf-8")
    draw = random.Random(kind)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        victim = await loop.run_in_executor(None, _start_process, town, 3)
        paid: list[bytes] = []
        try:
            await town.start(0, 1, 2)
            await town.ready()
            people = await town.people(8, 100_000)
            paying = asyncio.create_task(_pay_for_ever(town, people, paid))
            for _ in range(6):
                await asyncio.sleep(draw.uniform(0.05, 0.8))
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                assert not paying.done()
                victim = await loop.run_in_executor(None, _start_process, town, 3)
            await asyncio.sleep(0.5)
            paying.cancel()
            await asyncio.gather(paying, return_exceptions=True)
            await town.same_height()
            await asyncio.sleep(2.0)
        finally:
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
        await town.start(3)
        await town.ready()
        await town.same_height()
        status = town.nodes[3].status()
        assert not status.observing, status.observing_reason
        assert len(paid) > 20
        for transaction_id in paid:
            places = {
                (found.state, found.height, found.number)
                for found in (n.transaction_status(transaction_id) for n in town.nodes.values())
            }
            assert len(places) == 1 and next(iter(places))[0] == "final"
        balances = [town.nodes[3].account(person.id) for person in people]
        assert sum(one.balance_minor for one in balances if one) == 8 * 100_000
        await town.stop()

    asyncio.run(scenario())
    for index in range(4):
        store = open_store(town.store(index), kind)
        load_ledger(Chain(store), town.genesis)
        store.close()


@pytest.mark.process
def test_all_are_killed_at_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    (tmp_path / "GENESIS").write_text(town.genesis.to_json(), "utf-8")
    draw = random.Random(3)
    paid: list[bytes] = []
    people: list[Person] = []

    async def one_round(first: bool) -> None:
        """Three processes and a node here; all die in the middle of payments."""
        loop = asyncio.get_running_loop()
        victims = [await loop.run_in_executor(None, _start_process, town, i) for i in (1, 2, 3)]
        await town.start(0)
        await town.ready()
        if first:
            people.extend(await town.people(8, 100_000))
        for transaction_id in paid:
            assert town.nodes[0].transaction_status(transaction_id).state == "final"
        town.nodes.update({1: town.nodes[0], 2: town.nodes[0]})
        paying = asyncio.create_task(_pay_for_ever(town, people, paid))
        await asyncio.sleep(draw.uniform(0.5, 1.0))
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        paying.cancel()
        await asyncio.gather(paying, return_exceptions=True)
        node = town.nodes.pop(0)
        town.nodes.clear()
        await node.stop()
        for victim in victims:
            victim.wait()

    for round_number in range(4):
        asyncio.run(one_round(round_number == 0))
    assert len(paid) > 8


def _settled_town(tmp_path: Path) -> tuple[Town, list[Person]]:
    town = Town(tmp_path)
    people: list[Person] = []

    async def scenario() -> None:
        await town.start()
        await town.ready()
        people.extend(await town.people(4, 1_000))
        await town.must_settle(0, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        await town.stop()

    asyncio.run(scenario())
    return town, people


def _restart(town: Town, people: list[Person], lost: int) -> str | None:
    """Start all; the network goes on, and node `lost` says why it only observes."""

    async def scenario() -> str | None:
        await town.start()
        await town.ready()
        await town.must_settle((lost + 1) % 4, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        status = town.nodes[lost].status()
        assert status.observing == (status.observing_reason is not None)
        assert town.nodes[lost].latest_final_height == status.height
        await town.stop()
        return status.observing_reason

    return asyncio.run(scenario())


def test_a_lost_journal_only_observes(tmp_path: Path) -> None:
    town, people = _settled_town(tmp_path)
    for path in town.journal(2).iterdir():
        path.unlink()
    town.journal(2).rmdir()
    assert _restart(town, people, 2) is not None
    assert not town.journal(2).exists()
    assert _restart(town, people, 1) is None


def test_a_cut_journal_only_observes(tmp_path: Path) -> None:
    town, people = _settled_town(tmp_path)
    path = sorted(town.journal(2).glob("*.log"))[-1]
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(raw[:4], len(raw) // 2)])
    for _ in range(3):
        assert _restart(town, people, 2) is not None


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    town, _ = _settled_town(tmp_path)
    path = sorted(town.journal(2).glob("*.log"))[0]
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)

    async def scenario() -> None:
        with pytest.raises(Refused) as refusal:
            await town.start(2)
        assert refusal.value.code == "journal_corrupt"

    asyncio.run(scenario())


def test_a_damaged_object_is_refused(tmp_path: Path) -> None:
    town, _ = _settled_town(tmp_path)
    store = open_store(town.store(2), "leveldb")
    key, value = next(iter(store.iterate(b"o", b"p")))
    store.write([(key, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
    store.close()

    async def scenario() -> None:
        with pytest.raises(Refused) as refusal:
            await town.start(2)
        assert refusal.value.code == "state_root_differs"
        store = open_store(town.store(2), "leveldb")
        store.write([(key, value)], sync=True)
        store.close()
        await town.start(2)
        await town.stop()

    asyncio.run(scenario())


def test_another_network_and_another_store_are_refused(tmp_path: Path) -> None:
    town, _ = _settled_town(tmp_path)
    other = Town(tmp_path / "other")
    other.folder = town.folder

    async def scenario() -> None:
        with pytest.raises(Refused) as refusal:
            await other.start(1)
        assert refusal.value.code == "data_of_other_network"
        town.store_kind = "rocksdb"
        with pytest.raises(Refused) as refusal:
            await town.start(1)
        assert refusal.value.code == "store_of_other_kind"

    asyncio.run(scenario())
