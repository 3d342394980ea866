"""A thief has one unlocked phone of an account with several: what it can do, and for how long."""

from __future__ import annotations

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
from ledger.roles import PAPER
from ledger.rules import Parameters
from tests.ledger.owners import BOTH, HALL, Owners, opened, public
from tests.ledger.world import person

ANA = person("ana")


def robbed(parameters: Parameters | None = None) -> Owners:
    """`phone` is stolen; `ana` and `tablet` are not."""
    world = Owners(parameters)
    world.start()
    world.put_on("ana", opened("phone"), opened("tablet"))
    return world


@pytest.mark.parametrize("by", [("ana",), ("tablet",), ("phone",), HALL, ("ana paper",)])
def test_whoever_notices_first_stops_it_at_once(by: tuple[str, ...]) -> None:
    world = robbed()
    assert world.spends(ANA, "phone")
    world.block(world.block_key(ANA, by, "phone"))
    assert world.code(world.spend(ANA, "phone")) == "key_blocked"
    assert world.spends(ANA, "tablet")


def test_a_key_of_its_own_takes_the_delay_and_falls_with_the_phone() -> None:
    world = robbed()
    mine = AddKey(public("thief"), BOTH, None)
    assert world.code(world.keys(ANA, ("phone",), [mine])) == "change_must_wait"
    world.block(world.ask(ANA, ("phone",), mine))
    world.block(world.block_key(ANA, ("ana",), "phone"))
    assert world.account(ANA).requests == ()
    world.time_ms += world.delay
    for by in (("phone",), ("ana",), ("lavo staff",)):
        assert world.code(world.complete(ANA, by, public("phone"))) in (
            "key_blocked",
            "request_unknown",
        )
    # Lifted by the paper key, it does not find its old request again.
    world.block(world.keys(ANA, ("ana paper",), [UnblockKey(public("phone"))]))
    assert world.spends(ANA, "phone")
    assert world.code(world.complete(ANA, ("phone",), public("phone"))) == "request_unknown"
    assert world.code(world.complete(ANA, ("ana",), public("phone"))) == "request_unknown"


def test_a_request_for_other_keys_falls_when_the_set_changes() -> None:
    world = robbed()
    world.block(world.ask(ANA, ("phone",), AddKey(public("thief"), BOTH, None)))
    world.block(world.ask(ANA, ("tablet",), SetLimit(public("tablet"), None)))
    assert len(world.account(ANA).requests) == 2
    world.block(world.keys(ANA, ("ana paper",), [AddKey(public("watch"), BOTH, 5)]))
    world.time_ms += world.delay
    for name in ("phone", "tablet"):
        assert world.code(world.complete(ANA, (name,), public(name))) == "request_unknown"


def test_one_veto_stops_it_too() -> None:
    world = robbed()
    world.block(world.ask(ANA, ("phone",), RemoveKey(public("ana"))))
    world.block(world.veto(ANA, ("tablet",), public("phone")))
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, ("phone",), public("phone"))) == "request_stopped"


def test_blocking_all_others_first_gains_nothing() -> None:
    world = robbed()
    world.block(*[world.block_key(ANA, ("phone",), name) for name in ("ana", "tablet")])
    world.block(world.ask(ANA, ("phone",), AddKey(public("thief"), BOTH, None)))
    # A blocked key still blocks; the request falls, and nobody spends.
    world.block(world.block_key(ANA, ("ana",), "phone"))
    assert not any(world.spends(ANA, name) for name in ("ana", "tablet", "phone"))
    assert world.account(ANA).requests == ()
    # The paper gives the owner everything back at once.
    lift: list[KeyChange] = [ReplaceKey(public("ana"), public("ana 2")), RemoveKey(public("phone"))]
    world.block(world.keys(ANA, ("ana paper",), lift))
    assert world.spends(ANA, "ana 2")
    assert world.code(world.spend(ANA, "phone")) == "key_unknown"


def test_it_raises_no_limit_and_no_threshold() -> None:
    world = robbed()
    world.block(world.keys(ANA, ("ana",), [SetLimit(public("phone"), 50)]))
    assert world.code(world.spend(ANA, "phone", amount_minor=51)) == "limit_exceeded"
    for change in (SetLimit(public("phone"), 51), SetLimit(public("phone"), None), SetThreshold(2)):
        assert world.code(world.keys(ANA, ("phone",), [change])) == "change_must_wait"
    both: list[KeyChange] = [SetLimit(public("phone"), 40), SetThreshold(2)]
    assert world.code(world.keys(ANA, ("phone",), both)) == "change_must_wait"


def test_it_cannot_touch_the_paper_key() -> None:
    world = robbed()
    assert world.code(world.block_key(ANA, ("phone",), "ana paper")) == "power_missing"
    for change in (
        RemoveKey(public("ana paper")),
        ReplaceKey(public("ana paper"), public("thief")),
    ):
        assert world.code(world.ask(ANA, ("phone",), change)) == "power_missing"
    world.block(world.ask(ANA, ("phone",), AddKey(public("thief"), PAPER, None)))
    world.block(world.veto(ANA, ("ana paper",), public("phone")))
    assert world.account(ANA).requests == ()


def test_using_up_the_days_quota_does_not_keep_the_owner_from_acting() -> None:
    world = robbed(Parameters(transactions_per_day_max=20))
    code = None
    while code is None:
        payment = world.spend(ANA, "phone", amount_minor=1)
        code = world.code(payment)
        if code is None:
            world.block(payment)
    assert code == "quota_exceeded"
    world.block(world.block_key(ANA, ("ana",), "phone"))
    assert world.code(world.keys(ANA, ("ana",), [SetLimit(public("ana"), 5)])) == "quota_exceeded"
    world.block(world.keys(ANA, ("ana paper",), [RemoveKey(public("phone"))]))
    assert public("phone") not in world.on(ANA)


def test_a_key_that_left_never_comes_back() -> None:
    world = robbed()
    held = world.spend(ANA, "phone")
    world.block(world.keys(ANA, ("ana paper",), [RemoveKey(public("phone"))]))
    assert world.code(held) == "key_unknown"
    back = AddKey(public("phone"), BOTH, None)
    assert world.code(world.keys(ANA, ("ana paper",), [back])) == "key_retired"
    again = ReplaceKey(public("tablet"), public("phone"))
    assert world.code(world.keys(ANA, ("ana paper",), [again])) == "key_retired"


def test_the_last_key_cannot_lock_the_account() -> None:
    world = robbed()
    gone = [RemoveKey(public(name)) for name in ("ana", "phone", "tablet")]
    assert world.code(world.keys(ANA, ("ana paper",), gone)) == "threshold_invalid"


def test_what_was_asked_against_an_older_block_lifts_no_newer_one() -> None:
    world = robbed()
    world.block(world.block_key(ANA, HALL, "phone"))
    # The tablet asks to have it lifted; the paper key is quicker; then the phone is stolen.
    world.block(world.ask(ANA, ("tablet",), UnblockKey(public("phone"))))
    world.block(world.keys(ANA, ("ana paper",), [UnblockKey(public("phone"))]))
    world.block(world.block_key(ANA, ("ana",), "phone"))
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, ("tablet",), public("tablet"))) == "request_unknown"
    # Asked anew it waits anew; a request about something else stands.
    world.block(world.ask(ANA, ("tablet",), SetLimit(public("tablet"), 5)))
    world.block(world.block_key(ANA, ("tablet",), "ana"))
    assert world.account(ANA).requests == (public("tablet"),)
