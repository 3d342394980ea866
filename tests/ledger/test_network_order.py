"""Two changes, proposed at one time and enacted in either order."""

from __future__ import annotations

from hypothesis import given, settings

from ledger.network_objects import BALLOT_TREE_KEY
from primitives.errors import Refused
from tests.ledger.council import Council, town
from tests.ledger.test_network_machine import NAMES, WANTED, Wanted


def carried(world: Council, name: str) -> str | None:
    """All members say yes; the code of the first that is refused, nil once it is enacted."""
    for member in world.terms.members:
        if world.proposal(name).decided:
            break
        if member.prefix in world.proposal(name).yes:
            continue
        vote = world.vote(member.prefix, name)
        code = world.code(vote)
        if code is not None:
            return code
        world.block(vote)
    assert world.proposal(name).decided == 1
    return None


def in_order(first: Wanted, second: Wanted, swapped: bool) -> tuple[Council, list[str | None]]:
    """A network in which both were proposed, and then enacted one after the other."""
    world = Council()
    for prefix in ("aube", "brume", "cendre"):
        world.block(world.move(prefix, "moved:1", "moved:2"))
    for name, wanted in (("first", first), ("second", second)):
        proposing = world.propose("dune", name, wanted.change())
        code = world.code(proposing)
        if code is not None:
            raise Refused(code)
        world.block(proposing)
    names = ["second", "first"] if swapped else ["first", "second"]
    return world, [carried(world, name) for name in names]


@settings(max_examples=200, deadline=None)
@given(WANTED, WANTED)
def test_two_changes_commute_or_the_later_is_refused(first: Wanted, second: Wanted) -> None:
    try:
        one, codes = in_order(first, second, swapped=False)
        other, swapped = in_order(first, second, swapped=True)
    except Refused:
        return
    assert codes[0] is None and swapped[0] is None
    later = {"proposal_outdated", "member_key_used", "currency_exists", "member_last", None}
    assert codes[1] in later and swapped[1] in later
    if codes[1] is None and swapped[1] is None:
        assert one.terms == other.terms
        accounts = {town(name).account_id for name in NAMES}
        lanes = {item.tree_key for name in accounts if (item := one.state.account(name))}
        proposals = {one.proposal(name).tree_key for name in ("first", "second")}
        kept = [
            {
                place: raw
                for place, raw in world.store.objects.items()
                if place not in {BALLOT_TREE_KEY, *lanes, *proposals}
            }
            for world in (one, other)
        ]
        assert kept[0] == kept[1]
