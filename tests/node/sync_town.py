"""A town whose fourth node is new, far behind by a few blocks, and has snapshots to begin with."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from node.chain import Chain
from node.inspection import _check_certificates, _verify_blocks, _verify_root
from node.machinery import Machinery
from node.peers.groups import pack_group, read_group
from node.snapshots import making, manifest, parts
from node.snapshots.manifest import Manifest
from node.snapshots.shelf import SNAPSHOT_MS
from node.state_sync import asking, choosing
from node.state_sync.staging import staging_folder, synced_folder
from node.store import open_store
from node.territory import TerritoryOptions
from tests.node.town import Person, Town, machinery_of, until
from tests.patience import PATIENCE_SECONDS

Bend = Callable[[bytes], bytes]
TINY_LEVEL = 2


class SyncTown(Town):
    """Three nodes with snapshots; the fourth is far behind with a few blocks."""

    snapshot_ms = 1
    full_history = False
    checkpoint: tuple[int, bytes] | None = None

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        return replace(
            super().options(index, observe_only=observe_only),
            snapshot_ms=self.snapshot_ms,
            sync_behind_blocks=5,
            full_history=self.full_history,
            checkpoint=self.checkpoint,
        )

    def machinery(self, index: int) -> Machinery:
        return machinery_of(self.nodes[index])

    async def history(self) -> list[Person]:
        """Three nodes agree on something, then all of them hold the same snapshot."""
        await self.start(0, 1, 2)
        await self.ready()
        people = await self.people(30, 10_000)
        for number in range(10):
            await self.must_settle(0, [self.pay(people[number], people[number + 9], 3)])
        await self.same_snapshots(people)
        return people

    async def same_snapshots(self, people: list[Person] | None = None) -> None:
        """Until the three hold the same newest snapshot, which `people` may have to pay for; no
        other is made from then on."""
        shelves = [self.machinery(index).snapshots for index in range(3)]
        for number in range(10):
            await self.same_height()
            await until(lambda: not any(shelf._making for shelf in shelves))
            if len({shelf.held[0].manifest.height for shelf in shelves}) == 1:
                break
            if people is not None:
                payment = self.pay(people[number], people[number + 9], 3)
                await self.must_settle(0, [payment])
        self.keep_snapshots()

    def keep_snapshots(self) -> None:
        """A newer one would leave the fourth with fewer to ask."""
        for index in range(3):
            self.machinery(index).snapshots._period_ms = SNAPSHOT_MS
        self.snapshot_ms = SNAPSHOT_MS

    async def synced(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Until the fourth stands where the others do, and only fetched what it had to."""
        await until(lambda: self.began_with_snapshot(3), seconds)
        await self.same_height(seconds)

    def began_with_snapshot(self, index: int) -> bool:
        now = self.nodes[index]._parts
        return now is not None and now.chain.meta.first_height > 1

    def bend(self, index: int, frame_type: int, bend: Bend) -> list[int]:
        """Have a node lie in frames of this type; how often it did."""
        network, lies = self.machinery(index).network, [0]
        send = network.send

        def bent(peer: bytes, kind: int, content: bytes) -> bool:
            if kind == frame_type:
                lies[0] += 1
                content = bend(content)
            return send(peer, kind, content)

        network.send = bent  # type: ignore[method-assign, assignment]
        self.machinery(index).snapshot_server._send = bent
        return lies

    def mute(self, index: int, frame_type: int) -> None:
        """Have a node never send frames of this type."""
        network = self.machinery(index).network
        send = network.send

        def muted(peer: bytes, kind: int, content: bytes) -> bool:
            return True if kind == frame_type else send(peer, kind, content)

        network.send = muted  # type: ignore[method-assign, assignment]
        self.machinery(index).snapshot_server._send = muted


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many parts of few objects, and little patience."""
    for module in (making, manifest, parts):
        monkeypatch.setattr(module, "LEVEL_MAX", TINY_LEVEL, raising=False)
    monkeypatch.setattr(choosing, "OFFERS_SECONDS", 2.5)
    monkeypatch.setattr(asking, "ANSWER_SECONDS_MAX", 1.0)


def verified(town: SyncTown) -> None:
    """The fourth's data, once it stopped."""
    store = open_store(town.store(3), town.store_kind)
    chain = Chain(store)
    _verify_blocks(chain)
    _verify_root(chain)
    assert _check_certificates(chain, town.genesis) > 0
    store.close()
    assert not staging_folder(town.store(3)).exists()
    assert not synced_folder(town.store(3)).exists()


def play(
    town: SyncTown, work: Callable[[SyncTown, list[Person]], Coroutine[Any, Any, None]]
) -> None:
    """The town's history, then what a test does; the fourth's data holds afterwards."""

    async def scenario() -> None:
        try:
            people = await town.history()
            await work(town, people)
        finally:
            await town.stop()

    asyncio.run(scenario())
    verified(town)


def false_part(content: bytes) -> bytes:
    """A bit that is turned."""
    return content[:-1] + bytes([content[-1] ^ 1])


def false_state(content: bytes) -> bytes:
    """Another number of receipts under the same header."""
    items = read_group(content)
    told = Manifest.decode(items[0])
    roots = (bytes(32), *told.object_roots[1:])
    return pack_group([replace(told, object_roots=roots).encode(), *items[1:]])


def false_header(content: bytes) -> bytes:
    """A state of the liar's own making, under a header that nobody signed."""
    items = read_group(content)
    told = Manifest.decode(items[0])
    roots = (bytes(32), *told.object_roots[1:])
    told = replace(told, object_roots=roots)
    told = replace(told, header=replace(told.header, state_root=told.root))
    return pack_group([told.encode(), *items[1:2]])


def false_height(content: bytes) -> bytes:
    """Higher than anything."""
    items = read_group(content)
    told = Manifest.decode(items[0])
    told = replace(told, header=replace(told.header, height=told.header.height + 1_000_000))
    return pack_group([told.encode(), *items[1:]])
