"""The table of powers, walked: every cell really behaves as it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    SetThreshold,
    UnblockKey,
)
from ledger.objects import BLOCKED_BY_HALL, BLOCKED_BY_OWNER, Account
from ledger.power_objects import Standing
from ledger.powers import POWERS, Act, Actor, When
from ledger.roles import PAPER, SPEND
from ledger.transaction import Transaction
from tests.ledger.owners import BOTH, COUNCIL, HALL, Owners, opened, public
from tests.ledger.world import entry, person

ANA = person("ana")
POWER_CODES = {
    "power_missing",
    "role_missing",
    "key_blocked",
    "key_unknown",
    "signatures_insufficient",
}

SIGNERS: dict[Actor, tuple[str, ...]] = {
    Actor.DEVICE: ("ana",),
    Actor.PLAIN_DEVICE: ("till",),
    Actor.BLOCKED_BY_HALL: ("lost 1",),
    Actor.BLOCKED_BY_OWNER: ("lost 2",),
    Actor.THRESHOLD: ("ana", "tablet"),
    Actor.PAPER: ("paper",),
    Actor.ONE_STAFF: ("lavo staff",),
    Actor.HALL: HALL,
    Actor.COUNCIL: COUNCIL,
}

CHANGES: dict[Act, KeyChange] = {
    Act.LIFT_BLOCK: UnblockKey(public("lost 3")),
    Act.ADD_KEY: AddKey(public("new"), BOTH, None),
    Act.REMOVE_KEY: RemoveKey(public("old")),
    Act.REPLACE_KEY: ReplaceKey(public("old"), public("new")),
    Act.RAISE_LIMIT: SetLimit(public("old"), 5_001),
    Act.LOWER_LIMIT: SetLimit(public("old"), 4_999),
    Act.SET_THRESHOLD: SetThreshold(3),
    Act.ADD_PAPER: AddKey(public("new"), PAPER, None),
    Act.CHANGE_PAPER: RemoveKey(public("paper 2")),
}


def has_keys(account: Account) -> dict[bytes, tuple[int, int | None, int]]:
    return {d.key: (d.roles, d.limit_minor, d.blocked) for d in account.devices}


def effect(act: Act, account: Account) -> bool:
    """Whether the act was done to the account that `prepared` makes."""
    keys = has_keys(account)
    old, new = public("old"), public("new")
    done: dict[Act, Callable[[], bool]] = {
        Act.BLOCK_KEY: lambda: keys[old][2] != 0,
        Act.BLOCK_PAPER: lambda: keys[public("paper 2")][2] != 0,
        Act.LIFT_BLOCK: lambda: keys[public("lost 3")][2] == 0,
        Act.ADD_KEY: lambda: keys.get(new) == (BOTH, None, 0),
        Act.REMOVE_KEY: lambda: old not in keys,
        Act.REPLACE_KEY: lambda: old not in keys and keys.get(new) == (BOTH, 5_000, 0),
        Act.RAISE_LIMIT: lambda: keys[old][1] == 5_001,
        Act.LOWER_LIMIT: lambda: keys[old][1] == 4_999,
        Act.SET_THRESHOLD: lambda: account.threshold == 3,
        Act.ADD_PAPER: lambda: keys.get(new) == (PAPER, None, 0),
        Act.CHANGE_PAPER: lambda: public("paper 2") not in keys,
    }
    return done[act]()


def prepared(actor: Actor) -> Owners:
    """An account with a key in every condition; its threshold is one, or two for that actor."""
    world = Owners()
    threshold = 2 if actor is Actor.THRESHOLD else 1
    world.block(world.open([entry("shop")]))
    names = ("ana", "tablet", "lost 1", "lost 2", "lost 3")
    keys = [*map(opened, names), opened("till", SPEND), opened("old", BOTH, 5_000)]
    world.several("ana", keys, threshold)
    papers = [AddKey(public("paper"), PAPER, None), AddKey(public("paper 2"), PAPER, None)]
    world.block(world.ask(ANA, ("ana",), *papers))
    world.time_ms += world.delay
    world.block(world.complete(ANA, ("ana",), public("ana")))
    world.block(world.block_key(ANA, HALL, "lost 1"), world.block_key(ANA, HALL, "lost 3"))
    world.block(world.block_key(ANA, ("tablet",), "lost 2"))
    blocked = has_keys(world.account(ANA))
    assert blocked[public("lost 1")][2] == BLOCKED_BY_HALL
    assert blocked[public("lost 2")][2] == BLOCKED_BY_OWNER
    return world


def must(world: Owners, transaction: Transaction) -> None:
    assert world.code(transaction) is None
    world.block(transaction)


def must_not(world: Owners, transaction: Transaction) -> None:
    before = world.root()
    assert world.code(transaction) in POWER_CODES
    assert world.root() == before


def walk_block(act: Act, actor: Actor) -> None:
    world = prepared(actor)
    name = "old" if act is Act.BLOCK_KEY else "paper 2"
    attempt = world.block_key(ANA, SIGNERS[actor], name)
    if POWERS[act, actor] is When.AT_ONCE:
        must(world, attempt)
        assert effect(act, world.account(ANA))
    else:
        must_not(world, attempt)


def walk_change(act: Act, actor: Actor) -> None:
    world, by, change = prepared(actor), SIGNERS[actor], CHANGES[act]
    when = POWERS[act, actor]
    at_once = world.keys(ANA, by, [change])
    asked = world.ask(ANA, by, change)
    if when is When.NEVER:
        must_not(world, at_once)
        must_not(world, asked)
    elif when is When.AT_ONCE:
        must(world, at_once)
        assert effect(act, world.account(ANA))
    else:
        assert world.code(at_once) == "change_must_wait"
        early = world.keys(ANA, by, [change], wait_ms=world.delay - 1)
        assert world.code(early) == "date_out_of_range"
        asked = world.ask(ANA, by, change)
        maker = world.hall if actor is Actor.HALL else public(by[0])
        must(world, asked)
        assert not effect(act, world.account(ANA))
        due_ms = world.request(ANA, maker).due_ms
        world.time_ms = due_ms - 1
        assert world.code(world.complete(ANA, by, maker)) == "request_not_due"
        world.time_ms = due_ms
        must(world, world.complete(ANA, by, maker))
        assert effect(act, world.account(ANA))
        assert world.account(ANA).requests == ()


def walk_request(act: Act, actor: Actor) -> None:
    """What is done about requests; one by another key, or by the actor's own where it needs one."""
    world, by = prepared(actor), SIGNERS[actor]
    own = world.hall if by[0].startswith("lavo") else public(by[0])
    change = AddKey(public("new"), BOTH, None)
    when = POWERS[act, actor]
    if act is Act.REQUEST:
        attempt = world.ask(ANA, by, SetThreshold(1))
    elif act in (Act.WITHDRAW, Act.ESCALATE):
        maker = own
        if when is not When.NEVER:
            must(world, world.ask(ANA, by, change))
            if act is Act.ESCALATE:
                must(world, world.veto(ANA, ("till",), maker))
        make = world.veto if act is Act.WITHDRAW else world.insist
        if when is When.NEVER and act is Act.WITHDRAW:
            # Who makes no request has none of its own to withdraw.
            assert POWERS[Act.REQUEST, actor] is When.NEVER
            assert world.code(make(ANA, by, maker)) in POWER_CODES | {"request_unknown"}
            return
        attempt = make(ANA, by, maker)
    else:
        maker = public("old")
        must(world, world.ask(ANA, ("old",), change))
        if act is Act.DECIDE:
            must(world, world.veto(ANA, ("till",), maker))
            must(world, world.insist(ANA, ("old",), maker))
            must(world, world.veto(ANA, ("till",), maker))
            assert world.request(ANA, maker).standing is Standing.DISPUTED
            attempt = world.decide(ANA, by, maker, True)
        elif act is Act.VETO:
            attempt = world.veto(ANA, by, maker)
        else:
            world.time_ms += world.delay
            attempt = world.complete(ANA, by, maker)
    if when is When.NEVER:
        must_not(world, attempt)
        return
    must(world, attempt)
    account = world.account(ANA)
    if act is Act.REQUEST:
        assert account.requests == (own,)
    elif act is Act.WITHDRAW:
        assert account.requests == ()
    elif act is Act.ESCALATE:
        request = world.request(ANA, own)
        assert (request.standing, request.vetoes) == (Standing.OPEN, 1)
    elif act is Act.DECIDE:
        assert world.request(ANA, public("old")).standing is Standing.AGREED
    elif act is Act.VETO and actor is Actor.PAPER:
        assert account.requests == ()
    elif act is Act.VETO:
        assert world.request(ANA, public("old")).standing is Standing.VETOED
    else:
        assert effect(Act.ADD_KEY, account)


