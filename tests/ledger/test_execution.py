"""Blocks: whole or not at all, within their bounds; and what a proposer may put into one."""

from __future__ import annotations

import pytest
from _pytest.monkeypatch import MonkeyPatch

from ledger.execution import BlockRefused, execute, new_candidate, select
from ledger.families import RULE_VERSIONS
from ledger.fields import KIND_VERSIONS, PAYMENT_PAY
from ledger.invariants import ConservationBroken
from ledger.payments import PayPlan
from ledger.rules import RULE_VERSION, Parameters, RuleSet
from ledger.state import Candidate
from primitives.errors import InvariantBroken, Refused
from tests.ledger.world import World, entry, person, refusal_of

SHOP = person("baker shop")


def settled(parameters: Parameters | None = None) -> World:
    world = World(parameters)
    world.settle("ana", "ben", "baker shop", amount_minor=1_000)
    return world


def test_a_block_with_one_wrong_transaction_is_refused_whole() -> None:
    world = settled()
    root, count = world.root(), world.state.receipt_count
    good, bad = world.pay("ana", SHOP, 10), world.pay("ben", SHOP, 1_001)
    with pytest.raises(BlockRefused) as caught:
        execute(world.state, [good, bad], world.time_ms)
    assert (caught.value.index, caught.value.refusal.code) == (1, "balance_insufficient")
    assert not caught.value.is_alarm
    assert (world.root(), world.state.receipt_count) == (root, count)
    assert world.balance(person("ana")) == 1_000


def test_a_transaction_twice_in_a_block_is_refused() -> None:
    world = settled()
    payment = world.pay("ana", SHOP, 10)
    with pytest.raises(BlockRefused, match="number_used"):
        execute(world.state, [payment, payment], world.time_ms)


def test_an_empty_block_changes_nothing() -> None:
    world = settled()
    root = world.root()
    candidate = world.block()
    assert (candidate.receipt_count, candidate.replaced) == (world.state.receipt_count, {})
    assert world.root() == root


def test_a_blocks_bounds() -> None:
    parameters = Parameters(block_bytes_max=1_300, transaction_bytes_max=1_300)
    world = settled(parameters)
    payments = [world.pay("ana", SHOP, 1) for _ in range(7)]
    assert sum(len(payment.raw) for payment in payments[:6]) <= 1_300
    with pytest.raises(BlockRefused) as caught:
        execute(world.state, payments, world.time_ms)
    assert (caught.value.index, caught.value.refusal.code) == (None, "block_too_large")
    selection = select(world.state, payments, world.time_ms)
    assert selection.accepted == payments[:6]
    assert selection.refused == []


