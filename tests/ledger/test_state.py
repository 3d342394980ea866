"""The committed state's cache of decoded accounts: bounded, and whoever changed last stays."""

from __future__ import annotations

import pytest

from ledger.account_kinds import RESIDENT
from ledger.objects import ACCOUNT, Account, tree_key
from ledger.state import Candidate
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


def read_from_store(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys that are asked of the store from now on."""
    asked: list[bytes] = []
    read = world.store.object

    def noted(key: bytes) -> bytes | None:
        asked.append(key)
        return read(key)

    monkeypatch.setattr(world.store, "object", noted)
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
