"""Old blocks leave a node's store, whatever else happens; what must stay provable stays so."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.proofs import InclusionProof, ReceiptProof
from node import pruning
from node.chain import Chain
from node.chain_records import (
    ACCOUNT,
    BODY,
    FIRST_NUMBER,
    HEADER,
    IDS,
    TRANSACTION,
    number_key,
)
from node.data_folder import DataFolder, NodeFile
from node.epoch_book import EpochBook
from node.inspection import _check_certificates, _verify_blocks, _verify_receipts, _verify_root
from node.machinery import Machinery
from node.pruning import OldBlocks
from node.rebuilding import rebuild_store
from node.retention import Retention
from node.snapshots.making import Pace
from node.snapshots.shelf import SNAPSHOT_MS
from node.start import load_ledger
from node.store import STORE_KINDS, Change, Store, after_prefix, open_store
from node.territory import TerritoryOptions
from primitives.errors import InvariantBroken, Refused
from tests.node.town import Person, Town, certified_by, machinery_of, until

DAYS = 60


class PruningTown(Town):
    """Nodes with a snapshot of each block; a day is a millisecond here."""

    full_history = False
    snapshot_ms = 1

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        return replace(
            super().options(index, observe_only=observe_only),
            snapshot_ms=self.snapshot_ms,
            sync_behind_blocks=5,
            full_history=self.full_history,
        )

    def keep(self, *indices: int) -> None:
        """These nodes keep blocks for as few days as may be."""
        for index in indices:
            Retention(self.options(index).retention_file).keep(DAYS)

    def machinery(self, index: int) -> Machinery:
        return machinery_of(self.nodes[index])

    async def pruned(self, index: int, people: list[Person], first_height: int) -> None:
        """Until this node has no blocks below that height."""
        for round_number in range(200):
            if self.machinery(index).chain.meta.first_height >= first_height:
                return
            payer, payee = people[round_number % 2], people[1 - round_number % 2]
            await self.must_settle(0, [self.pay(payer, payee, 1)])
            await asyncio.sleep(0.02)
        raise TimeoutError("nothing is pruned")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "MS_PER_DAY", 1)
    monkeypatch.setattr(pruning, "SLACK_MS", 0)
    monkeypatch.setattr(pruning, "BLOCKS_KEPT_MIN", 2)
    monkeypatch.setattr(pruning, "BATCH_BLOCKS_MAX", 3)


def play(town: PruningTown, work: Callable[[PruningTown], Coroutine[None, None, None]]) -> None:
    async def scenario() -> None:
        try:
            await work(town)
        finally:
            await town.stop()

    asyncio.run(scenario())


def verify(town: PruningTown, index: int) -> Chain:
    """All that a stopped node holds."""
    store = open_store(town.store(index), town.store_kind)
    try:
        chain = Chain(store)
        _verify_blocks(chain)
        _verify_receipts(chain)
        _verify_root(chain)
        assert _check_certificates(chain, town.genesis) > 0
        meta = chain.meta
        for prefix, first in ((HEADER, meta.first_height), (BODY, meta.first_height)):
            keys = [key for key, _ in store.iterate(prefix, after_prefix(prefix))]
            assert keys == [number_key(prefix, at) for at in range(first, meta.height + 1)]
        numbers = [key for key, _ in store.iterate(FIRST_NUMBER, after_prefix(FIRST_NUMBER))]
        # The blocks that are kept may all be empty.
        oldest = numbers[0] if numbers else number_key(FIRST_NUMBER, meta.receipts)
        assert oldest == number_key(FIRST_NUMBER, meta.first_number)
        assert len(old_entries(store, meta.first_number)) == len(
            {key[:-8] for key in old_entries(store, meta.first_number)}
        )
        ids = list(chain.ids_between(0, meta.receipts))
        assert [chain.number_of(each) for each in ids] == list(range(meta.receipts))
        return chain
    finally:
        store.close()


def old_entries(store: Store, first_number: int) -> list[bytes]:
    """History entries of blocks that are gone."""
    return [
        key
        for key, _ in store.iterate(ACCOUNT, after_prefix(ACCOUNT))
        if int.from_bytes(key[-8:], "big") < first_number
    ]


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_old_blocks_go_and_their_receipts_are_proved(kind: str, tmp_path: Path) -> None:
    async def work(town: PruningTown) -> None:
        town.keep(1)
        await town.start()
        await town.ready()
        people = await town.people(4, 1_000)
        quiet = await town.people(2, 10, 1)
        await town.must_settle(0, [town.pay(people[2], people[3], 7)])
        old_height = town.nodes[0].status().height
        await town.pruned(1, people, old_height + 5)
        await town.same_height()
        archive, pruned = town.nodes[0], town.nodes[1]
        assert archive.status().first_height == 1 and archive.status().keep_days is None
        assert pruned.status().keep_days == DAYS
        first = pruned.status().first_height
        for number in range(town.machinery(1).chain.meta.first_number):
            (identity,) = town.machinery(0).chain.ids_between(number, number + 1)
            here, there = pruned.transaction_status(identity), archive.transaction_status(identity)
            assert (here.state, here.number, here.height) == ("final", number, None)
            assert here.inclusion is None and there.inclusion is not None
            header = await certified_by(pruned, here.receipt_height)
            assert here.receipt is not None and header is not None
            proof = ReceiptProof.decode(here.receipt)
            assert proof.number == number
            assert proof.verify(header.header.state_root, identity)
            assert not proof.verify(header.header.state_root, bytes(32))
            assert there.height is not None and there.height < first
            block = await certified_by(archive, there.height)
            assert block is not None
            assert InclusionProof.decode(there.inclusion).verify(
                block.header.transactions_root, block.header.transactions_count, identity
            )
        # Someone who did nothing since has an empty history, that says so; and so at any place.
        for before in (None, 1, 3, 10):
            page = pruned.history(people[2].id, before, 5)
            assert page.items == () and page.next_before is None
            assert page.cut is not None and page.cut.first_height == first
        newest = pruned.history(people[0].id, None, 2)
        assert [item.height >= first for item in newest.items] == [True, True]
        whole = archive.history(people[0].id, None, 200)
        assert whole.cut is None and whole.items[-1].kind == "account.open"
        assert (
            await certified_by(pruned, first - 1) is None
            and await certified_by(archive, first - 1) is not None
        )
        assert pruned.lane(people[2].id, people[2].key.public_key, 1).state == "final"
        # Whose account is younger than the oldest block has all of its history here.
        young = [Person("town0", f"young {number}") for number in range(2)]
        await town.must_settle(0, [town.open_accounts(young)])
        await town.same_height()
        assert pruned.history(young[0].id, None, 50).cut is None
        assert pruned.history(young[0].id, None, 1).next_before is None
        assert quiet[0].id

    town = PruningTown(tmp_path, 2, store_kind=kind)
    play(town, work)
    assert verify(town, 1).meta.first_height > 1
    assert verify(town, 0).meta.first_height == 1


def test_reading_goes_on_while_another_thread_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is sent to a block that is being removed just now."""
    write, hold, holding = Chain.write, threading.Event(), threading.Event()

    def slow(self: Chain, changes: list[Change]) -> None:
        write(self, changes)
        if any(value is None for _, value in changes):
            holding.set()
            hold.wait(20)

    async def work(town: PruningTown) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        for _ in range(10):
            await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        node, key = town.nodes[0], people[0].key.public_key
        ids = [item.id for item in node.history(people[0].id, None, 50).items]
        monkeypatch.setattr(Chain, "write", slow)
        town.keep(0)
        try:
            for _ in range(200):
                node.submit(town.pay(people[1], people[0], 1), lambda _: None)
                await asyncio.sleep(0.05)
                if holding.is_set():
                    break
            for identity in ids:
                assert node.transaction_status(identity).state == "final"
                assert node.final_height(identity) is not None
                assert len(node.transaction_accounts(identity)) in (0, 2, 3)
            for before in range(15):
                node.history(people[0].id, before, 3)
            assert all(node.lane(people[0].id, key, number).state for number in range(1, 12))
        finally:
            hold.set()

    play(PruningTown(tmp_path, 1), work)
    assert holding.is_set()


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_cut_off_anywhere_it_goes_on(kind: str, tmp_path: Path) -> None:
    """Each batch is whole: after any number of them the store is one that a node starts from, and
    whoever goes on comes to the same end."""

    async def work(town: PruningTown) -> None:
        await town.start()
        await town.ready()
        people = await town.people(5, 1_000)
        for number in range(14):
            await town.must_settle(0, [town.pay(people[number % 5], people[(number + 1) % 5], 1)])

    town = PruningTown(tmp_path, 1, store_kind=kind)
    play(town, work)
    whole = town.store(0).with_name("whole")
    town.store(0).rename(whole)
    ends: list[dict[bytes, bytes]] = []
    for cut in range(6):
        shutil.copytree(whole, town.store(0))
        for batches in (cut, 100):
            store = open_store(town.store(0), kind)
            try:
                chain = Chain(store)
                load_ledger(chain, town.genesis)
                _prune(store, chain, town, batches)
            finally:
                store.close()
            verify(town, 0)
        store = open_store(town.store(0), kind)
        ends.append(dict(store.iterate(b"", None)))
        first_number = Chain(store).meta.first_number
        stayed = [key[1:-8] for key in old_entries(store, first_number)]
        store.close()
        store = open_store(whole, kind)
        concerned = {key[1:-8] for key in old_entries(store, first_number)}
        store.close()
        assert len(concerned) > 5 and sorted(stayed) == sorted(concerned)
        shutil.rmtree(town.store(0))
    assert all(end == ends[0] for end in ends)


