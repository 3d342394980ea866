"""A snapshot made while the node runs is the state that its header commits to, part by part."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.objects import decode_object
from node.machinery import Machinery
from node.snapshots import making, manifest, parts, shelf
from node.snapshots.manifest import Manifest
from node.snapshots.parts import check_objects, receipts_root
from node.store import STORE_KINDS
from node.territory import TerritoryOptions
from primitives.errors import InvariantBroken
from primitives.receipt_log import CHUNK_LEAVES, chunk_root, receipt_leaf
from tests.node.town import Town, machinery_of, until


class SnapshotTown(Town):
    """Every block is due for a snapshot."""

    snapshot_ms = 1

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        return replace(
            super().options(index, observe_only=observe_only), snapshot_ms=self.snapshot_ms
        )


def parts_of(town: Town, index: int = 0) -> Machinery:
    return machinery_of(town.nodes[index])


async def busy_town(town: Town, payments: int = 12) -> None:
    await town.start()
    await town.ready()
    people = await town.people(40, 10_000)
    for number in range(payments):
        await town.must_settle(0, [town.pay(people[number % 40], people[(number + 7) % 40], 3)])


async def quiet(town: Town) -> shelf.SnapshotShelf:
    snapshots = parts_of(town).snapshots
    await until(lambda: not snapshots._making and bool(snapshots.held))
    return snapshots


@pytest.mark.parametrize("kind", STORE_KINDS)
@pytest.mark.parametrize("level", [3, 12])
def test_every_part_has_its_root(
    kind: str, level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (making, manifest, parts):
        monkeypatch.setattr(module, "LEVEL_MAX", level, raising=False)

    async def scenario(town: SnapshotTown) -> None:
        try:
            await busy_town(town)
            snapshots = await quiet(town)
            chain = parts_of(town).chain
            for held in snapshots.held:
                stored = chain.stored_header(held.manifest.height)
                assert stored is not None
                assert held.manifest.header == stored.header
                assert held.manifest.root == stored.header.state_root
                assert held.manifest.receipts == stored.first_number
                assert Manifest.decode(held.manifest.encode()) == held.manifest
                read = [snapshots.read_part(held, part) for part in range(held.manifest.parts)]
                slots = [
                    entry
                    for index in range(len(held.manifest.object_roots))
                    for entry in check_objects(held.manifest, index, read[index])
                ]
                assert [entry.slot for entry in slots] == list(range(held.manifest.slots))
                assert all(decode_object(entry.value).tree_key == entry.key for entry in slots[1:])
            assert len(snapshots.held) == shelf.SNAPSHOTS_KEPT
            assert (len(snapshots.held[0].manifest.object_roots) > 1) == (level == 3)
        finally:
            await town.stop()

    asyncio.run(scenario(SnapshotTown(tmp_path, 1, store_kind=kind)))


def test_chunks_that_would_be_too_large_are_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "PART_BYTES_MAX", 3_000)

    async def scenario(town: SnapshotTown) -> None:
        try:
            await busy_town(town)
            snapshots = await quiet(town)
            newest = snapshots.held[0]
            assert newest.manifest.level < manifest.LEVEL_MAX
            assert newest.manifest.root == newest.manifest.header.state_root
            sizes = [
                len(snapshots.read_part(newest, part))
                for part in range(len(newest.manifest.object_roots))
            ]
            assert max(sizes) <= 3_000
        finally:
            await town.stop()

    asyncio.run(scenario(SnapshotTown(tmp_path, 1)))


def test_several_blocks_in_one_write(tmp_path: Path) -> None:
    """The block that is due may stand in the middle of what one write puts on disk."""

    async def scenario(town: SnapshotTown) -> None:
        made: list[int] = []
        try:
            await town.start()
            await town.ready()
            people = await town.people(4, 10_000)
            committer, snapshots = parts_of(town).committer, parts_of(town).snapshots
            real_write, groups = committer._write, []

            async def slow(finalized: list, shelved: list) -> None:  # type: ignore[type-arg]
                groups.append(len(finalized))
                await asyncio.sleep(0.3)
                await real_write(finalized, shelved)

            committer._write = slow  # type: ignore[method-assign, assignment]
            for _ in range(20):
                await town.nodes[0].submit_many([town.pay(people[0], people[1], 1)])
                await asyncio.sleep(0.05)
                made += [held.manifest.height for held in snapshots.held]
            await town.same_height()
            await quiet(town)
            assert max(groups) > 1
            for held in snapshots.held:
                assert held.manifest.root == held.manifest.header.state_root
        finally:
            await town.stop()

    asyncio.run(scenario(SnapshotTown(tmp_path, 1)))


def test_money_that_does_not_add_up_is_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(objects: object) -> None:
        list(objects)  # type: ignore[call-overload]
        raise InvariantBroken("supply differs")

    monkeypatch.setattr(making, "full_sums", broken)

    async def scenario(town: SnapshotTown) -> None:
        try:
            await busy_town(town, 3)
            await until(lambda: not parts_of(town).snapshots._making)
            assert not parts_of(town).snapshots.held
            folder = parts_of(town).options.snapshots_folder
            assert not list(folder.iterdir())
            await town.must_settle(0, [])
        finally:
            await town.stop()

    asyncio.run(scenario(SnapshotTown(tmp_path, 1)))


def test_a_damaged_part_is_not_shown(tmp_path: Path) -> None:
    async def scenario(town: SnapshotTown) -> None:
        try:
            await busy_town(town, 3)
            snapshots = await quiet(town)
            held = snapshots.held[0]
            file = making.objects_file(held.folder, 0)
            content = bytearray(file.read_bytes())
            content[-1] ^= 1
            file.write_bytes(content)
            with pytest.raises(Exception, match="does not have its root"):
                snapshots.read_part(held, 0)
        finally:
            await town.stop()

    asyncio.run(scenario(SnapshotTown(tmp_path, 1)))


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1_025, CHUNK_LEAVES])
def test_a_chunk_of_receipts_is_hashed_in_short_runs(count: int) -> None:
    first = 3 * CHUNK_LEAVES
    ids = [number.to_bytes(32, "big") for number in range(count)]
    leaves = [receipt_leaf(first + number, id) for number, id in enumerate(ids)]
    rests: list[None] = []
    root = receipts_root(b"".join(ids), first, lambda: rests.append(None))
    assert root == chunk_root(leaves)
    assert len(rests) == -(-count // 512)
