"""Blocks by height from members that tell the truth, lie, say nothing or go away."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.certificates import Certificate
from consensus.header import Block, Header, genesis_digest
from ledger.rules import RuleSet
from ledger.terms import genesis_terms
from node.bodies import Bodies
from node.chain import Chain
from node.epochs import voting_set
from node.peers import catch_up
from node.peers.catch_up import CatchUpRun, PartReader, Target, answer_range, read_range
from node.peers.groups import pack_group, read_group
from node.store import Store, open_store
from primitives.errors import Refused
from tests.node.town import Person, Town
from tests.patience import PATIENCE_SECONDS

Twist = Callable[[list[bytes]], list[bytes]]


class Source:
    """A chain of several blocks, read from one member's disk."""

    def __init__(self, folder: Path) -> None:
        self.town = Town(folder)
        asyncio.run(self._make())
        self.store: Store = open_store(self.town.store(0), "leveldb")
        self.chain = Chain(self.store)
        self.members = voting_set(genesis_terms(self.town.genesis))
        newest = self.chain.newest
        assert newest is not None and newest.certificate is not None
        self.target = Target(newest.header, newest.certificate)

    async def _make(self) -> None:
        town = self.town
        await town.start()
        await town.ready()
        people = await town.people(4, 1_000)
        for _ in range(8):
            await town.must_settle(
                0, [town.pay(people[i], people[(i + 1) % 4], 1) for i in range(4)]
            )
        await town.same_height()
        await town.stop()

    def reader(self) -> PartReader:
        return PartReader(0, self.members, self.town.network_id, _matches)

    @property
    def origin(self) -> bytes:
        return genesis_digest(self.town.network_id)


def _matches(header: Header, body: bytes) -> bool:
    bodies = Bodies.__new__(Bodies)
    from node.block_shelf import BlockShelf

    bodies._shelf = BlockShelf()
    bodies.body_bytes_max = 1 << 22
    return bodies.matches(header, body)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("source"))


def test_a_true_answer_is_read(source: Source) -> None:
    content = answer_range(source.chain, 1, source.target.header.height)
    blocks, certificate = source.reader().read(content, 1, source.origin, source.target)
    assert [block.header.height for block in blocks] == list(
        range(1, source.target.header.height + 1)
    )
    assert certificate == source.target.certificate


