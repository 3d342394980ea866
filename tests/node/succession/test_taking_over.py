"""Two of four disks are gone, and the network goes on as another one: nothing is lost."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain import Chain
from node.chain_records import BODY, IDS, OBJECT
from node.data_folder import DataFolder
from node.epoch_book import EpochBook
from node.genesis_file import engine_file
from node.inspection import verify_data
from node.rebuilding import rebuild_store
from node.store import after_prefix, open_store
from node.succession.drafting import write_draft
from node.succession.endorsing import check_own_chain, finish
from node.succession.taking_over import take_over
from node.territory import TerritoryNode
from primitives.errors import Refused
from tests.node.council import epoch_of, in_epoch
from tests.node.succession.ruin import Ruin, ruined
from tests.node.test_epochs import QUICK
from tests.node.town import Person, Town, key_of, machinery_of, until


def balances(town: Town, people: Sequence[Person]) -> list[int]:
    """What they have, as the first node says."""
    node = next(iter(town.nodes.values()))
    found = [node.account(one.id) for one in people]
    return [account.balance_minor for account in found if account is not None]


def test_half_the_disks_are_gone_and_payments_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        ruin, people = await ruined(tmp_path)
        town = ruin.town
        ruin.lose(2, 3)
        source = ruin.highest(0, 1)
        draft = ruin.draft(source)
        genesis = ruin.agree(draft, 0, 1, 2)
        kept = ruin.all_over(source)
        stale = town.pay(people[0], people[1], 1)
        ruin.follow(genesis)
        await town.start()
        await town.ready()
        assert balances(town, people) == [1_000 - 33, 1_000 + 33, 1_000]
        # What was signed for the old network is nothing here.
        (answer,) = await town.settle(2, [stale])
        assert answer.refusal is not None and answer.refusal.code == "network_mismatch"
        town.numbers[people[0].key.public_key] -= 1
        await town.must_settle(3, [town.pay(people[0], people[1], 7)])
        await town.must_settle(0, [town.pay(people[1], people[2], 40)])
        assert await town.same_height() > draft.height
        assert balances(town, people) == [1_000 - 40, 1_000, 1_040]
        await town.stop()
        for index in range(4):
            found = verify_data(ruin.root(index), ruin.new_file)
            assert found["certificates"]
            assert found["currencies"] == {"TO0": 3_000, "TO1": 0, "TO2": 0, "TO3": 0}
        assert verify_data(kept, ruin.old_file)["height"] == draft.height
        # Asked again, there is nothing to do.
        assert not ruin.over(0).is_news

    asyncio.run(scenario())


def test_no_draft_is_made_where_no_block_is(copied: Callable[[], Ruin]) -> None:
    """Nobody is told to found another network because one disk is empty."""
    ruin = copied()
    ruin.lose(2)
    with pytest.raises(Refused, match="succession_block_missing"):
        ruin.draft(2)


def test_one_leaves_and_it_happens_again(tmp_path: Path) -> None:
    """Epochs and heights count on, over two successions; the first one's members are three."""

    async def scenario() -> None:
        ruin, people = await ruined(tmp_path, parameters=QUICK)
        town = ruin.town
        total, epoch, height, firsts = 3_000, 0, 0, {0}
        for members in (3, 2):
            source = ruin.highest(*range(members))
            left = f"town{members}"
            draft = ruin.draft(source, without=[left])
            assert draft.first_epoch > epoch and draft.height > height
            epoch, height = draft.first_epoch, draft.height
            genesis = ruin.agree(draft, 0, 1, 2)
            town.count = members
            ruin.all_over(source)
            ruin.follow(genesis)
            await town.start()
            await town.ready()
            running = list(town.nodes.values())
            await in_epoch(running, epoch + 2)
            assert running[0].status().members == members
            await town.must_settle(0, [town.pay(people[0], people[1], 5)])
            # What began before is still told to who follows from an old genesis, but for the
            # epochs that began with one.
            told = {number for number in range(epoch) if running[1].epoch(number) is not None}
            assert told == set(range(epoch)) - firsts
            firsts.add(epoch)
            record = running[1].member_territory(left)
            assert record is not None and running[1].account(record.account_id) is not None
            await town.same_height()
            await town.stop()
            await town.start()  # from its own disk, as ever
            await town.ready()
            await town.stop()
            assert sum(_supplies(ruin)) == total
            ruin = Ruin(town, number=ruin.number + 1)

    asyncio.run(scenario())


def _supplies(ruin: Ruin) -> list[int]:
    found = verify_data(ruin.root(0), ruin.new_file)["currencies"]
    if not isinstance(found, dict):
        raise TypeError
    return [int(supply) for supply in found.values()]


