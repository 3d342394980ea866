"""A member that sends rubbish, floods and asks for too much: the others go on."""

import asyncio
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

from node.peer_circle import member_addresses
from node.peers.catch_up import pack_range
from node.peers.certificates import make_transport
from node.peers.frames import (
    CONSENSUS,
    PROPOSAL,
    THESE_BLOCKS,
    THESE_TRANSACTIONS,
    TRANSACTIONS,
    WANT_BLOCKS,
    WANT_TRANSACTIONS,
    WIRE_VERSION,
    Frame,
    Hello,
)
from node.peers.groups import pack_group
from node.peers.network import PeerNetwork
from primitives.encoding import encode
from tests.node.town import Person, Town, certified_by, key_of, until

ALL_TYPES = (
    TRANSACTIONS,
    CONSENSUS,
    PROPOSAL,
    WANT_TRANSACTIONS,
    THESE_TRANSACTIONS,
    WANT_BLOCKS,
    THESE_BLOCKS,
)


@dataclass
class Villain:
    """Town 3's keys in other hands: connected as a member, saying whatever a test wants."""

    town: Town
    frames: list[Frame] = field(default_factory=list)

    async def start(self) -> None:
        options = self.town.options(3)
        self.network = PeerNetwork(
            options.voting_key.public_key,
            *make_transport(key_of("town3 voting")),
            member_addresses(self.town.genesis.territories, {})[0],
            lambda: Hello(WIRE_VERSION, self.town.network_id, "simplex", 0, 0),
            self,
            frame_bytes_max=64 << 20,
        )
        await self.network.start("127.0.0.1", self.town.ports[3])
        await self.connected()

    async def connected(self) -> None:
        await until(lambda: len(self.network.connected) == 3)

    def peer_connected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""

    def peer_disconnected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        self.frames.append(frame)


async def _settled(town: Town) -> list[Person]:
    await town.start(0, 1, 2)
    await town.ready()
    return await town.people(4, 10_000)


def test_rubbish_of_every_type(tmp_path: Path) -> None:
    draw = random.Random(5)

    async def scenario() -> None:
        town = Town(tmp_path)
        people = await _settled(town)
        villain = Villain(town)
        await villain.start()
        samples = [
            b"",
            b"\x00",
            os.urandom(40),
            bytes(100),
            b"\xff" * 37,
            pack_group([os.urandom(300), b"", encode(("tx", 1, b"", b"", ()))]),
            encode(("proposal", 1, b"", b"", ())),
            pack_range(1, 2**63),
            pack_range(2**63, 1),
            bytes(32) + b"\xff" * 4 * 1000,
            os.urandom(1 << 20),
        ]
        for frame_type in ALL_TYPES:
            for content in draw.sample(samples, len(samples)):
                await villain.connected()
                villain.network.broadcast(frame_type, content)
                await asyncio.sleep(0.002)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        assert not any(node.status().observing for node in town.nodes.values())
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_a_flood_of_transactions_does_not_stop_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        people = await _settled(town)
        villain = Villain(town)
        await villain.start()
        junk = [town.pay(Person("town3", f"nobody {n}"), people[0], 1) for n in range(500)]
        forged = [raw[:-12] + os.urandom(10) + raw[-2:] for raw in junk]
        flood = pack_group([*junk, *forged])
        for _ in range(20):
            villain.network.broadcast(TRANSACTIONS, flood)
        await town.must_settle(2, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        for node in town.nodes.values():
            assert node.status().mempool_transactions == 0
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_blocks_are_given_to_who_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        await _settled(town)
        villain = Villain(town)
        await villain.start()
        villain.network.broadcast(WANT_BLOCKS, pack_range(1, 1))
        await until(lambda: sum(f.type == THESE_BLOCKS for f in villain.frames) == 3)
        answers = {f.content for f in villain.frames if f.type == THESE_BLOCKS}
        first = await certified_by(town.nodes[0], 1)
        assert first is not None and len(answers) == 1
        assert first.header.encode() in answers.pop()
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())
