"""A new node begins with a snapshot of the others, whoever lies and whenever it is killed."""

import shutil
from pathlib import Path

import pytest

from node.chain import Chain
from node.peers.frames import THESE_EPOCHS, THIS_PART, THIS_SNAPSHOT
from node.peers.groups import pack_group
from node.state_sync.adoption import adopt
from node.state_sync.staging import Staging, staging_folder, synced_folder
from node.store import STORE_KINDS, open_store
from tests.node.sync_town import (
    Bend,
    SyncTown,
    false_header,
    false_height,
    false_part,
    false_state,
    play,
    small,
)
from tests.node.town import Person, until

__all__ = ["small"]
pytestmark = pytest.mark.usefixtures("small")


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_it_begins_with_a_snapshot_and_votes(kind: str, tmp_path: Path) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        await town.start(3)
        await town.synced()
        await town.stop(0)  # three of four are needed: the new one votes
        await town.must_settle(3, [town.pay(people[3], people[4], 5)])
        await town.same_height()
        account = town.nodes[3].account(people[4].id)
        other = town.nodes[1].account(people[4].id)
        assert account is not None and account == other
        served = [town.machinery(i).snapshot_server.parts_sent for i in (1, 2)]
        assert sum(served) > 0

    play(SyncTown(tmp_path, store_kind=kind), work)


def test_receipts_of_before_are_proved(tmp_path: Path) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        await town.start(3)
        await town.synced()
        await town.must_settle(1, [town.pay(people[3], people[4], 5)])
        await town.same_height()
        chain = town.machinery(3).chain
        assert chain.meta.first_number > 3
        (identity,) = chain.ids_between(3, 4)
        here = town.nodes[3].transaction_status(identity)
        there = town.nodes[1].transaction_status(identity)
        assert (here.state, here.number, here.height) == ("final", 3, None)
        assert here.receipt == there.receipt and there.height is not None
        page = town.nodes[3].history(people[0].id, None, 50)
        assert page.cut is not None and page.cut.first_height == chain.meta.first_height
        assert town.nodes[1].history(people[0].id, None, 50).cut is None

    play(SyncTown(tmp_path), work)


def test_the_full_history_can_be_wanted(tmp_path: Path) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        town.full_history = True
        await town.start(3)
        await town.same_height()
        assert town.machinery(3).chain.meta.first_height == 1

    play(SyncTown(tmp_path), work)


LIES: dict[str, tuple[int, Bend]] = {
    "wrong chunk": (THIS_PART, false_part),
    "no chunk at all": (THIS_PART, lambda content: content[:12] + b"\xff" * 40),
    "wrong state": (THIS_SNAPSHOT, false_state),
    "wrong header": (THIS_SNAPSHOT, false_header),
    "false height": (THIS_SNAPSHOT, false_height),
    "garbage": (THIS_SNAPSHOT, lambda content: b"\x00\x00\x00\x02garbage"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_is_set_aside_and_named(
    lie: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        frame_type, bend = LIES[lie]
        lies = town.bend(1, frame_type, bend)
        await town.start(3)
        await town.synced()
        assert lies[0] >= 1

    play(SyncTown(tmp_path), work)
    out = capsys.readouterr().out
    aside = [line for line in out.splitlines() if "peer_set_aside" in line]
    assert len(aside) == 1 and "town1" in aside[0]


@pytest.mark.parametrize("frame_type", [THESE_EPOCHS, THIS_SNAPSHOT, THIS_PART])
def test_who_never_answers_holds_nobody_up(
    frame_type: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        town.mute(1, frame_type)
        await town.start(3)
        await town.synced()

    play(SyncTown(tmp_path), work)
    assert "peer_silent" in capsys.readouterr().out


def test_without_any_snapshot_it_takes_blocks(tmp_path: Path) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        for index in range(3):
            town.bend(index, THIS_SNAPSHOT, lambda _: pack_group([]))
        await town.start(3)
        await town.same_height()
        assert town.machinery(3).chain.meta.first_height == 1

    play(SyncTown(tmp_path), work)


def test_stopped_in_the_middle_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, begun = Staging.put, [0]

    def slow(self: Staging, part: int, content: bytes) -> None:
        put(self, part, content)
        begun[0] += 1
        import time

        time.sleep(0.05)

    monkeypatch.setattr(Staging, "put", slow)

    async def work(town: SyncTown, people: list[Person]) -> None:
        wanted = town.machinery(0).snapshots.held[0].manifest.parts
        for already in (3, 6):
            await town.start(3)
            await until(lambda bound=already: begun[0] >= bound)  # type: ignore[misc]
            await town.stop(3)
            assert staging_folder(town.store(3)).exists()
        await town.start(3)
        await town.synced()
        assert begun[0] == wanted  # each part once

    play(SyncTown(tmp_path), work)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_adoption_is_taken_up_wherever_it_was_cut_off(kind: str, tmp_path: Path) -> None:
    async def work(town: SyncTown, people: list[Person]) -> None:
        await town.start(3)
        await town.synced()
        await town.stop(3)

    play(SyncTown(tmp_path, store_kind=kind), work)
    town_store = tmp_path / "node3" / "store"
    height = _height(town_store, kind)
    old = tmp_path / "node0" / "store"
    replaced = town_store.with_name("store.replaced")
    # After the first rename.
    town_store.rename(synced_folder(town_store))
    old.rename(replaced)
    adopt(town_store, kind)
    assert _height(town_store, kind) == height and not replaced.exists()
    # After the second.
    replaced.mkdir()
    adopt(town_store, kind)
    assert _height(town_store, kind) == height and not replaced.exists()
    # Before the first.
    older = tmp_path / "node1" / "store"
    town_store.rename(synced_folder(town_store))
    older.rename(town_store)
    journal_id = _meta_of(town_store, kind).journal_id
    adopt(town_store, kind, keeps_all=True)
    assert _meta_of(town_store, kind).journal_id == journal_id
    assert _meta_of(town_store, kind).first_height > 1
    # An archive does not throw its own blocks away, one that prunes has no use for them.
    assert _meta_of(town_store.with_name("store.older-1"), kind).first_height == 1
    shutil.copytree(town_store, synced_folder(town_store))
    adopt(town_store, kind)
    assert sorted(path.name for path in town_store.parent.glob("store*")) == [
        "store", "store.older-1",
    ]  # fmt: skip


def _meta_of(folder: Path, kind: str):  # type: ignore[no-untyped-def]
    store = open_store(folder, kind)
    try:
        return Chain(store).meta
    finally:
        store.close()


def _height(folder: Path, kind: str) -> int:
    return int(_meta_of(folder, kind).height)
