"""A peer that speaks the wire version before the present one is served, in frames that it knows."""

import asyncio
from pathlib import Path

from node.peer_circle import member_addresses
from node.peers.catch_up import pack_range
from node.peers.certificates import make_transport
from node.peers.frames import (
    BLOCKS_PRUNED,
    CONSENSUS,
    THESE_BLOCKS,
    TRANSACTIONS,
    WANT_BLOCKS,
    WIRE_VERSION,
    Hello,
)
from node.peers.groups import pack_group
from node.peers.network import PeerNetwork
from tests.node.test_peers_hostile import Villain
from tests.node.town import Town, key_of, machinery_of, until

BEFORE = WIRE_VERSION - 1
LAST_TYPE_BEFORE = BLOCKS_PRUNED
"""Of version 2. A program of then closes the connection over any later type."""


class Older(Villain):
    """Town 3's node before its update."""

    version = BEFORE

    async def start(self) -> None:
        options = self.town.options(3)
        self.network = PeerNetwork(
            options.voting_key.public_key,
            *make_transport(key_of("town3 voting")),
            member_addresses(self.town.genesis.territories, {})[0],
            lambda: Hello(self.version, self.town.network_id, "simplex", 0, 0),
            self,
            frame_bytes_max=64 << 20,
        )
        await self.network.start("127.0.0.1", self.town.ports[3])


class Ancient(Older):
    """Two versions behind."""

    version = BEFORE - 1


def test_the_version_before_is_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(2, 1_000)
        older = Older(town)
        await older.start()
        await older.connected()
        key = key_of("town3 voting").public_key
        networks = [machinery_of(node).network for node in town.nodes.values()]
        await until(lambda: {each.wire_version(key) for each in networks} == {BEFORE})
        # It gets blocks, its own transactions are taken, and it hears of what is agreed.
        older.frames.clear()
        older.network.broadcast(WANT_BLOCKS, pack_range(1, 2))
        await until(lambda: sum(f.type == THESE_BLOCKS for f in older.frames) == 3)
        raw = town.pay(people[0], people[1], 5)
        older.network.broadcast(TRANSACTIONS, pack_group([raw]))
        paid = town.nodes[1].account
        await until(lambda: (at := paid(people[1].id)) is not None and at.balance_minor == 1_005)
        await until(lambda: any(f.type == CONSENSUS for f in older.frames))
        assert len(older.network.connected) == 3
        assert max(frame.type for frame in older.frames) <= LAST_TYPE_BEFORE
        await older.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_two_versions_before_are_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        await town.start(0, 1, 2)
        await town.ready()
        ancient = Ancient(town)
        await ancient.start()
        await asyncio.sleep(1.0)
        key = key_of("town3 voting").public_key
        assert not [n for n in town.nodes.values() if machinery_of(n).network.wire_version(key)]
        await ancient.network.stop()
        await town.stop()

    asyncio.run(scenario())
