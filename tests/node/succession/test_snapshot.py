"""A node without the predecessor's state joins a successor network by a snapshot of its peers."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.changes import ChangeParameter
from ledger.genesis import Genesis
from node import newcomer
from node.chain import Chain
from node.inspection import verify_data
from node.peers.frames import THESE_EPOCHS, THIS_SNAPSHOT
from node.snapshots.shelf import SNAPSHOT_MS
from node.store import open_store
from node.succession.taking_over import take_over
from node.territory import TerritoryNode
from primitives.errors import Refused
from tests.node.succession.ruin import Ruin
from tests.node.sync_epochs import SLOW, at_ends, to_epoch
from tests.node.sync_town import SyncTown, false_part, false_state, small
from tests.node.town import Person, until

__all__ = ["small"]
pytestmark = pytest.mark.usefixtures("small")
PAID = 5


async def succeeded(town: SyncTown) -> tuple[Genesis, list[Person]]:
    """Three of four went over; the fourth's data is what `node init` makes."""
    await town.start()
    await town.ready()
    people = await town.people(12, 1_000)
    await town.must_settle(0, [town.pay(people[0], people[1], 10)])
    await town.stop()
    ruin = ruin_of(town)
    for index in range(4):
        ruin.note(index)
    source = ruin.highest(0, 1, 2)
    genesis = ruin.agree(ruin.draft(source), 0, 1, 2)
    kept = ruin.over(source).kept
    for index in range(3):
        ruin.over(index, kept / "store")
    shutil.rmtree(ruin.root(3))
    ruin.root(3).mkdir()
    town.create(3)
    ruin.note(3, genesis.network_id.hex())
    ruin.follow(genesis)
    return genesis, people


def ruin_of(town: SyncTown) -> Ruin:
    return Ruin(town)


def highest_kept(town: SyncTown) -> Path:
    """The old data that reaches the last block: a node may have stopped one before it."""

    def height(kept: Path) -> int:
        store = open_store(kept / "store", town.store_kind)
        try:
            return Chain(store).height
        finally:
            store.close()

    return max(town.folder.glob("node*/predecessor-*"), key=height)


def test_it_begins_with_the_first_state_and_votes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No daily snapshot is due yet: the one of the first block will do, once there is a block."""
    monkeypatch.setattr(newcomer, "AGAIN_SECONDS", 0.3)

    async def scenario() -> None:
        town = SyncTown(tmp_path)
        town.snapshot_ms = SNAPSHOT_MS
        ruin = ruin_of(town)
        try:
            genesis, people = await succeeded(town)
            await town.start(3)
            with pytest.raises(Refused, match="node_not_ready"):
                town.nodes[3].status()
            await town.start(0, 1, 2)
            await asyncio.gather(*(town.nodes[index].wait_ready() for index in range(3)))
            await town.must_settle(0, [town.pay(people[1], people[2], PAID)])
            await until(lambda: town.began_with_snapshot(3))
            await town.ready()
            await town.same_height()
            chain = town.machinery(3).chain
            assert chain.meta.first_height == genesis.height + 1
            # What the old network agreed on is proved here, though its blocks are not.
            (identity,) = chain.ids_between(0, 1)
            here, there = (town.nodes[index].transaction_status(identity) for index in (3, 0))
            assert here.state == "final" and here.receipt == there.receipt
            # The old network's epochs lead nobody on from here, and nothing else is said of them.
            assert town.nodes[3].epoch(genesis.first_epoch - 1) is None
            assert not town.nodes[3].status().observing
            await town.stop(0)  # three of four are needed: the new one votes
            await town.must_settle(3, [town.pay(people[2], people[3], PAID)])
            await town.same_height()
            account = town.nodes[3].account(people[2].id)
            assert account is not None and account.balance_minor == 1_000
            await town.stop(3)
            await town.start(3)  # from its own disk, as ever
            await town.must_settle(1, [town.pay(people[2], people[3], PAID)])
            await town.same_height()
        finally:
            await town.stop()
        found = verify_data(ruin.root(3), ruin.new_file)
        assert found["certificates"]
        assert found["currencies"] == {"TO0": 12_000, "TO1": 0, "TO2": 0, "TO3": 0}

    asyncio.run(scenario())


def test_it_follows_the_successors_epochs_and_believes_no_liar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Epochs count on; who lies of one, or of the state, is set aside. An observer votes never."""

    async def scenario() -> None:
        town = SyncTown(tmp_path, parameters=SLOW)
        try:
            genesis, people = await succeeded(town)
            town.snapshot_ms = SNAPSHOT_MS
            await town.start(0, 1, 2)
            await town.ready()
            for index in range(3):
                shelf = town.machinery(index).snapshots
                shelf.is_due = at_ends  # type: ignore[method-assign]
            changes = ChangeParameter("lines_max", 1_000), ChangeParameter("lines_max", 900)
            await to_epoch(town, genesis.first_epoch + 2, *changes)
            await town.same_snapshots()
            lies = town.bend(0, THIS_SNAPSHOT, false_state), town.bend(1, THESE_EPOCHS, false_part)
            await town.start(3, observe_only=True)
            await until(lambda: town.began_with_snapshot(3))
            assert lies[0][0] + lies[1][0] >= 1
            await town.must_settle(2, [town.pay(people[2], people[3], PAID)])
            await town.same_height()
            node = town.nodes[3]
            account = node.account(people[3].id)
            assert account is not None and account.balance_minor == 1_000 + PAID
            assert node.status().epoch == genesis.first_epoch + 2
            assert node.status().observing
            assert node.epoch(genesis.first_epoch + 1) is not None  # followed, not lived through
            assert town.machinery(3).chain.meta.first_height > genesis.height + 1
        finally:
            await town.stop()
        verify_data(ruin_of(town).root(3), ruin_of(town).new_file)

    asyncio.run(scenario())
    assert "peer_set_aside" in capsys.readouterr().out


def test_without_a_state_every_block_can_not_be_had(tmp_path: Path) -> None:
    """Blocks from the first on need the state that they go on from: it is told what gives that."""

    async def scenario() -> None:
        town = SyncTown(tmp_path)
        try:
            await succeeded(town)
            wanted = replace(town.options(3), full_history=True)
            with pytest.raises(Refused, match="succession_without_state"):
                await TerritoryNode(wanted).start()
            ruin = ruin_of(town)
            assert take_over(ruin.plan(3, highest_kept(town) / "store")).is_news
            town.full_history = True
            await town.start(0, 3)
        finally:
            await town.stop()

    asyncio.run(scenario())
