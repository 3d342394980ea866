"""A ledger made of a snapshot goes on as one that executed every block; what is bent is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from consensus.cometbft.light import SignedHeader
from ledger.rules import Parameters
from node.engines.cometbft.ledger import CometLedger
from node.engines.cometbft.light_answers import LightAnswers
from node.engines.cometbft.members_asked import MembersAsked, NoAnswer
from node.engines.cometbft.messages import Snapshot
from node.engines.cometbft.proof_book import ProofBook
from node.engines.cometbft.requests import (
    RequestApplySnapshotChunk,
    RequestCommit,
    RequestFinalizeBlock,
    RequestListSnapshots,
    RequestLoadSnapshotChunk,
    RequestOfferSnapshot,
)
from node.engines.cometbft.responses import ApplySnapshotChunkResult, OfferSnapshotResult
from node.engines.cometbft.set_changes import SetChanges
from node.engines.cometbft.snapshot_store import (
    SnapshotStore,
    is_empty,
    mark_begun,
    settle,
)
from node.engines.cometbft.sync_application import SyncApplication
from node.inspection import _verify_blocks, _verify_root
from node.state_sync.staging import staging_folder, synced_folder
from node.territory_options import TerritoryOptions
from primitives.errors import InvariantBroken
from tests.node.cometbft.driver import INFO, NO_VOTES, Decided, Driver
from tests.node.cometbft.signed_chain import SignedChain
from tests.node.town import Person, Town, until

STEP_MS = 700
BLOCKS = 14


class SnapshotTown(Town):
    """A snapshot at every block."""

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        return replace(super().options(index, observe_only=observe_only), snapshot_ms=1)


class KnownHeaders(LightAnswers):
    """Headers without asking for them."""

    def __init__(self, chain: SignedChain) -> None:
        super().__init__(chain.proved(), MembersAsked({}))
        self.chain = chain

    async def header(self, height: int | None) -> SignedHeader:
        if height not in self.chain.headers:
            raise NoAnswer
        return self.chain.signed(height)

    async def close(self) -> None:
        await self._members.__aexit__(None, None, None)


class Scene:
    """A member with a history, and who takes its newest snapshot."""

    def __init__(self, folder: Path) -> None:
        self.town = SnapshotTown(folder, 4, parameters=Parameters(epoch_ms=4 * STEP_MS))
        self.member = Driver(self.town)
        self.options = self.town.options(1)
        self.store = SnapshotStore(self.options)
        self.answers: dict[int, tuple[bytes, object]] = {}
        self.time_ms = self.town.genesis.time_ms
        self.people = [Person("town0", f"resident {number}") for number in range(3)]

    async def decide(self, *raws: bytes) -> None:
        self.time_ms += STEP_MS
        answer = await self.member.decide(raws, self.time_ms)
        self.answers[self.member.height] = answer.app_hash, answer.validator_updates
        shelf = self.member.ledger.snapshots
        await until(lambda: not shelf._making)

    async def play(self) -> None:
        await self.member.begin()
        await self.decide(self.town.open_accounts(self.people))
        await self.decide(self.town.issue(self.people, 1_000))
        for number in range(BLOCKS - 2):
            payer, payee = self.people[number % 3], self.people[(number + 1) % 3]
            await self.decide(self.town.pay(payer, payee, 5))
        self.chain = SignedChain(self.member)
        self.headers = KnownHeaders(self.chain)
        self.joining = SyncApplication(
            self.town.network_id,
            self.headers._proved,
            self.headers,
            self.store,
            lambda: frozenset(),
            lambda: opened(self.store.trial_options),
        )

    async def offered(self) -> Snapshot:
        """The older of two: blocks follow it."""
        found = await self.member.application.list_snapshots(RequestListSnapshots())
        return found.snapshots[-1]

    async def offer(self, snapshot: Snapshot) -> OfferSnapshotResult:
        root = self.chain.headers[snapshot.height + 1].app_hash
        return (await self.joining.offer_snapshot(RequestOfferSnapshot(snapshot, root))).result

    async def part(self, snapshot: Snapshot, number: int) -> bytes:
        request = RequestLoadSnapshotChunk(snapshot.height, snapshot.format, number)
        return (await self.member.application.load_snapshot_chunk(request)).chunk

    async def apply(self, number: int, content: bytes) -> ApplySnapshotChunkResult:
        request = RequestApplySnapshotChunk(number, content, "sender")
        return (await self.joining.apply_snapshot_chunk(request)).result

    async def take(self) -> Snapshot:
        """All of it."""
        snapshot = await self.offered()
        assert await self.offer(snapshot) is OfferSnapshotResult.ACCEPT
        for number in range(snapshot.chunks):
            content = await self.part(snapshot, number)
            assert await self.apply(number, content) is ApplySnapshotChunkResult.ACCEPT
        return snapshot

    async def close(self) -> None:
        await self.headers.close()
        await self.joining.close()
        await self.member.close()


def opened(options: TerritoryOptions) -> CometLedger:
    return CometLedger(
        options,
        on_committed=lambda _: None,
        on_refused=lambda _: None,
        on_fatal=lambda _: None,
        on_own=lambda _: None,
        is_current=lambda: False,
        prove_inclusion=lambda raws, place: b"",
    )


def run(folder: Path, work: Callable[[Scene], Awaitable[None]]) -> None:
    async def go() -> None:
        scene = Scene(folder)
        await scene.play()
        try:
            await work(scene)
        finally:
            await scene.close()

    asyncio.run(go())


def finalized(block: Decided) -> RequestFinalizeBlock:
    return RequestFinalizeBlock(
        block.txs, NO_VOTES, (), block.hash, block.height, block.time_ms * 1_000_000, b"", b""
    )


def test_it_goes_on_as_one_that_executed_every_block(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        assert is_empty(scene.options)
        snapshot = await scene.take()
        told = await scene.joining.info(INFO)
        height = snapshot.height
        assert (told.last_block_height, told.last_block_app_hash) == (
            height,
            scene.answers[height][0],
        )
        assert not scene.joining.decided.is_set()
        for block in scene.member.blocks[height:]:
            answer = await scene.joining.finalize_block(finalized(block))
            assert (answer.app_hash, answer.validator_updates) == scene.answers[block.height]
            await scene.joining.commit(RequestCommit())
        assert scene.joining.decided.is_set()
        await scene.joining.close()
        scene.store.keep()
        settle(scene.options)
        assert not synced_folder(scene.options.store_folder).exists()
        ledger = opened(scene.options)
        try:
            chain, own = ledger.chain, scene.member.ledger
            assert chain.meta.first_height == height + 1
            assert (chain.height, chain.meta.receipts) == (
                own.chain.height,
                own.chain.meta.receipts,
            )
            assert ledger.epochs.current.number == own.epochs.current.number >= 2
            assert ledger.epochs.current.ends_ms == own.epochs.current.ends_ms
            ids = list(own.chain.ids_between(0, own.chain.meta.receipts))
            assert [chain.number_of(each) for each in ids] == list(range(len(ids)))
            _verify_blocks(chain)
            _verify_root(chain)
            # What it has of the epochs below its snapshot proves them to the next newcomer.
            assert len(list(ProofBook(ledger.store, ledger.epochs).from_epoch(1))) >= 1
            assert SetChanges(ledger.store, ledger.epochs).set_at(2) == scene.chain.set_at(2)
        finally:
            await ledger.close()

    run(tmp_path, scenario)


def test_a_bent_part_is_fetched_anew_from_somebody_else(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        snapshot = await scene.offered()
        assert await scene.offer(snapshot) is OfferSnapshotResult.ACCEPT
        content = await scene.part(snapshot, 0)
        bent = content[:-1] + bytes([content[-1] ^ 1])
        for lie in (bent, b"", content[:9], content * 2, bytes(9 << 20)):
            request = RequestApplySnapshotChunk(0, lie, "liar")
            answer = await scene.joining.apply_snapshot_chunk(request)
            assert answer.result is ApplySnapshotChunkResult.RETRY
            assert (answer.refetch_chunks, answer.reject_senders) == ((0,), ("liar",))
        assert await scene.apply(snapshot.chunks, content) is ApplySnapshotChunkResult.RETRY
        for number in range(snapshot.chunks):
            whole = await scene.part(snapshot, number)
            assert await scene.apply(number, whole) is ApplySnapshotChunkResult.ACCEPT
        assert (await scene.joining.info(INFO)).last_block_height == snapshot.height

    run(tmp_path, scenario)


def bent_metadata(snapshot: Snapshot) -> Snapshot:
    raw = snapshot.metadata[:-1] + bytes([snapshot.metadata[-1] ^ 1])
    return replace(snapshot, metadata=raw, hash=sha256(raw).digest())


LIES: list[Callable[[Snapshot], Snapshot]] = [
    bent_metadata,
    lambda snapshot: replace(snapshot, hash=bytes(32)),
    lambda snapshot: replace(snapshot, chunks=snapshot.chunks + 1),
    lambda snapshot: replace(snapshot, metadata=b"", hash=sha256(b"").digest()),
    lambda snapshot: replace(snapshot, metadata=b"\xc0", hash=sha256(b"\xc0").digest()),
    lambda snapshot: replace(snapshot, height=snapshot.height - 1),
]


@pytest.mark.parametrize("number", range(len(LIES)))
def test_an_offer_that_its_header_does_not_name_is_refused(tmp_path: Path, number: int) -> None:
    async def scenario(scene: Scene) -> None:
        lie = LIES[number](await scene.offered())
        assert await scene.offer(lie) is OfferSnapshotResult.REJECT_SENDER
        assert not staging_folder(scene.options.store_folder).exists()
        with pytest.raises(InvariantBroken):
            await scene.apply(0, b"")

    run(tmp_path, scenario)


def test_two_final_headers_of_one_height_stop_the_node(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        request = RequestOfferSnapshot(await scene.offered(), bytes(32))
        with pytest.raises(InvariantBroken):
            await scene.joining.offer_snapshot(request)
        assert not staging_folder(scene.options.store_folder).exists()

    run(tmp_path, scenario)


def test_nothing_is_finished_without_all_parts_or_under_another_root(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        snapshot = await scene.offered()
        assert await scene.offer(snapshot) is OfferSnapshotResult.ACCEPT
        header, proved = scene.chain.headers[snapshot.height + 1], scene.headers._proved
        for number in range(snapshot.chunks):
            with pytest.raises(InvariantBroken):
                scene.store.finish(header, proved)
            scene.store.put(number, await scene.part(snapshot, number))
        with pytest.raises(InvariantBroken):
            scene.store.finish(replace(header, app_hash=bytes(32)), proved)
        scene.store.finish(header, proved)

    run(tmp_path, scenario)


def test_other_forms_and_unknown_heights_are_left(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        snapshot = await scene.offered()
        other = await scene.offer(replace(snapshot, format=2))
        assert other is OfferSnapshotResult.REJECT_FORMAT
        request = RequestOfferSnapshot(replace(snapshot, height=10_000), bytes(32))
        scene.headers.patient_header = scene.headers.header  # type: ignore[method-assign]
        answer = await scene.joining.offer_snapshot(request)
        assert answer.result is OfferSnapshotResult.REJECT
        assert await scene.part(replace(snapshot, height=9_999), 0) == b""
        assert await scene.part(replace(snapshot, format=2), 0) == b""
        assert await scene.part(snapshot, snapshot.chunks) == b""

    run(tmp_path, scenario)


def test_what_did_not_come_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        mark_begun(scene.options)
        (scene.options.cometbft_folder / "data" / "blockstore.db").mkdir(parents=True)
        await scene.take()
        await scene.joining.close()
        assert staging_folder(scene.options.store_folder).exists()
        settle(scene.options)
        assert not staging_folder(scene.options.store_folder).exists()
        assert not (scene.options.cometbft_folder / "data").exists()
        assert is_empty(scene.options)
        ledger = opened(scene.options)
        try:
            assert (ledger.chain.height, ledger.chain.meta.first_height) == (0, 1)
        finally:
            await ledger.close()
        # And it can begin once more.
        await scene.take()

    run(tmp_path, scenario)
