"""Epochs in running nodes: they end by time and by vote; members come, go and get new keys."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.changes import (
    AddMember,
    ChangeParameter,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.founders import Territory
from ledger.network_objects import ENACTED, ProposalRecord
from ledger.proofs import StateProof
from ledger.rules import Parameters
from node.chain import Chain
from node.peers.certificates import make_authority, make_transport
from node.replay import Replay
from node.store import open_store
from node.territory import TerritoryNode, TerritoryOptions, TransportIdentity
from primitives.errors import Refused
from tests.node.council import enact, epoch_of, in_epoch, territory
from tests.node.town import Person, Town, certified_by, key_of, until
from tests.ports import free_ports

QUICK = Parameters(delta_ms=200, heartbeat_ms=500, epoch_ms=1_500)


def replay(town: Town, index: int) -> int:
    """Check a stopped node's whole chain; the epoch that its newest block is of."""
    store = open_store(town.store(index), town.store_kind)
    try:
        chain = Chain(store)
        Replay(chain, town.genesis).run()
        assert chain.newest is not None
        return chain.newest.header.epoch
    finally:
        store.close()


def test_epochs_end_by_time_also_while_one_is_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        await town.start()
        await town.ready()
        people = await town.people(4, 1_000)
        await in_epoch(list(town.nodes.values()), 2)
        await town.stop(3)
        before = epoch_of(town.nodes[0])
        await town.must_settle(0, [town.pay(people[0], people[1], 5)])
        await in_epoch(list(town.nodes.values()), before + 2)
        await town.start(3)
        await in_epoch([town.nodes[3]], before + 2)
        await town.must_settle(3, [town.pay(people[1], people[0], 7)])
        assert not town.nodes[3].status().observing
        # All at once, in the middle of whatever they are doing.
        await town.stop()
        await town.start()
        await town.ready()
        now = epoch_of(town.nodes[0])
        await town.must_settle(2, [town.pay(people[2], people[3], 9)])
        await in_epoch(list(town.nodes.values()), now + 1)
        await town.stop()
        epochs = [replay(town, index) for index in range(4)]
        assert min(epochs) >= now

    asyncio.run(scenario())


def test_who_is_two_epochs_behind_in_a_quiet_network_comes_up(tmp_path: Path) -> None:
    """It asks for both ends within the time in which a member tells of one only."""

    async def scenario() -> None:
        town = Town(tmp_path, parameters=replace(QUICK, heartbeat_ms=600_000, epoch_ms=10_000_000))
        await town.start(0, 1, 2)
        await town.ready()
        for figure in (1_000, 1_001, 1_002):
            await enact(town, ChangeParameter("lines_max", figure), [0, 1, 2], at=0)
        await in_epoch(list(town.nodes.values()), 3)
        await town.start(3)
        await in_epoch([town.nodes[3]], 3)
        assert town.nodes[3].latest_final_height == town.nodes[0].latest_final_height
        await town.stop()

    asyncio.run(scenario())


def options_of(town: Town, index: int, port: int, voting: str | None = None) -> TerritoryOptions:
    """A node that the genesis does not name; `voting` is another voting key's name."""
    key = key_of(voting or f"town{index} voting")
    return replace(
        town.options(index),
        voting_key=key,
        transport=TransportIdentity(*make_transport(key)),
        peer_bind=("127.0.0.1", port),
    )


def test_a_member_comes_another_gets_a_new_key_and_one_leaves(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=replace(QUICK, epoch_ms=600_000))
        (port,) = free_ports(1)
        await town.start()
        await town.ready()
        people = await town.people(6, 1_000)

        # A fifth joins: it follows from the moment it was voted in, and votes in its epoch.
        town.create(4)
        joining = TerritoryNode(options_of(town, 4, port))
        await joining.start()
        town.nodes[4] = joining
        await enact(town, AddMember(territory(4, port)), [0, 1, 2], at=0)
        await in_epoch(list(town.nodes.values()), 1)
        assert joining.status().members == 5
        await check_card(town, territory(4, port))
        assert not joining.status().observing
        await town.must_settle(4, [town.pay(people[0], people[1], 5)])

        # The old voting key of town1 is done with; the machine with the new one takes over.
        new = key_of("town1 voting again")
        change = ReplaceKeys("town1", new.public_key, make_authority(new))
        await enact(town, change, [0, 1, 2, 3], at=0)
        rest = [town.nodes[index] for index in (0, 2, 3, 4)]
        await in_epoch(rest, 2)
        await until(lambda: town.nodes[1].status().observing)
        assert town.nodes[1].status().observing_reason == "not a member of the present set"
        await town.stop(1)
        node = TerritoryNode(options_of(town, 1, town.ports[1], "town1 voting again"))
        await node.start()
        town.nodes[1] = node
        await until(lambda: not node.status().observing)
        await until(lambda: node.status().ready)
        # With two of five away, four of five can't be had without it.
        await town.stop(2)
        await town.must_settle(1, [town.pay(people[2], people[3], 5)])
        await town.start(2)

        await leave_and_pause(town, people)
        await check_card(town, territory(4, port))
        await town.stop()
        assert {replay(town, index) for index in (0, 1, 2, 4)} == {6}

    asyncio.run(scenario())


async def check_card(town: Town, card: Territory) -> None:
    """Every node that is up shows what proves this later territory's card, and of no other."""
    for node in town.nodes.values():
        found = node.card_with_proof(card.prefix)
        assert found is not None and found.raw is not None
        header = await certified_by(node, found.header_height)
        assert header is not None
        proposal = ProposalRecord.decode(found.raw)
        proof = StateProof.decode(found.proof)
        assert proof.verify(header.header.state_root, proposal.tree_key, found.raw)
        assert (proposal.change, proposal.decided) == (AddMember(card), ENACTED)
        with pytest.raises(Refused, match="not_found"):
            node.card_with_proof("town0")


async def leave_and_pause(town: Town, people: list[Person]) -> None:
    """From epoch 2 on: one leaves, one is paused, a figure changes."""
    # One leaves: it observes, says so, and is cut off.
    await enact(town, RemoveMember("town3"), [0, 1, 2, 4], at=0)
    await in_epoch([town.nodes[index] for index in (0, 1, 2, 4)], 3)
    gone = town.nodes[3]
    await until(lambda: gone.status().observing)
    assert epoch_of(gone) == 3
    await town.must_settle(0, [town.pay(people[4], people[5], 5)])
    await town.stop(3)

    # A pause, and no more of it; a figure that ends the epoch too.
    await enact(town, PauseMember("town2"), [0, 1, 4], at=0)
    await in_epoch([town.nodes[0]], 4)
    await until(lambda: town.nodes[2].status().observing)
    await enact(town, ResumeMember("town2"), [0, 1, 4], at=0)
    await in_epoch([town.nodes[index] for index in (0, 1, 2, 4)], 5)
    assert not town.nodes[2].status().observing
    await enact(town, ChangeParameter("lines_max", 1_000), [0, 1, 2], at=2)
    await in_epoch([town.nodes[index] for index in (0, 1, 2, 4)], 6)
    await town.must_settle(4, [town.pay(people[5], people[4], 5)])
    await town.same_height()
