"""A new node begins with a snapshot of a later epoch: it follows the members up to it first."""

import asyncio
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from consensus.epoch_starts import read_epochs as read_for_wallets
from consensus.header import Header
from consensus.votes import FINALIZE
from ledger.changes import AddMember, ChangeParameter, ChangeRules
from ledger.network_objects import NetworkRecord
from node import epochs as node_epochs
from node.chain_records import UNASKED_EPOCH, Restored
from node.epoch_book import start_of
from node.epoch_chain import read_epochs
from node.epochs import voting_set
from node.peers.certificates import make_transport
from node.peers.frames import THESE_EPOCHS, THIS_PART
from node.state_sync import asking
from node.state_sync.adoption import _still_asked
from node.territory import TerritoryNode, TransportIdentity
from primitives.encoding import decode, encode
from primitives.errors import Refused
from tests.node.council import epoch_of, in_epoch, propose, territory, vote
from tests.node.sync_epochs import SLOW, history, run, to_epoch
from tests.node.sync_town import SyncTown, small, verified
from tests.node.test_epoch_chain import Told, bent_item, other_terms, told
from tests.node.town import Person, key_of, until
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from wallet.light.trust import TrustedNetwork

__all__ = ["small", "told"]
pytestmark = pytest.mark.usefixtures("small")


def begun(town: SyncTown, index: int) -> list[bytes]:
    """What a node tells of the epochs in a row."""
    node = town.nodes[index]
    found = [node.epoch(number) for number in range(epoch_of(node) + 1)]
    epochs = [each for each in found if each is not None]
    return [encode(start_of(after, before).value()) for before, after in pairwise(epochs)]


def settled(town: SyncTown, index: int) -> list[tuple[bytes, int, object]]:
    """What it keeps of each epoch, but for the signatures, which may be of others."""
    chain = town.machinery(index).chain
    records = [chain.epoch_record(number) for number in range(1, epoch_of(town.nodes[index]) + 1)]
    return [(r.boundary.digest, r.finality.kind, r.proved) for r in records if r is not None]


def test_it_begins_at_a_boundary_two_epochs_on_and_votes(tmp_path: Path) -> None:
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        people = await history(town)
        height = town.nodes[0].latest_final_height
        await town.start(3)
        await town.synced()
        newcomer = town.machinery(3)
        assert newcomer.chain.meta.first_height == height  # the boundary of epoch 1
        assert epoch_of(town.nodes[3]) == 2
        # As one that lived through all of it, with the terms and why they are believed.
        assert settled(town, 3) == settled(town, 0)
        assert len(settled(town, 3)) == 2 and settled(town, 3)[0][1] == FINALIZE
        wallet = TrustedNetwork(town.genesis)
        told = encode(tuple([decode(each) for each in begun(town, 3)]))
        assert len(wallet.follow(read_for_wallets(told))) == 2
        network = town.nodes[3].network_with_proof()
        assert network is not None and network.raw is not None
        assert NetworkRecord.decode(network.raw).terms.parameters.lines_max == 1_000
        # Three of four members are active, and all of them are needed: the newcomer votes.
        assert not town.nodes[3].status().observing
        assert town.nodes[2].status().observing
        await town.must_settle(3, [town.pay(people[3], people[4], 5)])
        await town.same_height()
        for person in people:
            mine, theirs = town.nodes[3].account(person.id), town.nodes[0].account(person.id)
            assert mine is not None and mine == theirs
        # It goes on like the others: a proposal, its vote, and the next epoch.
        proposal, raw = propose(town, 3, ChangeParameter("lines_max", 1_500))
        await town.must_settle(3, [raw])
        for index in (0, 1):
            await town.must_settle(3, [vote(town, index, proposal)])
        await in_epoch(list(town.nodes.values()), 3)
        await town.must_settle(3, [town.pay(people[4], people[3], 5)])
        # Over a restart too.
        await town.stop(3)
        await town.start(3)
        await town.same_height()
        assert not town.nodes[3].status().observing
        await town.must_settle(3, [town.pay(people[4], people[3], 5)])

    run(town, work())
    verified(town)


def paid_in_epoch_1(parent_time_ms: int, header: Header) -> bool:
    """In the place of `SnapshotShelf.is_due`."""
    return header.epoch == 1 and header.next_set_hash is None and header.transactions_count > 0


def test_a_snapshot_within_an_epoch_and_a_proposal_that_is_open(tmp_path: Path) -> None:
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        people = await town.history()
        for index in range(3):
            shelf = town.machinery(index).snapshots
            shelf.is_due = paid_in_epoch_1  # type: ignore[method-assign]
        await to_epoch(town, 1, ChangeParameter("lines_max", 1_000))
        proposal, raw = propose(town, 0, ChangeParameter("lines_max", 1_500))
        await town.must_settle(0, [raw])
        await town.must_settle(0, [town.pay(people[0], people[1], 5)])
        await town.same_snapshots()
        for index in range(3):
            town.machinery(index).snapshots.is_due = lambda *_: False  # type: ignore[method-assign]
        # Beyond the snapshot's epoch there is another one when the newcomer comes.
        for index in (1, 2):
            await town.must_settle(0, [vote(town, index, proposal)])
        await in_epoch([town.nodes[index] for index in range(3)], 2)
        await town.start(3)
        await town.synced()
        await in_epoch([town.nodes[3]], 2)
        assert settled(town, 3) == settled(town, 0)
        chain = town.machinery(3).chain
        begins = chain.stored_header(chain.meta.first_height)
        assert begins is not None and begins.header.epoch == 1
        assert begins.header.next_set_hash is None
        assert [one.decided for one in town.nodes[3].proposals()] == [1, 1]
        await town.stop(0)
        await town.must_settle(3, [town.pay(people[3], people[4], 5)])

    run(town, work())
    verified(town)