def _prune(store: Store, chain: Chain, town: PruningTown, batches: int) -> None:
    old = OldBlocks(store, chain, EpochBook(chain, town.genesis), town.network_id)
    for _ in range(batches):
        batch = old.next_batch(1 << 52, chain.height - 2, Pace(lambda: True, 0))
        if batch is None:
            return
        assert batch.first_height - chain.meta.first_height <= 3
        chain.write(chain.forget(batch))


def test_verifying_misses_no_receipt_of_a_block_that_is_gone(tmp_path: Path) -> None:
    async def work(town: PruningTown) -> None:
        town.keep(0)
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        await town.pruned(0, people, 6)

    town = PruningTown(tmp_path, 1)
    play(town, work)
    verify(town, 0)
    store = open_store(town.store(0), town.store_kind)
    chain = Chain(store)
    (identity,) = chain.ids_between(1, 2)
    lookup = store.get(TRANSACTION + identity)
    ((key, run),) = list(store.iterate(IDS, number_key(IDS, 1)))
    wrong: list[Change] = [
        (TRANSACTION + identity, None),
        (TRANSACTION + identity, bytes(8)),
        (key, bytes(32) + run[32:]),
        (key, None),
    ]
    for change in wrong:
        store.write([change], sync=True)
        with pytest.raises((Refused, InvariantBroken)):
            _verify_receipts(chain)
        store.write([(TRANSACTION + identity, lookup), (key, run)], sync=True)
    _verify_receipts(chain)
    store.close()