def test_it_ended_with_a_boundary(tmp_path: Path) -> None:
    """The last final block ended an epoch: the set it names endorses, the one before signed."""

    async def scenario() -> None:
        town = Town(tmp_path, parameters=QUICK)
        await town.start()
        await town.ready()
        await town.people(2, 1_000)
        node = town.nodes[0]
        await until(lambda: _stop_at_boundary(node))
        await town.stop()
        ruin = Ruin(town)
        for index in range(4):
            ruin.note(index)
        draft = ruin.draft(0)
        succession = draft.succession
        assert succession is not None and succession.signers is not None
        genesis = ruin.agree(draft, 1, 2, 3)
        for index in range(1, 4):
            if ruin.height(index) <= draft.height:
                break
        kept = ruin.over(0).kept
        ruin.lose(1, 2, 3)
        for index in range(1, 4):
            ruin.over(index, kept / "store")
        ruin.follow(genesis)
        await town.start()
        await town.ready()
        assert epoch_of(town.nodes[2]) >= draft.first_epoch
        await town.must_settle(3, [town.issue([Person("town0", "resident 0")], 5)])
        await town.stop()

    asyncio.run(scenario())


def _stop_at_boundary(node: TerritoryNode) -> bool:
    """Whether the newest block was a boundary; then nothing more is committed there."""
    newest = machinery_of(node).chain.newest
    found = newest is not None and newest.header.next_set_hash is not None
    if found:
        machinery_of(node).engine.stop()
        book: EpochBook = machinery_of(node).epochs
        found = newest is not None and newest.header.height == machinery_of(node).chain.height
        found = found and book.current.number >= 1
    return found


def test_a_node_that_knows_more_refuses(copied: Callable[[], Ruin]) -> None:
    """Whoever holds a later final block says so, and nothing of it is touched."""
    ruin = copied()
    source = ruin.highest(*range(4))
    draft = ruin.draft(source)
    store = open_store(ruin.town.store(source), ruin.town.store_kind)
    try:
        below = Chain(store).certified(draft.height - 1)
    finally:
        store.close()
    if below is None or draft.succession is None:
        raise AssertionError
    earlier = replace(
        draft.succession,
        height=below.height,
        header=below.header.encode(),
        between=tuple([header.encode() for header in below.between]),
        certificate=below.certificate.encode(),
    )
    just_after_ms = max(one.time_ms for one in (below.header, *below.between)) + 1
    ruin.agree(replace(draft, time_ms=just_after_ms, succession=earlier), 0, 1, 2)
    with pytest.raises(Refused, match="succession_behind"):
        ruin.over(source)
    assert ruin.height(source) == draft.height


def test_who_endorses_compares_the_state_with_an_own_disk(copied: Callable[[], Ruin]) -> None:
    """No certificate covers the state after a last block: whoever drafts alone could name any."""
    ruin = copied()
    source = ruin.highest(*range(4))
    draft = ruin.draft(source)
    assert check_own_chain(draft, ruin.root(source), ruin.old_file)
    if draft.succession is None:
        raise AssertionError
    forged = replace(draft, succession=replace(draft.succession, state_root=bytes(32)))
    with pytest.raises(Refused, match="succession_differs"):
        check_own_chain(forged, ruin.root(source), ruin.old_file)
    # Nor does it name other recovery keys than the last set's.
    rows = draft.succession.members
    stolen = (rows[0]._replace(recovery_key=key_of("mallory").public_key), *rows[1:])
    with pytest.raises(Refused, match="succession_differs"):
        check_own_chain(
            replace(draft, succession=replace(draft.succession, members=stolen)),
            ruin.root(source),
            ruin.old_file,
        )
    # Without the block it can't say, and an empty disk is no yes.
    ruin.lose(source)
    assert not check_own_chain(draft, ruin.root(source), ruin.old_file)


def test_a_node_that_knows_less_needs_the_blocks(copied: Callable[[], Ruin]) -> None:
    ruin = copied()
    source = ruin.highest(*range(4))
    ruin.agree(ruin.draft(source), 0, 1, 2)
    other = (source + 1) % 4
    ruin.lose(other)
    with pytest.raises(Refused, match="succession_lacks_blocks"):
        ruin.over(other)
    # A copy that lacks them too is no help.
    empty = (source + 2) % 4
    ruin.lose(empty)
    with pytest.raises(Refused, match="succession_lacks_blocks"):
        ruin.over(other, ruin.town.store(empty))
    assert ruin.over(other, ruin.town.store(source)).is_news
    # The copy was copied: it is still the old network's.
    assert ruin.over(source).is_news