def hold_back(town: SyncTown, index: int) -> None:
    """A node tells of epochs once the newcomer caught a liar: who is faster is believed first."""
    network = town.machinery(index).network
    send, waiting = network.send, set[asyncio.Task[None]]()

    async def later(peer: bytes, kind: int, content: bytes) -> None:
        await until(lambda: bool((asked := town.machinery(3).syncing._questions) and asked.liars))
        send(peer, kind, content)

    def held(peer: bytes, kind: int, content: bytes) -> bool:
        if kind != THESE_EPOCHS:
            return send(peer, kind, content)
        waiting.add(asyncio.get_running_loop().create_task(later(peer, kind, content)))
        return True

    network.send = held  # type: ignore[method-assign, assignment]


def test_a_liar_about_epochs_is_set_aside_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS_MAX", 10.0)
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        await history(town, ChangeParameter("lines_max", 1_500))
        town.bend(1, THESE_EPOCHS, bent_item(0, 6, other_terms))
        hold_back(town, 0)
        hold_back(town, 2)
        await town.start(3)
        await town.synced()

    run(town, work())
    verified(town)
    lines = [line for line in capsys.readouterr().out.splitlines() if "peer_set_aside" in line]
    assert len(lines) == 1 and "town1" in lines[0]


def test_members_that_came_later_serve_too(tmp_path: Path) -> None:
    """All that the genesis names keep the parts to themselves: only one that was voted in since,
    and whose address the epochs tell, has them."""
    town = SyncTown(tmp_path, parameters=SLOW)
    (port,) = free_ports(1)

    async def work() -> None:
        await history(town, AddMember(territory(4, port)))
        town.create(4)
        key = key_of("town4 voting")
        joining = replace(
            town.options(4),
            voting_key=key,
            transport=TransportIdentity(*make_transport(key)),
            peer_bind=("127.0.0.1", port),
            sync_behind_blocks=1_000,
        )
        town.nodes[4] = TerritoryNode(joining)
        await town.nodes[4].start()
        await town.same_height()
        shelf = town.machinery(0).snapshots.held[0].folder
        shutil.copytree(shelf, tmp_path / "node4" / "snapshots" / shelf.name)
        town.machinery(4).snapshots._look()
        for index in range(3):
            town.mute(index, THIS_PART)
        await town.start(3)
        await town.synced()
        assert town.machinery(4).snapshot_server.parts_sent > 0

    run(town, work())
    verified(town)


def test_a_program_too_old_stops_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = SyncTown(tmp_path, parameters=SLOW, rule_version=1)

    async def work() -> None:
        await history(town, ChangeRules(2))
        monkeypatch.setattr(node_epochs, "is_rule_version", lambda version: version == 1)
        await town.start(3)
        async with asyncio.timeout(PATIENCE_SECONDS):
            reason = await town.nodes[3].wait_stopped()
        assert isinstance(reason, Refused) and reason.code == "rule_version_unknown"
        assert town.nodes[3].latest_final_height == 0
        await town.stop(3)
        # The program that knows the rules goes on from what was followed.
        monkeypatch.undo()
        await town.start(3)
        await town.synced()
        await town.must_settle(3, [town.open_accounts([Person("town3", "new")])])

    run(town, work())


def test_one_that_lost_its_journal_observes_as_the_rule_says(tmp_path: Path) -> None:
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        await history(town, ChangeParameter("lines_max", 1_500))
        shutil.rmtree(town.journal(3))
        await town.start(3)
        await town.synced()
        lost = town.nodes[3]
        assert lost.status().observing
        wanted = "the journal was lost: votes again from epoch 4"
        await until(lambda: lost.status().observing_reason == wanted)
        for epoch in (3, 4):
            assert lost.status().observing
            await to_epoch(town, epoch, ChangeParameter("lines_max", 1_500 + epoch))
            await in_epoch([lost], epoch)
        await until(lambda: not lost.status().observing)
        await town.stop(0)
        await town.must_settle(3, [town.open_accounts([Person("town3", "new")])])

    run(town, work())
    verified(town)


def test_who_is_still_to_ask_members_asks_those_of_epochs_that_it_passed_over(told: Told) -> None:
    first, second = read_epochs(told.content, 1)  # of the second one member is paused
    asked = voting_set(first.terms).hash()
    restored = Restored(3, asked)
    assert _still_asked(restored, [first]) == restored
    assert _still_asked(restored, [first, second]) == Restored(UNASKED_EPOCH, asked)
    assert _still_asked(Restored(2, asked), [first, second]) == Restored(2, asked)