def test_a_new_node_finds_the_archive_or_says_that_there_is_none(tmp_path: Path) -> None:
    async def work(town: PruningTown) -> None:
        town.keep(0, 1)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(2, 1_000)
        for index in (0, 1):
            await town.pruned(index, people, 8)
        town.full_history = True
        await town.start(3)
        await town.same_height()
        chain = town.machinery(3).chain
        assert chain.meta.first_height == 1 and chain.stored_header(1) is not None
        assert town.nodes[3].status().missing_height is None

        # Now the archive prunes too, and the fourth begins anew.
        await town.stop(3)
        town.keep(2)
        await town.pruned(2, people, 8)
        for index in range(3):
            town.machinery(index).snapshots._period_ms = SNAPSHOT_MS
        town.snapshot_ms = SNAPSHOT_MS
        shutil.rmtree(town.store(3).parent)
        town.create(3)
        await town.start(3)
        await until(lambda: town.nodes[3].status().missing_height == 1)
        assert town.nodes[3].status().height == 0 and not town.nodes[3].status().ready
        await town.stop(3)
        town.full_history = False
        await town.start(3)
        await until(lambda: (now := town.nodes[3]._parts) is not None and now.chain.height > 0)
        await town.same_height()
        assert town.machinery(3).chain.meta.first_height > 1

        # One that pruned is made again from what the others have.
        await town.stop(0)
        folder = DataFolder(town.store(0).parent)
        folder.write(NodeFile("Town0", "town0", "127.0.0.1:1", "127.0.0.1:2", town.store_kind))
        assert rebuild_store(folder.root).lost_reason is None
        await town.start(0)
        await until(lambda: (now := town.nodes[0]._parts) is not None and now.chain.height > 0)
        await town.same_height()
        assert not town.nodes[0].status().observing

    town = PruningTown(tmp_path)
    play(town, work)
    for index in range(4):
        verify(town, index)