@pytest.mark.parametrize(
    ("prefix", "code"),
    [(OBJECT, "state_root_differs"), (IDS, "state_root_differs"), (BODY, "state_root_differs")],
)
def test_a_store_that_was_altered_is_refused(
    copied: Callable[[], Ruin], prefix: bytes, code: str
) -> None:
    """Another node's store is believed in nothing: not one balance, not one receipt."""
    ruin = copied()
    source = ruin.highest(*range(4))
    ruin.agree(ruin.draft(source), 0, 1, 2)
    lying = ruin.town.folder / "lying"
    shutil.copytree(ruin.town.store(source), lying)
    store = open_store(lying, ruin.town.store_kind)
    try:
        # The last of each kind, since the first body is an old block's: what is gone is not needed.
        key, value = list(store.iterate(prefix, after_prefix(prefix)))[-1]
        store.write([(key, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
    finally:
        store.close()
    other = (source + 1) % 4
    ruin.lose(other)
    with pytest.raises(Refused) as refused:
        ruin.over(other, lying)
    assert refused.value.code in (code, "store_corrupt")


def test_who_comes_again_only_observes(copied: Callable[[], Ruin]) -> None:
    ruin = copied()
    source = ruin.highest(*range(4))
    ruin.agree(ruin.draft(source), 0, 1, 2)
    take_over(replace(ruin.plan(source), again=True))
    assert "another" in str(verify_data(ruin.root(source), ruin.new_file)["journal"])


def test_a_store_that_was_emptied_gets_its_first_state_back(tmp_path: Path) -> None:
    """`node rebuild` and a backup leave an empty store: what went before is put back under it."""

    async def scenario() -> None:
        ruin, people = await ruined(tmp_path, payments=1)
        town = ruin.town
        source = ruin.highest(*range(4))
        genesis = ruin.agree(ruin.draft(source), 0, 1, 2)
        kept = ruin.all_over(source)
        # The old genesis is of no use any more, and that is what is said.
        with pytest.raises(Refused, match="network_succeeded"):
            DataFolder(ruin.root(0)).check(ruin.old.network_id, "simplex")
        ruin.follow(genesis)
        await town.start()
        await town.ready()
        await town.must_settle(0, [town.pay(people[0], people[1], 7)])
        await town.stop()
        other = (source + 1) % 4
        rebuild_store(ruin.root(other))
        wanted = replace(town.options(other), full_history=True)
        with pytest.raises(Refused, match="succession_without_state"):
            await TerritoryNode(wanted).start()
        # Its own old store will do where it goes so far; else another's is named.
        assert ruin.over(other, kept / "store").is_news
        assert not ruin.over(other, kept / "store").is_news
        await town.start()
        await town.ready()
        await town.must_settle(other, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        assert not town.nodes[other].status().observing
        assert balances(town, people)[0] == 1_000 - 10 - 12
        await town.stop()

    asyncio.run(scenario())


def test_a_node_without_a_key_for_the_new_engine_stays_what_it_is(
    copied: Callable[[], Ruin],
) -> None:
    ruin = copied()
    ruin.agree(ruin.draft(ruin.highest(0, 1, 2, 3)), 0, 1, 2)
    engine_file(ruin.new_file).write_text("cometbft\n")
    source = ruin.highest(0, 1, 2, 3)
    folder = DataFolder(ruin.root(source))
    before = folder.read()
    with pytest.raises(Refused, match="engine_keys_missing"):
        ruin.over(source)
    assert folder.read() == before
    assert not folder.succeeding.exists() and not folder.signed_last_file.exists()
    assert verify_data(folder.root, ruin.old_file)["height"]


def test_no_genesis_is_written_for_an_engine_that_a_member_has_no_key_for(
    copied: Callable[[], Ruin],
) -> None:
    ruin = copied()
    draft = ruin.draft(ruin.highest(0, 1, 2, 3))
    first, *others = draft.territories
    file, out = ruin.town.folder / "draft.json", ruin.town.folder / "out.json"
    write_draft(file, replace(draft, territories=(replace(first, cometbft_key=None), *others)))
    with pytest.raises(Refused, match="engine_keys_missing"):
        finish(file, [], out, "cometbft")
    # With a key each, it is the endorsements that are lacking.
    file.unlink()
    write_draft(file, draft)
    with pytest.raises(Refused, match="endorsements_insufficient"):
        finish(file, [], out, "cometbft")
    assert not out.exists() and not engine_file(out).exists()
