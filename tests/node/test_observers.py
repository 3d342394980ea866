"""A node that is no member, admitted by its card: it follows, verifies, and never votes."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from node.cards import Card, card_to_json
from node.observers import OBSERVERS_MAX, Observers
from node.territory import TerritoryNode, TerritoryOptions
from primitives.errors import Refused
from tests.node.town import Town, found, key_of, until
from tests.ports import free_ports


def observer_options(town: Town, index: int, port: int) -> TerritoryOptions:
    """A node whose key stands in no genesis, with data of its own."""
    town.create(index)
    return replace(town.options(index), peer_bind=("127.0.0.1", port))


def card_file(folder: Path, index: int, port: int) -> Path:
    """The card of territory `index` of a town, which listens on this port."""
    territory = found(index + 1, [port] * (index + 1)).territories[index]
    file = folder / f"card{index}.json"
    file.write_text(card_to_json(Card(territory, True), key_of(f"town{index} voting")), "utf-8")
    return file


def test_an_observer_follows_and_never_votes(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        (port,) = free_ports(1)
        await town.start()
        await town.ready()
        people = await town.people(20, 1_000)
        observer = TerritoryNode(observer_options(town, 9, port))
        await observer.start()
        town.nodes[9] = observer
        await asyncio.sleep(0.5)
        assert observer.latest_final_height == 0  # nobody admits it
        assert not any(peer.connected for peer in observer.status().peers)
        card = card_file(tmp_path, 9, port)
        for index in (0, 1):
            Observers(town.options(index).observers_folder).add(card)
        await until(lambda: sum(p.connected for p in observer.status().peers) == 2)
        await town.must_settle(2, [town.pay(people[n], people[n + 1], 5) for n in range(19)])
        await town.same_height()
        await until(lambda: observer.status().ready)  # it may be told last that it caught up
        status = observer.status()
        assert status.observing
        assert status.observing_reason == "not a member of the present set"
        # A payment handed in there reaches the members.
        assert (await town.settle(9, [town.pay(people[5], people[6], 7)]))[0].refusal is None
        shown = {peer.prefix: peer for peer in town.nodes[0].status().peers}
        assert shown["town9"].connected and shown["town9"].is_observer
        Observers(town.options(0).observers_folder).remove("town9")
        Observers(town.options(1).observers_folder).remove("town9")
        await until(lambda: not any(p.connected for p in observer.status().peers))
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        await town.stop()

    asyncio.run(scenario())


def test_cards_are_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    observers = Observers(tmp_path / "peers")
    assert not observers.changed()
    card = card_file(tmp_path, 3, 7_000)
    observers.add(card)
    assert observers.changed()
    assert not observers.changed()
    (one,) = observers.all()
    assert one.territory.prefix == "town3"
    readable, faults = observers.readable()
    assert [each.peer for each in readable] == ["127.0.0.1:7000"]
    assert not faults
    altered = json.loads(card.read_text("utf-8")) | {"peer": "127.0.0.1:7001"}
    other = tmp_path / "altered.json"
    other.write_text(json.dumps(altered), "utf-8")
    with pytest.raises(Refused) as refused:
        observers.add(other)
    assert refused.value.code == "signature_invalid"
    # One that was spoilt on the disk keeps nobody else out.
    (tmp_path / "peers" / "broken.json").write_text("{")
    readable, faults = observers.readable()
    assert (len(readable), len(faults)) == (1, 1)
    for name in ("town4", "../town3", "TOWN3", ""):
        with pytest.raises(Refused) as refused:
            observers.remove(name)
        assert refused.value.code == "observer_unknown"
    observers.remove("town3")
    assert observers.readable()[0] == []


def test_there_are_so_many_and_no_more(tmp_path: Path) -> None:
    observers = Observers(tmp_path / "peers")
    for index in range(OBSERVERS_MAX):
        (tmp_path / "peers").mkdir(exist_ok=True)
        (tmp_path / "peers" / f"other{index}.json").write_text("{}")
    with pytest.raises(Refused) as refused:
        observers.add(card_file(tmp_path, 3, 7_000))
    assert refused.value.code == "observers_max"