def walk_freeze(act: Act, actor: Actor) -> None:
    world, by = prepared(actor), SIGNERS[actor]
    if act is Act.UNFREEZE:
        must(world, world.freeze(ANA, days=1))
        attempt = world.unfreeze(ANA, by)
    else:
        attempt = world.freeze(ANA, by)
    if POWERS[act, actor] is When.NEVER:
        must_not(world, attempt)
    else:
        must(world, attempt)
        assert world.spends(ANA, "ana") is (act is Act.UNFREEZE)
        if act is Act.FREEZE:
            must(world, world.freeze(ANA, by, days=30))


@pytest.mark.parametrize(("act", "actor"), POWERS, ids=lambda one: str(one.name))
def test_every_cell_behaves_as_the_table_says(act: Act, actor: Actor) -> None:
    if act in (Act.BLOCK_KEY, Act.BLOCK_PAPER):
        walk_block(act, actor)
    elif act in CHANGES:
        walk_change(act, actor)
    elif act in (Act.FREEZE, Act.UNFREEZE):
        walk_freeze(act, actor)
    else:
        walk_request(act, actor)


def test_the_table_is_complete_and_gains_only_by_waiting() -> None:
    assert set(POWERS) == {(act, actor) for act in Act for actor in Actor}
    gaining = set(CHANGES) - {Act.LOWER_LIMIT}
    for act in gaining:
        allowed = {actor for actor in Actor if POWERS[act, actor] is When.AT_ONCE}
        assert allowed <= {Actor.THRESHOLD, Actor.PAPER}
    for actor in Actor:
        if actor is not Actor.PAPER:
            assert POWERS[Act.CHANGE_PAPER, actor] is When.NEVER
            assert POWERS[Act.BLOCK_PAPER, actor] is When.NEVER