def test_parts_are_bounded(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PART_BYTES", 500)
    content = answer_range(source.chain, 1, source.target.header.height)
    blocks, _ = source.reader().read(content, 1, source.origin, source.target)
    assert 1 <= len(blocks) < source.target.header.height
    empty = answer_range(source.chain, 10_000, 20_000)
    assert source.reader().read(empty, 10_000, source.origin, source.target) == ([], None)


def _other_body(items: list[bytes]) -> list[bytes]:
    at = next(i for i in range(2, len(items), 2) if len(items[i]) > 50)
    return [*items[:at], items[2] if at != 2 else items[4], *items[at + 1 :]]


def _other_header(items: list[bytes]) -> list[bytes]:
    header = Header.decode(items[3])
    changed = replace(header, time_ms=header.time_ms + 1)
    return [*items[:3], changed.encode(), *items[4:]]


def _no_certificate(items: list[bytes]) -> list[bytes]:
    return [b"", *items[1:-2]]


def _other_certificate(items: list[bytes]) -> list[bytes]:
    certificate = Certificate.decode(items[0])
    few = replace(certificate, signatures=certificate.signatures[::-1])
    return [few.encode(), *items[1:-2]]


TWISTS: list[Twist] = [
    _other_body,
    _other_header,
    _no_certificate,
    _other_certificate,
    lambda items: [*items[:1], *items[3:]],
    lambda items: [*items, items[1]],
    lambda items: [*items, b"\xc1", b""],
]


@pytest.mark.parametrize("twist", TWISTS)
def test_lies_are_refused(twist: Twist, source: Source) -> None:
    content = answer_range(source.chain, 1, source.target.header.height)
    items = twist(read_group(content, 8))
    with pytest.raises(Refused):
        source.reader().read(content[:8] + pack_group(items), 1, source.origin, source.target)


def test_cut_contents_are_refused(source: Source) -> None:
    content = answer_range(source.chain, 1, 3)
    for length in range(0, len(content), 7):
        with pytest.raises(Refused):
            source.reader().read(content[:length], 1, source.origin, source.target)
    with pytest.raises(Refused):
        read_range(bytes(15))


def test_liars_are_dropped_and_the_honest_one_is_found(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "ANSWER_SECONDS_MAX", 0.1)
    monkeypatch.setattr(catch_up, "_REST_SECONDS", 0.01)
    monkeypatch.setattr(catch_up, "PART_BYTES", 500)

    async def scenario() -> None:
        peers = [b"silent", b"liar", b"gone", b"honest"]
        dropped: list[bytes] = []
        taken: list[Block] = []
        finished: list[Target] = []

        def ask(peer: bytes, want: bytes) -> bool:
            first, last = read_range(want)
            answer = answer_range(source.chain, first, last)
            if peer == b"gone":
                return False
            if peer == b"liar":
                answer = answer[:-1] + bytes([answer[-1] ^ 1])
            if peer != b"silent":
                asyncio.get_running_loop().call_soon(run.answered, b"someone else", b"")
                asyncio.get_running_loop().call_soon(run.answered, peer, answer)
            return True

        async def take(blocks: list[Block], reached: Target) -> None:
            taken.extend(blocks)

        run = CatchUpRun(
            source.reader(),
            lambda: peers,
            ask,
            lambda peer, _: dropped.append(peer),
            lambda: (len(taken), taken[-1].digest if taken else source.origin),
            take,
            finished.append,
            lambda: None,
        )
        assert run.aim(source.target, b"liar")
        assert not run.aim(source.target, None)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await run.run()
        assert [block.header.height for block in taken] == list(
            range(1, source.target.header.height + 1)
        )
        assert finished == [source.target]
        assert b"liar" in dropped and b"honest" not in dropped
        assert run.target_height is None

    asyncio.run(scenario())


@pytest.mark.parametrize("others", ["mute", "empty", "gone"])
@pytest.mark.parametrize("archive", [True, False])
def test_who_only_promises_keeps_nobody_waiting(
    others: str, archive: bool, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two have pruned the blocks, one never gives them: they come from the archive, or it is told
    that nobody has them. Where nobody pruned, whoever is slow is asked again and again."""
    monkeypatch.setattr(catch_up, "ANSWER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(catch_up, "_REST_SECONDS", 0.005)
    monkeypatch.setattr(catch_up, "PART_BYTES", 500)

    async def scenario() -> None:
        peers = [b"pruned", b"also pruned", b"promises", *([b"archive"] if archive else [])]
        taken: list[Block] = []
        told = asyncio.Event()
        is_pruned = True

        def ask(peer: bytes, want: bytes) -> bool:
            soon = asyncio.get_running_loop().call_soon
            if peer.endswith(b"pruned") and is_pruned:
                soon(run.pruned_below, peer, 1 << 40)
            elif peer == b"archive":
                soon(run.answered, peer, answer_range(source.chain, *read_range(want)))
            elif others == "empty":
                soon(run.answered, peer, answer_range(source.chain, 1 << 50, 1 << 51))
            return others != "gone" or peer != b"promises"

        async def take(blocks: list[Block], reached: Target) -> None:
            taken.extend(blocks)

        run = CatchUpRun(
            source.reader(),
            lambda: peers,
            ask,
            lambda peer, _: None,
            lambda: (len(taken), taken[-1].digest if taken else source.origin),
            take,
            lambda _: None,
            told.set,
        )
        run.aim(source.target, b"promises")
        work = asyncio.ensure_future(run.run())
        if archive:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work
            assert len(taken) == source.target.header.height and not told.is_set()
            return
        async with asyncio.timeout(PATIENCE_SECONDS):
            await told.wait()
        told.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):  # and again: an archive may have connected
            await told.wait()
        is_pruned = False
        run._first_kept.clear()
        told.clear()
        await asyncio.sleep(0.4)
        assert not told.is_set()
        work.cancel()

    asyncio.run(scenario())


def test_a_slow_one_is_not_preferred(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "QUICK_SECONDS", 1.0)
    monkeypatch.setattr(catch_up, "PART_BYTES", 1)

    async def scenario() -> None:
        asked: list[bytes] = []
        taken: list[Block] = []

        def ask(peer: bytes, want: bytes) -> bool:
            asked.append(peer)
            answer = answer_range(source.chain, *read_range(want))
            seconds = 1.5 if peer == b"slow" else 0.0
            asyncio.get_running_loop().call_later(seconds, run.answered, peer, answer)
            return True

        async def take(blocks: list[Block], reached: Target) -> None:
            taken.extend(blocks)

        run = CatchUpRun(
            source.reader(),
            lambda: [b"quick", b"slow"],
            ask,
            lambda peer, _: None,
            lambda: (len(taken), taken[-1].digest if taken else source.origin),
            take,
            lambda _: None,
            lambda: None,
        )
        run.aim(source.target, b"slow")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await run.run()
        assert asked[0] == b"slow" and asked.count(b"slow") <= 2
        assert len(asked) > 2

    asyncio.run(scenario())


def test_more_blocks_than_were_asked_for_are_refused(source: Source) -> None:
    chain = source.chain
    certified = next(
        header
        for header in map(chain.stored_header, range(1, chain.height))
        if header is not None and header.certificate is not None
    )
    assert certified.certificate is not None
    near = Target(certified.header, certified.certificate)
    content = answer_range(chain, 1, chain.height)
    with pytest.raises(Refused, match="more blocks than were asked for"):
        source.reader().read(content, 1, source.origin, near)


def test_rubbish_among_transactions_is_left_out(source: Source) -> None:
    town = source.town
    bodies = Bodies.__new__(Bodies)
    bodies._network_id = town.network_id
    bodies._rules = RuleSet(1, town.genesis.parameters)
    raw = town.pay(Person("town0", "payer"), Person("town0", "payee"), 1)
    assert [one.raw for one in bodies.decode_group([b"", raw, b"\xc1", raw[:-1]])] == [raw]
