"""A store with one flipped bit, or cut short: it is refused by name, or it holds what it held."""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from node.chain import Chain
from node.start import load_ledger
from node.store import STORE_KINDS, open_store
from primitives.errors import Refused
from tests.node.town import Town

TRIES = 60
TOLD = {
    "store_corrupt",
    "store_unreadable",
    "store_of_other_kind",
    "store_unknown",
    "state_root_differs",
    "data_of_newer_version",
}


@pytest.fixture(scope="module", params=STORE_KINDS)
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A network that stopped after some payments; node 2's data is what tests copy."""
    town = Town(tmp_path_factory.mktemp("store"), store_kind=request.param)

    async def scenario() -> None:
        await town.start()
        await town.ready()
        people = await town.people(40, 1_000)
        for turn in range(12):
            await town.must_settle(
                0, [town.pay(p, people[turn], 1) for p in people if p is not people[turn]]
            )
        await town.same_height()
        await town.stop()

    asyncio.run(scenario())
    store = open_store(town.store(2), town.store_kind)
    store.compact()
    store.close()
    return town


def everything(town: Town, folder: Path) -> list[object]:
    """All that a node reads of its store: as at a start, and each block."""
    store = open_store(folder, town.store_kind)
    try:
        chain = Chain(store)
        load_ledger(chain, town.genesis)
        found: list[object] = [chain.meta, list(chain.stored_objects())]
        for height in range(1, chain.height + 1):
            found += [chain.stored_header(height), chain.body(height)]
            found += [chain.number_of(id) for id in chain.ids(height)]
        return found
    finally:
        store.close()


def damaged(folder: Path, draw: random.Random, *, cut: bool) -> str:
    """Flip a bit of one file, or cut it; its name. What only informs is left alone."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size and not path.name.startswith(("LOG", "OPTIONS"))
    )
    path = draw.choice(files)
    raw = bytearray(path.read_bytes())
    at = draw.randrange(len(raw))
    if cut:
        del raw[at:]
    else:
        raw[at] ^= 1 << draw.randrange(8)
    path.write_bytes(raw)
    return path.name


@pytest.mark.parametrize("cut", [False, True], ids=["flipped", "cut"])
def test_damage_is_told_and_never_believed(town: Town, tmp_path: Path, cut: bool) -> None:
    draw = random.Random(f"{town.store_kind} {cut}")
    whole = everything(town, town.store(2))
    told: set[str] = set()
    for turn in range(TRIES):
        copy = tmp_path / str(turn)
        shutil.copytree(town.store(2), copy)
        name = damaged(copy, draw, cut=cut)
        try:
            found = everything(town, copy)
        except Refused as refusal:
            assert refusal.code in TOLD, (turn, name, refusal)
            told.add(refusal.code)
        else:
            # A torn end of the write-ahead log is what a crash leaves: an older state is sound.
            assert found == whole or (cut and len(found) < len(whole)), (turn, name)
        shutil.rmtree(copy)
    assert "store_corrupt" in told


def test_a_table_whose_end_is_missing_is_corrupt_and_not_locked(tmp_path: Path) -> None:
    folder = tmp_path / "clock" / "store"  # "lock" is in many a path
    folder.mkdir(parents=True)
    store = open_store(folder, "leveldb")
    store.write(
        [
            (number.to_bytes(4, "big"), random.Random(number).randbytes(100))
            for number in range(2_000)
        ],
        sync=True,
    )
    store.compact()
    with pytest.raises(Refused) as refusal:
        open_store(folder, "leveldb")
    assert refusal.value.code == "data_in_use"
    store.close()
    table = next(folder.rglob("*.ldb"))
    table.write_bytes(table.read_bytes()[: table.stat().st_size // 2])
    cut = open_store(folder, "leveldb")  # a table is opened by the first read of it
    with pytest.raises(Refused) as refusal:
        cut.get((1_999).to_bytes(4, "big"))
    assert refusal.value.code == "store_corrupt"
    cut.close()
