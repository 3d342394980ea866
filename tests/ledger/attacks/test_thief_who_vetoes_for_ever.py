"""A thief with the only phone vetoes every recovery: the town hall still gives the account back."""

from __future__ import annotations

from ledger.key_changes import AddKey, RemoveKey, ReplaceKey
from ledger.objects import BLOCKED_BY_HALL
from tests.ledger.owners import BOTH, COUNCIL, HALL, Owners, opened, public
from tests.ledger.world import person

ANA = person("ana")
NEW_PHONE = ReplaceKey(public("ana"), public("ana new"))


def lost() -> Owners:
    """`ana`, the only phone, is the thief's."""
    world = Owners()
    world.start(paper=False)
    return world


def test_two_vetoes_and_three_signatures_decide() -> None:
    world = lost()
    world.block(world.block_key(ANA, HALL, "ana"))
    world.block(world.ask(ANA, HALL, NEW_PHONE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.insist(ANA, HALL, world.hall))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.decide(ANA, COUNCIL, world.hall, True))
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "request_agreed"
    world.time_ms += world.delay
    world.block(world.complete(ANA, HALL[:1], world.hall))
    assert world.spends(ANA, "ana new")
    assert world.code(world.spend(ANA, "ana")) == "key_unknown"
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "key_unknown"


def test_it_cannot_change_the_keys_under_the_town_halls_request() -> None:
    """Its own request would be due first and make the other fall: the block makes it fall first."""
    world = lost()
    world.block(world.ask(ANA, ("ana",), AddKey(public("thief"), BOTH, None)))
    world.time_ms += world.delay // 2
    world.block(world.block_key(ANA, HALL, "ana"), world.ask(ANA, HALL, NEW_PHONE))
    assert world.account(ANA).requests == (world.hall,)
    device = world.account(ANA).device(public("ana"))
    assert device is not None and device.blocked == BLOCKED_BY_HALL
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, ("ana",), public("ana"))) == "key_blocked"
    world.block(world.complete(ANA, HALL[:1], world.hall))
    assert world.on(ANA) == {public("ana new")}


def test_another_key_of_the_owner_takes_its_veto_away() -> None:
    world = lost()
    world.put_on("ana", opened("tablet"))
    world.block(world.block_key(ANA, ("tablet",), "ana"))
    world.block(world.ask(ANA, HALL, NEW_PHONE))
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "key_blocked"
    # Blocked by the town hall before, it loses the veto with the owner's own block.
    world = lost()
    world.put_on("ana", opened("tablet"))
    world.block(world.block_key(ANA, HALL, "ana"))
    world.block(world.block_key(ANA, ("tablet",), "ana"))
    world.block(world.ask(ANA, HALL, NEW_PHONE))
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "key_blocked"


def test_a_veto_is_for_an_open_request_and_counts_once() -> None:
    world = lost()
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "request_unknown"
    world.block(world.ask(ANA, HALL, NEW_PHONE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "request_stopped"
    assert world.code(world.decide(ANA, COUNCIL, world.hall, True)) == "request_not_disputed"


def test_it_does_not_veto_what_is_done() -> None:
    world = lost()
    world.put_on("ana", opened("tablet"))
    world.block(world.ask(ANA, ("tablet",), RemoveKey(public("ana"))))
    world.time_ms += world.delay
    late = world.veto(ANA, ("ana",), public("tablet"))
    world.block(world.complete(ANA, ("tablet",), public("tablet")))
    assert world.code(late) == "key_unknown"
    assert world.account(ANA).requests == ()