def test_a_blocks_work() -> None:
    world = settled(Parameters(block_work_max=1_000))
    payments = [world.pay("ana" if i % 2 else "ben", SHOP, 1) for i in range(57)]
    with pytest.raises(BlockRefused, match="block_too_large"):
        execute(world.state, payments, world.time_ms)
    selection = select(world.state, payments, world.time_ms)
    assert selection.accepted == payments[: 1_000 // 18]
    assert selection.candidate.work_total == 18 * (1_000 // 18)
    smaller = select(world.state, payments, world.time_ms, work_max=40)
    assert smaller.accepted == payments[:2]
    bytes_max = len(payments[0].raw)
    assert select(world.state, payments, world.time_ms, bytes_max).accepted == payments[:1]


def test_selecting_leaves_out_what_does_not_apply() -> None:
    world = settled()
    payments = [
        world.pay("ana", SHOP, 600),
        world.pay("ana", SHOP, 600),
        world.pay("baker shop", person("ben"), 1_600),
        world.pay("ana", SHOP, 400),
        world.pay("ana", person("nobody"), 1),
    ]
    selection = select(world.state, payments, world.time_ms)
    assert selection.accepted == [payments[0], payments[2], payments[3]]
    assert [(tx, refusal.code) for tx, refusal in selection.refused] == [
        (payments[1], "balance_insufficient"),
        (payments[4], "account_unknown"),
    ]
    again = execute(world.state, selection.accepted, world.time_ms)
    assert again.changes == selection.candidate.changes
    assert list(again.changes) == list(selection.candidate.changes)


def test_batches_get_half_while_payments_wait_and_the_rest_after() -> None:
    world = settled(Parameters(block_work_max=1_000))
    batches = [world.open([entry(f"{i}-{j}") for j in range(23)]) for i in range(6)]
    assert {batch.work for batch in batches} == {225}
    payments = [world.pay("ana", SHOP, 1) for _ in range(10)]
    selection = select(world.state, [*batches, *payments], world.time_ms)
    # Two fit in half of 1,000; the payments next; then a third batch in what is left.
    assert selection.accepted == [*batches[:2], *payments, batches[2]]
    assert selection.refused == []
    alone = select(world.state, batches, world.time_ms)
    assert alone.accepted == batches[:4]


def test_an_account_opened_in_a_block_is_paid_in_it() -> None:
    world = settled()
    world.block(world.open([entry("new")]), world.pay("ana", person("new"), 5))
    assert world.balance(person("new")) == 5


def test_a_bug_in_a_family_is_an_alarm_before_anyone_votes(monkeypatch: MonkeyPatch) -> None:
    """A payment whose code credits one unit too many is refused, and nothing is written."""

    def apply_wrong(candidate: Candidate, plan: PayPlan) -> None:
        payee = plan.payee.credited(plan.amount_minor + 1)
        candidate.write((plan.use.spent(plan.amount_minor), payee))

    world = settled()
    root = world.root()
    families = RULE_VERSIONS[world.rules.version]
    monkeypatch.setitem(families, PAYMENT_PAY, families[PAYMENT_PAY]._replace(apply=apply_wrong))
    payment = world.pay("ana", SHOP, 10)
    with pytest.raises(BlockRefused) as caught:
        execute(world.state, [payment], world.time_ms)
    assert caught.value.is_alarm
    assert caught.value.refusal.code == "invariant_broken"
    selection = select(world.state, [payment], world.time_ms)
    assert selection.accepted == []
    assert isinstance(selection.refused[0][1], ConservationBroken)
    assert selection.candidate.changes == {}
    assert world.root() == root


def test_time_decides_and_is_not_written() -> None:
    """The same transactions at another time of another split into blocks: the same state."""
    first, second = settled(), settled()
    payments = [first.pay("ana", SHOP, i) for i in range(1, 8)]
    first.block(*payments)
    for payment in payments:
        second.time_ms += 777
        second.block(second.decode(payment.raw))
        second.block()
    assert first.root() == second.root()
    assert first.store.objects == second.store.objects


def test_a_left_branch_carries_nothing_more() -> None:
    world = settled()
    left = execute(world.state, [world.pay("ana", SHOP, 1)], world.time_ms)
    taken = execute(world.state, [world.pay("ben", SHOP, 1)], world.time_ms)
    child = new_candidate(left)
    world.commit(taken)
    for dead in (left, child):
        assert not dead.is_alive()
        with pytest.raises(InvariantBroken):
            execute(dead, [], world.time_ms)
        with pytest.raises(InvariantBroken):
            world.state.commit(dead)
    with pytest.raises(InvariantBroken):
        world.state.commit(taken)


def test_what_the_rules_in_force_do_not_know_is_refused_whenever_it_was_decoded(
    monkeypatch: MonkeyPatch,
) -> None:
    """A transaction may wait in a mempool while an epoch begins under other rules."""
    world = settled()
    payment = world.pay("ana", SHOP, 10)
    known = KIND_VERSIONS[world.rules.version]
    monkeypatch.setitem(known, PAYMENT_PAY, 2)
    assert world.code(payment) == "version_unknown"
    assert refusal_of(world, payment.raw) == "version_unknown"
    monkeypatch.delitem(known, PAYMENT_PAY)
    monkeypatch.delitem(RULE_VERSIONS[world.rules.version], PAYMENT_PAY)
    assert world.code(payment) == "kind_unknown"
    assert refusal_of(world, payment.raw) == "kind_unknown"


def test_each_rule_version_has_verbs_for_each_of_its_kinds() -> None:
    assert list(RULE_VERSIONS) == list(KIND_VERSIONS) == list(range(1, RULE_VERSION + 1))
    for version, families in RULE_VERSIONS.items():
        assert families.keys() == KIND_VERSIONS[version].keys()


def test_rules_that_this_program_does_not_know() -> None:
    for version in (0, RULE_VERSION + 1):
        with pytest.raises(Refused) as caught:
            RuleSet(version)
        assert caught.value.code == "version_unknown"
