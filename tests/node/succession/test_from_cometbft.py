"""What CometBFT's files of one survivor prove, and what of it is refused: real processes made them,
and `cometbft inspect` reads them."""

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.cometbft.headers import Header
from consensus.succession import last_header
from ledger.genesis import Genesis
from ledger.network_objects import NETWORK, NetworkRecord
from node.chain import Chain
from node.chain_records import BODY, HEADER, IDS, OBJECT, SET_CHANGE
from node.data_folder import COMETBFT_FOLDER, DataFolder
from node.genesis_file import COMETBFT
from node.inspection import verify_data
from node.kept_sets import kept_changes
from node.store import after_prefix, open_store
from node.succession.endorsing import check_own_chain
from node.succession.taking_over import take_over
from primitives.errors import Refused
from tests.node.cometbft.comet_town import PATIENCE_SECONDS
from tests.node.cometbft.conftest import cometbft
from tests.node.succession.comet_ruin import LAGGING, RENEWED, CometRuin, comet_ruined
from tests.node.succession.test_crashes import Cut
from tests.node.succession.test_forged import named
from tests.node.town import key_of, until

__all__ = ["cometbft"]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def once(cometbft: Path, tmp_path_factory: pytest.TempPathFactory) -> CometRuin:
    """Nobody changes it."""
    return asyncio.run(comet_ruined(tmp_path_factory.mktemp("comet")))


@pytest.fixture
def copied(once: CometRuin, tmp_path: Path) -> Callable[[], CometRuin]:
    """Makes copies of it."""
    count = 0

    def copy() -> CometRuin:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        shutil.copytree(once.town.folder, folder)
        at = once.at(folder)
        assert isinstance(at, CometRuin)
        return at

    return copy


def code_of(work: Callable[[], object]) -> str | None:
    """What it is refused with."""
    try:
        work()
    except Refused as refusal:
        return refusal.code
    return None


def test_one_survivor_is_enough_and_payments_go_on(copied: Callable[[], CometRuin]) -> None:
    ruin = copied()
    town = ruin.town
    ruin.lose(1, 2)
    draft = ruin.draft(0)
    rows = {row.prefix: row.recovery_key for row in named(draft).members}
    # The key that was voted counts, and not the genesis's.
    assert rows["town1"] == key_of(RENEWED).public_key
    genesis = ruin.agree(draft, 0, 2, 3)
    kept = ruin.all_over(0)
    assert (kept / COMETBFT_FOLDER / "data").is_dir() and (kept / "signed-last").exists()
    for index in range(4):
        root = ruin.root(index)
        assert not (root / COMETBFT_FOLDER).exists() and not (root / "signed-last").exists()
        assert len(changes_in(ruin, index)) == 2
    ruin.follow(genesis)

    async def scenario() -> None:
        await town.start()
        try:
            await town.ready()
            node = town.nodes[1]
            people = ruin.people
            found = [node.account(one.id) for one in people]
            assert [one.balance_minor for one in found if one] == ruin.balances
            await town.must_settle(3, [town.pay(people[0], people[1], 7)])
            assert await town.same_height() > draft.height
            # Wallets of the old network are led on by the new one's nodes.
            assert len(node.set_changes(ruin.old.height)) == 2
        finally:
            await town.stop()

    asyncio.run(scenario())
    assert verify_data(ruin.root(2), ruin.new_file)["certificates"]
    assert verify_data(kept, ruin.old_file)["height"] == draft.height
    assert not ruin.over(0).is_news


def changes_in(ruin: CometRuin, index: int) -> list[object]:
    """The proved changes of the set in a node's store."""
    store = open_store(ruin.town.store(index), ruin.town.store_kind)
    try:
        return list(kept_changes(store, 0))
    finally:
        store.close()


