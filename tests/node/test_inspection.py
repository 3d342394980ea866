"""`node verify` and `node compact` on a node's data: sound, changed, cut, and used again."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.objects import Account, Currency, decode_object
from node.chain_records import BODY, HEADER, META_KEY, OBJECT, SLOT_BYTES
from node.data_folder import DataFolder, NodeFile
from node.inspection import compact_data, verify_data
from node.store import Store, open_store
from primitives.errors import Refused
from tests.node.town import Person, Town

PAYMENTS = 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Path]:
    """A town of one node that made some blocks, and its genesis's file."""
    folder = tmp_path_factory.mktemp("town")
    town = Town(folder, 1)

    async def scenario() -> None:
        await town.start()
        await town.ready()
        people = await town.people(5, 1_000)
        for number in range(PAYMENTS):
            payer, payee = people[number % 5], people[(number + 1) % 5]
            await town.must_settle(0, [town.pay(payer, payee, 1)])
        await town.stop()

    asyncio.run(scenario())
    data = DataFolder(town.store(0).parent)
    data.write(NodeFile("Town0", "town0", "127.0.0.1:1", "127.0.0.1:2", "leveldb"))
    (folder / "genesis").write_text(town.genesis.to_json(), encoding="utf-8")
    return town, folder / "genesis"


@pytest.fixture
def data(made: tuple[Town, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    copy = tmp_path / "data"
    shutil.copytree(made[0].store(0).parent, copy)
    return copy


def spoil(data: Path, change: Callable[[Store], list[tuple[bytes, bytes | None]]]) -> None:
    store = open_store(DataFolder(data).store, "leveldb")
    store.write(change(store), sync=True)
    store.close()


def test_sound_data(made: tuple[Town, Path], data: Path) -> None:
    found = verify_data(data)
    assert found["transactions"] == PAYMENTS + 2
    assert found["accounts"] == 5 + 3
    assert found["currencies"] == {"TO0": 5_000}
    assert found["journal"] == "whole"
    with_genesis = verify_data(data, made[1])
    assert with_genesis["signatures"] == PAYMENTS + 2
    assert with_genesis["certificates"] == found["height"]


def test_compacted_data_is_sound_and_goes_on(
    made: tuple[Town, Path], data: Path, tmp_path: Path
) -> None:
    town, genesis = made
    sizes = compact_data(data)
    assert 0 < int(str(sizes["bytes_after"])) < int(str(sizes["bytes_before"]))
    before = verify_data(data, genesis)
    assert before["journal"] == "whole"
    home, aside = town.store(0).parent, tmp_path / "aside"
    home.rename(aside)
    data.rename(home)

    async def scenario() -> None:
        await town.start()
        await town.ready()
        people = [Person("town0", f"resident {number}") for number in range(2)]
        (answer,) = await town.settle(0, [town.pay(people[0], people[1], 1)])
        assert answer.state == "accepted"
        assert not town.nodes[0].status().observing
        await town.stop()

    asyncio.run(scenario())
    after = verify_data(home, genesis)
    assert after["transactions"] == PAYMENTS + 3
    shutil.rmtree(home)
    aside.rename(home)


def change_balance(store: Store) -> list[tuple[bytes, bytes | None]]:
    for key, value in store.iterate(OBJECT, b"p"):
        item = decode_object(value[SLOT_BYTES:])
        if isinstance(item, Account) and item.balance_minor:
            richer = item._replace(balance_minor=item.balance_minor + 1)
            return [(key, value[:SLOT_BYTES] + richer.encode())]
    raise LookupError


def change_currency(name: str) -> Callable[[Store], list[tuple[bytes, bytes | None]]]:
    def change(store: Store) -> list[tuple[bytes, bytes | None]]:
        for key, value in store.iterate(OBJECT, b"p"):
            item = decode_object(value[SLOT_BYTES:])
            if isinstance(item, Currency):
                other = item._replace(**{name: getattr(item, name) + 1})
                return [(key, value[:SLOT_BYTES] + other.encode())]
        raise LookupError

    return change


def drop(prefix: bytes) -> Callable[[Store], list[tuple[bytes, bytes | None]]]:
    return lambda store: [(prefix + (3).to_bytes(8, "big"), None)]


def swap_bodies(store: Store) -> list[tuple[bytes, bytes | None]]:
    keys = [BODY + height.to_bytes(8, "big") for height in (4, 5)]
    bodies = [store.get(key) for key in keys]
    return list(zip(keys, reversed(bodies), strict=True))


def flip(prefix: bytes, place: int) -> Callable[[Store], list[tuple[bytes, bytes | None]]]:
    def change(store: Store) -> list[tuple[bytes, bytes | None]]:
        key, value = max(store.iterate(prefix, bytes([prefix[0] + 1])), key=lambda e: len(e[1]))
        raw = bytearray(value)
        raw[place] ^= 0xFF
        return [(key, bytes(raw))]

    return change


@pytest.mark.parametrize(
    "change",
    [
        change_balance,
        change_currency("supply_minor"),
        change_currency("reserve_minor"),
        change_currency("accounts"),
        drop(HEADER),
        drop(BODY),
        swap_bodies,
        flip(OBJECT, 30),
        flip(OBJECT, SLOT_BYTES - 1),
        flip(HEADER, 0),
        flip(HEADER, 60),
        flip(BODY, -1),
        flip(META_KEY, 0),
        lambda _: [(META_KEY, None)],
    ],
)
@pytest.mark.parametrize("with_genesis", [False, True])
def test_whatever_was_changed_is_found(
    made: tuple[Town, Path],
    data: Path,
    change: Callable[[Store], list[tuple[bytes, bytes | None]]],
    with_genesis: bool,
) -> None:
    spoil(data, change)
    with pytest.raises(Refused) as caught:
        verify_data(data, made[1] if with_genesis else None)
    assert caught.value.code == "store_corrupt"


def test_a_certificate_that_is_not_good(made: tuple[Town, Path], data: Path) -> None:
    spoil(data, flip(HEADER, -1))
    with pytest.raises(Refused) as caught:
        verify_data(data, made[1])
    assert caught.value.code in ("certificate_invalid", "store_corrupt")


def test_a_journal_that_is_lost_or_cut(data: Path) -> None:
    journal = DataFolder(data).journal
    log = next(journal.glob("*.log"))
    log.write_bytes(log.read_bytes()[:200])
    assert verify_data(data)["journal"] != "whole"
    shutil.rmtree(journal)
    assert verify_data(data)["journal"] != "whole"


def test_another_networks_genesis(made: tuple[Town, Path], data: Path, tmp_path: Path) -> None:
    other = tmp_path / "genesis"
    other.write_text(Town(tmp_path / "other", 1).genesis.to_json(), encoding="utf-8")
    with pytest.raises(Refused) as caught:
        verify_data(data, other)
    assert caught.value.code == "data_of_other_network"
