"""A block and a payment of the blocked key come together: their order decides, and only that."""

from __future__ import annotations

import pytest

from ledger.execution import BlockRefused, execute, select
from tests.ledger.owners import Owners, opened
from tests.ledger.world import DAY_MS, person

ANA = person("ana")


def settled() -> Owners:
    world = Owners()
    world.start()
    world.put_on("ana", opened("phone"))
    return world


def test_a_payment_before_the_block_stands_and_one_after_is_left_out() -> None:
    world = settled()
    before, blocked, after = (
        world.spend(ANA, "phone"),
        world.block_key(ANA, ("ana",), "phone"),
        world.spend(ANA, "phone"),
    )
    selection = select(world.state, [before, blocked, after], world.time_ms)
    assert selection.accepted == [before, blocked]
    assert [(one, refusal.code) for one, refusal in selection.refused] == [(after, "key_blocked")]
    with pytest.raises(BlockRefused) as refused:
        execute(world.state, [blocked, before], world.time_ms)
    assert (refused.value.index, refused.value.refusal.code) == (1, "key_blocked")


def test_two_keys_that_block_each_other_are_both_blocked() -> None:
    world = settled()
    world.block(world.block_key(ANA, ("phone",), "ana"), world.block_key(ANA, ("ana",), "phone"))
    assert not world.spends(ANA, "ana") and not world.spends(ANA, "phone")
    assert world.code(world.block_key(ANA, ("ana",), "phone")) == "key_blocked_already"


def test_a_payment_signed_before_by_two_counts_no_blocked_key() -> None:
    world = Owners()
    world.start(paper=False)
    world.several("eve", [opened(name) for name in ("eve", "eve 2", "eve 3")], threshold=2)
    held = world.signed(
        "payment.pay",
        person("eve"),
        ("eve", "eve 2"),
        (ANA, "LAV", 10, None),
        valid_for_ms=30 * DAY_MS,
    )
    assert world.code(held) is None
    world.block(world.block_key(person("eve"), ("eve 3",), "eve 2"))
    assert world.code(held) == "key_blocked"
    world.time_ms += DAY_MS
    assert world.spends(person("eve"), "eve", "eve 3")


def test_a_freeze_and_a_payment() -> None:
    world = settled()
    paid, frozen, late = world.spend(ANA, "ana"), world.freeze(ANA), world.spend(ANA, "ana")
    selection = select(world.state, [paid, frozen, late], world.time_ms)
    assert selection.accepted == [paid, frozen]
