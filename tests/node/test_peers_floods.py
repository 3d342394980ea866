"""A member that signs many blocks of one view, or asks for more than it reads: nobody stops."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.header import Block, Header, genesis_digest
from consensus.messages import Proposal
from consensus.votes import NOTARIZE, Vote, vote_message
from node.peers.catch_up import pack_range
from node.peers.connection import SEND_BYTES_MAX
from node.peers.frames import (
    PROPOSAL,
    THESE_TRANSACTIONS,
    TRANSACTIONS,
    WANT_BLOCKS,
    WANT_TRANSACTIONS,
    Frame,
)
from node.peers.groups import pack_group
from node.peers.proposals import Proposals
from primitives.errors import Refused
from tests.node.test_peers_hostile import Villain
from tests.node.town import Town, key_of, machinery_of, until

BLOCKS_SIGNED = 400


def _signed(town: Town, header: Header) -> bytes:
    key = key_of("town3 voting")
    message = vote_message(town.network_id, 0, header.view, NOTARIZE, header.digest)
    vote = Vote(0, header.view, NOTARIZE, header.digest, key.public_key, key.sign(message))
    return Proposals.pack(Proposal(Block(header, b""), vote), [])


def _led_by(town: Town, above: int) -> int:
    members = machinery_of(town.nodes[0]).members
    key = key_of("town3 voting").public_key
    return next(view for view in range(above, above + 8) if members.leader(0, view) == key)


def test_many_blocks_of_one_view_drive_out_nobodys(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        villain = Villain(town)
        await villain.start()
        machinery = machinery_of(town.nodes[0])
        view = _led_by(town, machinery.engine.view + 1)
        header = Header(
            town.network_id, 0, view, 0, genesis_digest(town.network_id),
            machinery.chain.height + 1, town.genesis.time_ms + 1, 1, bytes(32), 0, bytes(32),
        )  # fmt: skip
        before = set(machinery.shelf._blocks)
        for more in range(BLOCKS_SIGNED):
            content = _signed(town, replace(header, time_ms=header.time_ms + more))
            villain.network.broadcast(PROPOSAL, content)
        await until(lambda: machinery.engine.evidence_seen > 0)
        added = [
            digest
            for digest, block in machinery.shelf._blocks.items()
            if block.header.view == view and digest not in before
        ]
        assert len(added) <= 1
        await town.must_settle(0, [town.pay(people[0], people[1], 1) for _ in range(8)])
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_who_asks_for_more_than_it_reads_is_dropped_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        villain = Villain(town)
        await villain.start()
        network = machinery_of(town.nodes[0]).network
        key = key_of("town3 voting").public_key
        connection = network._connections[key]
        traffic = machinery_of(town.nodes[0]).traffic
        held = 0
        # As many requests as come in one read of a socket, answered within one turn of the loop.
        content = pack_range(1, 100)
        while connection.is_open:
            traffic.peer_frame(key, Frame(WANT_BLOCKS, content))
            connection.send(WANT_BLOCKS, bytes(1 << 20))
            held = max(held, connection.waiting_bytes())
            assert held <= SEND_BYTES_MAX + (4 << 20)
        assert connection._out == []
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_one_transaction_is_not_given_a_thousand_times(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        await town.must_settle(0, [town.pay(people[0], payee, 1) for payee in people[1:]])
        villain = Villain(town)
        await villain.start()
        machinery = machinery_of(town.nodes[0])
        digest, block = max(
            machinery.shelf._blocks.items(), key=lambda item: len(item[1].transactions)
        )
        count = len(block.transactions)
        key = key_of("town3 voting").public_key

        def want(*indices: int) -> Frame:
            return Frame(
                WANT_TRANSACTIONS, digest + b"".join(i.to_bytes(4, "big") for i in indices)
            )

        machinery.traffic.peer_frame(key, want(*range(count)))
        await until(lambda: any(frame.type == THESE_TRANSACTIONS for frame in villain.frames))
        for indices in ([0] * count, [count], [*range(count), count - 1], [count - 1, 0]):
            with pytest.raises(Refused, match="peer_malformed"):
                machinery.traffic.peer_frame(key, want(*indices))
        await villain.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_a_frame_of_countless_nothings_is_not_looked_at(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start(0)
        traffic = machinery_of(town.nodes[0]).traffic
        for raws in ([b""] * 65_536, [bytes(256 << 10)] * 5):
            with pytest.raises(Refused):
                traffic.peer_frame(bytes(32), Frame(TRANSACTIONS, pack_group(raws)))
        await town.stop()

    asyncio.run(scenario())
