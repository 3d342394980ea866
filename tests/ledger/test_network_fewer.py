"""Members become fewer while others vote: what more than two thirds of the rest want is enacted,
and nothing else is called so."""

from __future__ import annotations

import pytest

from ledger.changes import AddMember, Change, ChangeParameter, PauseMember, RemoveMember
from tests.ledger.council import Council, town

FIVE = ("aube", "brume", "cendre", "dune", "elan")


def asked(change: Change) -> Council:
    """Three of five said yes, which is not enough; then one of the silent two leaves."""
    world = Council(*FIVE)
    world.block(world.propose("aube", "asked", change))
    for prefix in ("brume", "cendre"):
        world.block(world.vote(prefix, "asked"))
    assert world.proposal("asked").decided == 0
    world.enacted("leave", RemoveMember("elan"))
    assert world.proposal("asked").decided == 0
    return world


def test_a_no_after_enough_yes_enacts_what_it_calls_enacted() -> None:
    world = asked(ChangeParameter("lines_max", 100))
    world.block(world.vote("dune", "asked", approve=False))
    assert world.proposal("asked").decided == 1
    assert world.terms.parameters.lines_max == 100


def test_no_card_is_proved_of_a_territory_that_never_joined() -> None:
    """Wallets believe the card in a proposal that was enacted."""
    world = asked(AddMember(town("eden")))
    world.block(world.vote("dune", "asked", approve=False))
    assert world.proposal("asked").decided == 1
    assert world.state.territory("eden") is not None and world.member("eden").prefix == "eden"


@pytest.mark.parametrize("approve", [True, False])
def test_what_can_be_enacted_no_more_is_never_called_enacted(approve: bool) -> None:
    world = asked(PauseMember("dune"))
    world.enacted("first", PauseMember("dune"))
    assert world.code(world.vote("dune", "asked", approve=approve)) == "proposal_outdated"
    assert world.proposal("asked").decided == 0
