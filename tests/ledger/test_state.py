"""The committed state's cache of decoded accounts: bounded, and whoever changed last stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger.account_kinds import RESIDENT
from ledger.objects import ACCOUNT, Account, tree_key
from ledger.state import Candidate
from primitives.errors import Refused
from tests.ledger.world import World


def resident(number: int) -> Account:
    identity = number.to_bytes(20, "big")
    return Account(
        tree_key=tree_key(ACCOUNT, identity),
        id=identity,
        prefix="lavo",
        kind=RESIDENT,
        currency="LAV",
        balance_minor=0,
        blind=bytes(16),
        threshold=1,
        devices=(),
        frozen_until_ms=0,
        day=0,
        day_count=0,
    )


def read_from_store(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes | list[bytes]]:
    """The keys that are asked of the store from now on; those asked for together are a list."""
    asked: list[bytes | list[bytes]] = []
    read, read_together = world.store.object, world.store.objects_of

    def noted(key: bytes) -> bytes | None:
        asked.append(key)
        return read(key)

    def noted_together(keys: Sequence[bytes]) -> list[bytes | None]:
        asked.append([*keys])
        return read_together(keys)

    monkeypatch.setattr(world.store, "object", noted)
    monkeypatch.setattr(world.store, "objects_of", noted_together)
    return asked


def test_only_so_many_accounts_are_kept_and_the_longest_unchanged_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(cached_max=3)
    crowd = [resident(number) for number in range(1, 6)]
    world.store.write((one.tree_key, one.encode()) for one in crowd)
    asked = read_from_store(world, monkeypatch)
    first, second, third, fourth, fifth = crowd
    for one in (first, second, third):
        world.state.account(one.id)
    changed = Candidate(world.state.tip, world.state)
    changed.write([first])
    world.commit(changed)
    for one in (fourth, fifth):
        world.state.account(one.id)
    asked.clear()
    for one in (first, fourth, fifth):
        assert world.state.account(one.id) == one
    assert asked == []
    assert world.state.account(second.id) == second
    assert asked == [second.tree_key]


def test_accounts_are_read_ahead_together_those_here_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(cached_max=4)
    crowd = [resident(number) for number in range(1, 5)]
    world.store.write((one.tree_key, one.encode()) for one in crowd[:3])
    first, second, third, absent = crowd
    changed = Candidate(world.state.tip, world.state)
    changed.write([first])
    world.commit(changed)
    asked = read_from_store(world, monkeypatch)
    world.state.read_ahead([one.id for one in (third, first, absent, second, third)])
    assert asked == [[third.tree_key, absent.tree_key, second.tree_key]]
    world.state.read_ahead([first.id, second.id, third.id])
    assert len(asked) == 1
    for one in (first, second, third):
        assert world.state.account(one.id) == one
    assert len(asked) == 1
    assert world.state.account(absent.id) is None
    assert asked[1:] == [absent.tree_key]


def test_what_was_read_ahead_is_not_believed_over_what_was_committed_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    one = resident(1)
    world.store.write([(one.tree_key, one.encode())])
    world.state.read_ahead([one.id])
    layer = Candidate(world.state.tip, world.state)
    layer.write([one._replace(day_count=7)])
    world.state.read_ahead([one.id])
    changed = layer.account(one.id)
    assert changed is not None and changed.day_count == 7
    world.commit(layer)
    world.state.read_ahead([one.id])
    assert world.state.account(one.id) == changed


def test_a_stored_account_that_is_none_is_refused() -> None:
    world = World()
    one = resident(1)
    for broken in (b"", b"\xc1", one.encode()[:-1], b"\x90", world.currency("LAV").encode()):
        world.store.objects[one.tree_key] = broken
        with pytest.raises(Refused):
            world.state.account(one.id)


def test_what_stands_in_a_layer_is_not_read_from_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    one, other = resident(1), resident(2)
    world.store.write((each.tree_key, each.encode()) for each in (one, other))
    layer = Candidate(world.state.tip, world.state)
    layer.accounts[one.id] = one._replace(day_count=7)
    above = Candidate(layer, world.state)
    asked = read_from_store(world, monkeypatch)
    # The store has blocks already that are not committed here yet.
    world.store.objects[one.tree_key] = one._replace(day_count=9).encode()
    above.read_ahead([one.id, other.id])
    assert asked == [[other.tree_key]]


def test_an_account_in_anothers_place_is_refused() -> None:
    world = World()
    one, other = resident(1), resident(2)
    world.store.objects[one.tree_key] = other.encode()
    for ask in (world.state.account, lambda identity: world.state.read_ahead([identity])):
        with pytest.raises(Refused) as refusal:
            ask(one.id)
        assert refusal.value.code == "encoding_not_canonical"