def test_under_cometbft_again_on_another_chain(copied: Callable[[], CometRuin]) -> None:
    ruin = copied()
    town = ruin.town
    for index in range(4):
        ruin.give_keys(index)
    genesis = ruin.agree(ruin.draft(0), 0, 2, 3, engine=COMETBFT)
    kept = ruin.all_over(0)
    signed = (ruin.root(0) / "signed-last").read_bytes()
    assert signed != (kept / "signed-last").read_bytes()
    ruin.follow(genesis)

    async def scenario() -> None:
        await town.start()
        try:
            await town.ready()
            people = ruin.people
            await town.must_settle(3, [town.pay(people[0], people[1], 7)])
            assert await town.same_height(PATIENCE_SECONDS) > genesis.height
        finally:
            await town.stop()

    asyncio.run(scenario())
    # Its own end is proved as well.
    again = CometRuin(town, number=1)
    draft = again.draft(again.highest(*range(4)))
    assert isinstance(last_header(named(draft)), Header) and draft.height > genesis.height


def test_a_block_that_only_cometbft_has_is_not_lost(copied: Callable[[], CometRuin]) -> None:
    """The process was cut off after CometBFT wrote a final block and before we did."""
    ruin = copied()
    town = ruin.town
    whole = ruin.draft(0)
    below = ruin.draft(LAGGING)
    assert below.height < whole.height
    ruin.cut_off(1, 0)
    assert ruin.height(1) == below.height
    with pytest.raises(Refused, match="succession_block_waiting"):
        ruin.draft(1)
    # Nor does such a node agree to what would lose it.
    with pytest.raises(Refused, match="succession_behind"):
        check_own_chain(below, ruin.root(1), ruin.old_file)
    ruin.agree(below, 0, 2, 3)
    with pytest.raises(Refused, match="succession_behind"):
        ruin.over(1)
    assert ruin.height(1) == below.height

    async def start_once() -> None:
        await town.start(1)
        try:
            node = town.nodes[1]
            await until(lambda: node.latest_final_height == whole.height, PATIENCE_SECONDS)
        finally:
            await town.stop()

    asyncio.run(start_once())
    after = ruin.draft(1)
    assert (after.height, named(after).state_root) == (whole.height, named(whole).state_root)


def test_who_knows_more_or_otherwise_refuses(copied: Callable[[], CometRuin]) -> None:
    ruin = copied()
    whole, below = ruin.draft(0), ruin.draft(LAGGING)
    assert check_own_chain(whole, ruin.root(2), ruin.old_file)
    assert not check_own_chain(whole, ruin.root(LAGGING), ruin.old_file)
    assert check_own_chain(below, ruin.root(LAGGING), ruin.old_file)
    with pytest.raises(Refused, match="succession_behind"):
        check_own_chain(below, ruin.root(0), ruin.old_file)
    end = named(whole)
    assert end.proved is not None
    strangers = tuple(sorted(key_of(f"stranger {number}").public_key for number in range(4)))
    forged = {
        "another state": replace(end, state_root=bytes(32)),
        "another epoch": replace(end, epoch=end.epoch + 1),
        "other validators": replace(end, proved=end.proved._replace(validators=strangers)),
    }
    for what, one in forged.items():
        with pytest.raises(Refused, match="succession_differs"):
            check_own_chain(replace(whole, succession=one), ruin.root(0), ruin.old_file)
        assert what
    # The same height under another header: two blocks can't both be final.
    header = last_header(end)
    assert isinstance(header, Header)
    for other in (
        replace(header, app_hash=bytes(32)),
        replace(header, proposer_address=bytes(20)),
    ):
        two = replace(whole, succession=replace(end, header=other.encode()))
        with pytest.raises(Refused, match="succession_conflict"):
            check_own_chain(two, ruin.root(0), ruin.old_file)


def test_without_cometbfts_files_nothing_proves_the_end(copied: Callable[[], CometRuin]) -> None:
    ruin = copied()
    home = ruin.root(0) / COMETBFT_FOLDER
    blocks = home / "data" / "blockstore.db"
    shutil.rmtree(blocks)
    blocks.mkdir()
    assert code_of(lambda: ruin.draft(0)) == "succession_commit_missing"
    (blocks / "CURRENT").write_text("nonsense")
    assert code_of(lambda: ruin.draft(0)) == "cometbft_data_unreadable"
    shutil.rmtree(home)
    assert code_of(lambda: ruin.draft(0)) == "succession_commit_missing"


