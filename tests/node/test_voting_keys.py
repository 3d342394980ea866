"""A voting key is replaced while its node runs, or is away: no hand on the files, no gap."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.changes import ReplaceKeys
from ledger.rules import Parameters
from ledger.terms import genesis_terms
from node import own_identity
from node.chain import Chain
from node.epochs import voting_set
from node.key_ring import KeyRing, NodeKeys, TransportIdentity
from node.peers.certificates import make_authority, make_transport
from node.replay import Replay
from node.store import open_store
from node.territory import TerritoryNode
from tests.node.council import enact, epoch_of, in_epoch
from tests.node.town import Town, key_of, until

QUICK = Parameters(delta_ms=200, heartbeat_ms=500, epoch_ms=600_000)
NEW = "town1 voting again"


def keys(name: str) -> NodeKeys:
    """A voting key with a transport identity."""
    key = key_of(name)
    return NodeKeys(key, TransportIdentity(*make_transport(key)))


def change() -> ReplaceKeys:
    """What the members vote on."""
    new = key_of(NEW)
    return ReplaceKeys("town1", new.public_key, make_authority(new))


def renewing(town: Town, kept: list[NodeKeys]) -> TerritoryNode:
    """The node of town1 with its new key prepared; `kept` is told when it was taken."""
    ring = KeyRing(keys("town1 voting"), keys(NEW), kept.append)
    return TerritoryNode(replace(town.options(1), key_ring=ring))


def signers(town: Town, index: int) -> dict[int, set[bytes]]:
    """Who finalized the blocks of each epoch, as a stopped node kept it; the chain is checked."""
    store = open_store(town.store(index), town.store_kind)
    try:
        chain = Chain(store)
        Replay(chain, town.genesis).run()
        found: dict[int, set[bytes]] = {}
        for height in range(1, chain.height + 1):
            stored = chain.stored_header(height)
            assert stored is not None
            if stored.certificate is None:
                continue
            epoch = stored.header.epoch
            record = chain.epoch_record(epoch) if epoch else None
            members = voting_set(record.terms if record else genesis_terms(town.genesis)).members
            for place in stored.certificate.signers(len(members)):
                found.setdefault(epoch, set()).add(members[place].voting_key)
        return found
    finally:
        store.close()


def test_a_running_node_takes_its_new_key_when_the_epoch_begins(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        kept: list[NodeKeys] = []
        await town.start(0, 2, 3)
        town.nodes[1] = renewing(town, kept)
        await town.nodes[1].start()
        await town.ready()
        people = await town.people(4, 1_000)
        assert not kept
        await enact(town, change(), [0, 1, 2], at=0)
        await in_epoch(list(town.nodes.values()), 1)
        assert [one.voting_key for one in kept] == [key_of(NEW).public_key]
        await until(lambda: town.nodes[1].status().ready)
        assert not town.nodes[1].status().observing
        # Three of four can't be had without it.
        await town.stop(2)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        # Its file may still have the old key first: the chain says which one counts.
        await town.stop(1)
        kept.clear()
        town.nodes[1] = renewing(town, kept)
        await town.nodes[1].start()
        assert [one.voting_key for one in kept] == [key_of(NEW).public_key]
        await town.must_settle(0, [town.pay(people[2], people[3], 5)])
        await town.stop()
        found = signers(town, 0)
        old, new = key_of("town1 voting").public_key, key_of(NEW).public_key
        assert new in found[1] and old not in found[1]
        assert new not in found[0]

    asyncio.run(scenario())


def test_a_key_whose_files_were_not_read_yet_is_taken_all_the_same(tmp_path: Path) -> None:
    """The epoch begins once: a node that is late with its own files must not be without a vote
    until the next, and show its peers one certificate after the other."""

    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        kept: list[NodeKeys] = []
        old, new = keys("town1 voting"), keys(NEW)
        ring = KeyRing(old, None, kept.append, read_again=lambda: (old, new))
        await town.start(0, 2, 3)
        town.nodes[1] = TerritoryNode(replace(town.options(1), key_ring=ring))
        await town.nodes[1].start()
        await town.ready()
        people = await town.people(2, 1_000)
        await enact(town, change(), [0, 1, 2], at=0)
        await in_epoch(list(town.nodes.values()), 1)
        assert [one.voting_key for one in kept] == [new.voting_key]
        await until(lambda: town.nodes[1].status().ready)
        assert not town.nodes[1].status().observing
        await town.stop(2)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        await town.stop()

    asyncio.run(scenario())


def test_a_node_that_was_away_finds_back_with_the_new_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_identity, "LOOK_SECONDS", 0.1)

    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        kept: list[NodeKeys] = []
        await town.start()
        await town.ready()
        people = await town.people(4, 1_000)
        await town.stop(1)
        await enact(town, change(), [0, 2, 3], at=0)
        await in_epoch(list(town.nodes.values()), 1)
        # Nobody trusts its old certificate any more, and it does not know of the vote.
        town.nodes[1] = renewing(town, kept)
        await town.nodes[1].start()
        assert epoch_of(town.nodes[1]) == 0 and not kept
        await in_epoch([town.nodes[1]], 1)
        assert kept
        await until(lambda: town.nodes[1].status().ready)
        await town.stop(3)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        await town.stop()

    asyncio.run(scenario())


def test_a_key_that_nobody_voted_for_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the others are away and the node tries its other certificate."""
    monkeypatch.setattr(own_identity, "LOOK_SECONDS", 0.05)

    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        kept: list[NodeKeys] = []
        town.nodes[1] = renewing(town, kept)
        await town.nodes[1].start()
        await asyncio.sleep(1.5)
        await town.start(0, 2)
        await town.ready()
        people = await town.people(2, 1_000)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        assert not kept and not town.nodes[1].status().observing
        await town.stop()
        assert key_of("town1 voting").public_key in signers(town, 0)[0]

    asyncio.run(scenario())


def test_another_transport_certificate_is_shown_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        await town.start(0, 2, 3)
        ring = KeyRing(keys("town1 voting"))
        node = TerritoryNode(replace(town.options(1), key_ring=ring))
        await node.start()
        town.nodes[1] = node
        await town.ready()
        before = node.counters()["peers_dropped"]
        node.renew_keys(keys("town1 voting"), None)
        await until(lambda: node.counters()["peers_dropped"] >= before + 3)
        await town.ready()
        assert not node.status().observing
        await town.stop(2)
        people = await town.people(2, 1_000)
        await town.must_settle(1, [town.pay(people[0], people[1], 5)])
        await town.stop()

    asyncio.run(scenario())


def test_the_ring_keeps_its_rules() -> None:
    old, new, other = keys("old"), keys("new"), keys("other")
    ring = KeyRing(old, new)
    assert not ring.take([old.voting_key, other.voting_key]) and ring.current is old
    ring.show_other()
    assert ring.shown is new and ring.current is old
    ring.show_other()
    assert ring.shown is old
    assert ring.owns(old.voting_key) and ring.owns(new.voting_key)
    assert not ring.owns(other.voting_key)
    assert ring.take([new.voting_key]) and ring.current is new and ring.pending is None
    assert not ring.owns(old.voting_key)
    # Files that still say the old one change nothing: only an epoch does.
    assert not ring.put(old, new) and ring.current is new and ring.pending is None
    again = NodeKeys(new.voting, other.transport)
    assert ring.put(again, None) and ring.shown is again
