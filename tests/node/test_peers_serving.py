"""What a member's questions may cost: a share of the time, and nothing twice."""

import asyncio
import time
from pathlib import Path

from consensus.messages import FetchBlock, encode_message
from node.peers.catch_up import pack_range
from node.peers.frames import CONSENSUS, THESE_BLOCKS, WANT_BLOCKS, Frame
from node.peers.serving import BYTES_PER_WINDOW_MAX, Budgets, TimeShares
from tests.node.test_peers_hostile import Villain
from tests.node.town import Town, key_of, machinery_of, until


def test_a_members_questions_take_a_tenth_of_the_time() -> None:
    async def scenario() -> None:
        shares = TimeShares()
        done: list[int] = []

        def work(number: int) -> None:
            time.sleep(0.01)
            done.append(number)

        def ask(peer: bytes, number: int) -> None:
            shares.ask(peer, lambda: work(number))

        for number in range(1000):
            ask(b"busy", number)
        assert done == [0]
        ask(b"other", -1)
        assert done == [0, -1], "nobody waits for another member's questions"
        await until(lambda: 999 in done)
        assert done == [0, -1, 999], "the newest question was waiting, and no other"
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            ask(b"busy", 1)
            await asyncio.sleep(0)
        assert len(done) <= 3 + 5 + 1

    asyncio.run(scenario())


def test_nothing_is_given_twice_in_a_window_nor_too_much() -> None:
    async def scenario() -> None:
        budgets = Budgets(0.05)
        assert budgets.grants(b"peer", b"a", BYTES_PER_WINDOW_MAX + 1), "one thing is always given"
        assert not budgets.grants(b"peer", b"a", 1)
        assert not budgets.grants(b"peer", b"b", 1)
        assert budgets.grants(b"other", b"a", 1)
        assert budgets.grants(b"other", b"b", 1)
        await asyncio.sleep(0.06)
        assert budgets.grants(b"peer", b"a", 1)

    asyncio.run(scenario())


def test_a_node_answers_a_flood_of_questions_within_bounds(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        await town.people(4, 10_000)
        villain = Villain(town)
        await villain.start()
        machinery = machinery_of(town.nodes[0])
        key = key_of("town3 voting").public_key
        newest = machinery.chain.newest
        assert newest is not None
        fetch = Frame(CONSENSUS, encode_message(FetchBlock(newest.header.digest)))
        villain.frames.clear()
        for _ in range(2_000):
            machinery.traffic.peer_frame(key, Frame(WANT_BLOCKS, pack_range(1, 100)))
            machinery.traffic.peer_frame(key, fetch)
        await until(lambda: sum(f.type == THESE_BLOCKS for f in villain.frames) == 2)
        await asyncio.sleep(0.2)
        answers = [f for f in villain.frames if b"block_response" in f.content]
        assert len(answers) == 1
        assert sum(f.type == THESE_BLOCKS for f in villain.frames) == 2
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())