def test_what_a_cut_left_unproved_is_fetched(copied: Callable[[], CometRuin]) -> None:
    """A change of the set whose proof did not reach our store stands in CometBFT's files."""
    ruin = copied()
    for _ in range(2):
        change_store(ruin, 0, SET_CHANGE, lambda value: None)
    assert changes_in(ruin, 0) == []
    draft = ruin.draft(0)
    assert len(changes_in(ruin, 0)) == 2
    # A copy that lacks one leads nobody to the set that signed: whoever takes it is told.
    ruin.agree(draft, 0, 2, 3)
    lying = copy_of_store(ruin, 0)
    change_store(ruin, lying, SET_CHANGE, lambda value: None)
    ruin.lose(1)
    with pytest.raises(Refused, match="succession_differs"):
        ruin.over(1, lying)


def copy_of_store(ruin: CometRuin, index: int) -> Path:
    """A copy of a node's store, to be handed over."""
    lying = ruin.town.folder / "lying"
    shutil.rmtree(lying, ignore_errors=True)
    shutil.copytree(ruin.town.store(index), lying)
    return lying


def change_store(
    ruin: CometRuin, place: int | Path, prefix: bytes, change: Callable[[bytes], bytes | None]
) -> None:
    """Change the last entry of a kind."""
    folder = ruin.town.store(place) if isinstance(place, int) else place
    store = open_store(folder, ruin.town.store_kind)
    try:
        key, value = list(store.iterate(prefix, after_prefix(prefix)))[-1]
        store.write([(key, change(value))], sync=True)
    finally:
        store.close()


@pytest.mark.parametrize("prefix", [OBJECT, IDS, BODY, HEADER, SET_CHANGE])
def test_a_store_that_was_altered_is_refused(
    copied: Callable[[], CometRuin], prefix: bytes
) -> None:
    """Another node's store is believed in nothing, though nobody signed its records."""
    ruin = copied()
    ruin.agree(ruin.draft(0), 0, 2, 3)
    lying = copy_of_store(ruin, 0)
    change_store(ruin, lying, prefix, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
    ruin.lose(1)
    with pytest.raises(Refused) as refused:
        ruin.over(1, lying)
    assert refused.value.code in (
        "state_root_differs",
        "store_corrupt",
        "succession_conflict",
        "encoding_not_canonical",
        "members_malformed",
        "certificate_invalid",
    )
    assert ruin.over(1, ruin.town.store(0)).is_news


def test_it_goes_on_from_every_rename(
    copied: Callable[[], CometRuin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store, journal, what was signed last, CometBFT's files: each is moved once, whatever cuts."""
    first = copied()
    for index in range(4):
        first.give_keys(index)
    genesis = first.agree(first.draft(0), 0, 2, 3, engine=COMETBFT)
    rename = os.rename
    for number in range(1, 20):
        folder = first.town.folder.with_name(f"cut{number}")
        shutil.copytree(first.town.folder, folder)
        ruin = first.at(folder)
        calls = 0

        def cut_rename(old: Path, new: Path, number: int = number) -> None:
            nonlocal calls
            calls += 1
            if calls == number:
                raise Cut
            rename(old, new)

        with monkeypatch.context() as patched:
            patched.setattr(os, "rename", cut_rename)
            try:
                take_over(ruin.plan(0))
                break
            except Cut:
                pass
        kept = ruin.over(0).kept
        assert DataFolder(ruin.root(0)).read().network_id == genesis.network_id.hex()
        old_files = {"store", "journal", "signed-last", COMETBFT_FOLDER, "node.json"}
        assert old_files <= {place.name for place in kept.iterdir()}
        new_chain = (ruin.root(0) / "signed-last").read_bytes()
        assert new_chain != (kept / "signed-last").read_bytes()
        assert not (ruin.root(0) / COMETBFT_FOLDER).exists()
        shutil.rmtree(folder)
    assert number > 6


def test_the_object_is_the_one_of_the_state(once: CometRuin, tmp_path: Path) -> None:
    """What a genesis carries is what stands in the store, byte for byte."""
    copy = tmp_path / "store"
    draft: Genesis = once.draft(0)
    shutil.copytree(once.town.store(0), copy)
    end = named(draft)
    assert end.proved is not None
    store = open_store(copy, once.town.store_kind)
    try:
        stored = [raw for _, raw in Chain(store).stored_objects() if NETWORK.encode() in raw[:16]]
    finally:
        store.close()
    assert stored == [end.proved.network]
    assert NetworkRecord.decode(stored[0]).terms.member("town3") is not None
