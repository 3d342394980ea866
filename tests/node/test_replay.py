"""The whole chain again from the genesis; whatever was changed on the disk is found."""

import asyncio
from pathlib import Path

import pytest

from node.chain import Chain
from node.chain_records import BODY, FIRST_NUMBER, OBJECT, TRANSACTION
from node.replay import Replay
from node.store import open_store
from primitives.errors import Refused
from tests.node.town import Town


def _town_with_payments(tmp_path: Path) -> Town:
    town = Town(tmp_path, 1)

    async def scenario() -> None:
        await town.start()
        await town.ready()
        people = await town.people(5, 1_000)
        for _ in range(3):
            await town.must_settle(
                0, [town.pay(people[i], people[(i + 1) % 5], 1) for i in range(5)]
            )
        await town.same_height()
        await town.stop()

    asyncio.run(scenario())
    return town


def test_a_sound_chain(tmp_path: Path) -> None:
    town = _town_with_payments(tmp_path)
    store = open_store(town.store(0), "leveldb")
    heights: list[int] = []
    replayed = Replay(Chain(store), town.genesis, heights.append).run()
    assert replayed.transactions == 17
    assert replayed.signatures == 17
    assert heights == list(range(1, replayed.height + 1))
    store.close()


@pytest.mark.parametrize("prefix", [OBJECT, TRANSACTION, BODY, FIRST_NUMBER])
def test_a_changed_record_is_found(prefix: bytes, tmp_path: Path) -> None:
    town = _town_with_payments(tmp_path)
    store = open_store(town.store(0), "leveldb")
    entries = list(store.iterate(prefix, bytes([prefix[0] + 1])))
    key, value = max(entries, key=lambda entry: len(entry[1]))
    store.write([(key, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
    if prefix == FIRST_NUMBER:
        number = int.from_bytes(key[1:], "big")
        place = Chain(store).place_of(number)
        assert place is not None and place[0] != int.from_bytes(value, "big")
    else:
        with pytest.raises(Refused):
            Replay(Chain(store), town.genesis).run()
    store.close()
