"""Staff of the town hall want an account: one alone, two together, and what stops them."""

from __future__ import annotations

import pytest

from ledger.changes import RemoveMember
from ledger.key_changes import AddKey, RemoveKey, ReplaceKey, SetLimit, UnblockKey
from ledger.network import propose_fields, vote_fields
from ledger.power_objects import Standing
from ledger.roles import PAPER, STAFF
from tests.ledger.owners import BOTH, COUNCIL, HALL, Owners, public
from tests.ledger.world import DAY_MS, key, person

ANA = person("ana")
MINE = AddKey(public("clerk"), BOTH, None)


def settled(*, paper: bool = True) -> Owners:
    world = Owners()
    world.start(paper=paper)
    return world


def test_one_alone_can_do_nothing() -> None:
    world = settled()
    for attempt in (
        world.block_key(ANA, HALL[:1], "ana"),
        world.ask(ANA, HALL[:1], MINE),
        world.freeze(ANA, HALL[:1]),
    ):
        assert world.code(attempt) == "signatures_insufficient"


def test_two_must_wait_and_the_owner_stops_them() -> None:
    world = settled(paper=False)
    assert world.code(world.keys(ANA, HALL, [MINE])) == "change_must_wait"
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, HALL[:1], world.hall)) == "request_stopped"


def test_blocking_the_owner_first_takes_no_veto_away() -> None:
    world = settled(paper=False)
    world.block(world.block_key(ANA, HALL, "ana"))
    assert not world.spends(ANA, "ana")
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.insist(ANA, HALL, world.hall))
    world.block(world.veto(ANA, ("ana",), world.hall))
    assert world.request(ANA, world.hall).standing is Standing.DISPUTED
    assert world.code(world.insist(ANA, HALL, world.hall)) == "request_not_stopped"
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, HALL, world.hall)) == "request_stopped"
    assert world.code(world.decide(ANA, HALL, world.hall, True)) == "signatures_insufficient"


def test_the_third_signature_is_really_another_territorys() -> None:
    world = settled()
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.insist(ANA, HALL, world.hall))
    world.block(world.veto(ANA, ("ana",), world.hall))
    for by, other, code in (
        (HALL, "lavo", "territory_unknown"),
        (HALL, "nowhere", "territory_unknown"),
        ((*HALL, "lavo node"), "brume", "role_missing"),
        ((*HALL, "stranger"), "brume", "key_unknown"),
        ((*HALL, "brume node"), "brume", "role_missing"),
        (("lavo staff", "brume staff", "brume staff 2"), "brume", "signatures_insufficient"),
    ):
        assert world.code(world.decide(ANA, by, world.hall, True, other)) == code
    world.block(world.decide(ANA, COUNCIL, world.hall, False))
    assert world.account(ANA).requests == ()


def test_a_territory_that_was_removed_is_no_third_signature() -> None:
    world = settled()
    for _ in range(2):
        world.block(world.ask(ANA, HALL, MINE))
        world.block(world.veto(ANA, ("ana",), world.hall))
    attempt = world.decide(ANA, COUNCIL, world.hall, True)
    assert world.code(attempt) is None
    for prefix, kind, fields in (
        ("lavo", "network.propose", propose_fields(bytes(16), RemoveMember("brume"))),
        ("brume", "network.vote", vote_fields(bytes(16), True)),
    ):
        territory = world.state.territory(prefix)
        assert territory is not None
        staff = [key(f"{prefix} staff"), key(f"{prefix} staff 2")]
        world.block(world.make(kind, territory.account_id, staff[0], fields, staff[1:]))
    assert world.code(attempt) == "territory_unknown"


def test_three_may_agree_but_not_shorten_the_delay_and_paper_still_decides() -> None:
    world = settled()
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.insist(ANA, HALL, world.hall))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.decide(ANA, COUNCIL, world.hall, True))
    assert world.code(world.complete(ANA, HALL, world.hall)) == "request_not_due"
    assert world.code(world.veto(ANA, ("ana",), world.hall)) == "request_agreed"
    world.block(world.veto(ANA, ("ana paper",), world.hall))
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, HALL, world.hall)) == "request_unknown"


def test_asking_again_and_again_ends_with_three_signatures() -> None:
    """An owner who answers twice need not answer for ever: not even what is withdrawn between."""
    world = settled(paper=False)
    for place in range(2):
        world.block(world.ask(ANA, HALL, MINE))
        world.block(world.veto(ANA, ("ana",), world.hall))
        if place:
            world.block(world.veto(ANA, HALL, world.hall))  # their own: withdrawn
        world.time_ms += 5 * DAY_MS
    assert world.request(ANA, world.hall).vetoes == 2
    world.block(world.ask(ANA, HALL, MINE))
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, HALL, world.hall)) == "request_stopped"
    assert world.code(world.insist(ANA, HALL, world.hall)) == "request_not_stopped"
    world.block(world.decide(ANA, COUNCIL, world.hall, False))
    world.block(world.ask(ANA, HALL, MINE))
    assert world.request(ANA, world.hall).standing is Standing.DISPUTED


def test_a_veto_of_the_paper_key_counts_twice() -> None:
    world = settled()
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana paper",), world.hall))
    world.block(world.ask(ANA, HALL, MINE))
    assert world.request(ANA, world.hall).standing is Standing.DISPUTED


def test_vetoes_are_forgotten_once_their_request_is_over() -> None:
    world = settled(paper=False)
    world.block(world.ask(ANA, HALL, MINE))
    due_ms = world.request(ANA, world.hall).due_ms
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.time_ms = due_ms + 30 * DAY_MS
    world.block(world.ask(ANA, HALL, MINE))
    assert world.request(ANA, world.hall).vetoes == 1
    world.time_ms = world.request(ANA, world.hall).due_ms + 30 * DAY_MS + 1
    world.block(world.ask(ANA, HALL, MINE))
    assert world.request(ANA, world.hall).vetoes == 0


def test_vetoes_are_forgotten_once_their_request_is_completed() -> None:
    """A thief vetoed what the town hall did in the end: that is no word against what comes next."""
    world = settled(paper=False)
    world.block(world.ask(ANA, HALL, SetLimit(public("ana"), 5_000)))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.block(world.insist(ANA, HALL, world.hall))
    world.time_ms += world.delay
    world.block(world.complete(ANA, HALL, world.hall))
    world.block(world.ask(ANA, HALL, MINE))
    record = world.request(ANA, world.hall)
    assert (record.vetoes, record.standing) == (0, Standing.OPEN)


def test_the_third_signature_is_for_what_it_read_and_nothing_else() -> None:
    """A colleague elsewhere signs that a lost phone be replaced; two clerks keep the signed bytes
    and put another request in its place."""
    world = settled(paper=False)
    phone = ReplaceKey(public("ana"), public("ana new"))
    held = world.decide(ANA, COUNCIL, world.hall, True, changes=[phone])
    for _ in range(2):
        world.block(world.ask(ANA, HALL, MINE))
        world.block(world.veto(ANA, ("ana",), world.hall))
    assert world.code(held) == "request_differs"
    against = world.decide(ANA, COUNCIL, world.hall, False, changes=[phone])
    assert world.code(against) == "request_differs"
    world.block(world.decide(ANA, COUNCIL, world.hall, True))


def test_a_request_signed_long_ago_and_held_back_still_waits() -> None:
    world = settled(paper=False)
    held = world.keys(ANA, HALL, [MINE], wait_ms=world.delay, valid_for_ms=30 * DAY_MS)
    world.time_ms += 29 * DAY_MS
    assert world.code(held) == "date_out_of_range"


def test_a_request_for_keys_that_are_no_more_is_refused() -> None:
    world = settled()
    held = world.keys(ANA, HALL, [MINE], wait_ms=4 * DAY_MS, valid_for_ms=DAY_MS)
    world.block(world.keys(ANA, ("ana paper",), [ReplaceKey(public("ana"), public("ana 2"))]))
    assert world.code(held) == "key_set_changed"


def test_it_falls_when_one_of_the_two_is_found_out() -> None:
    world = settled()
    world.block(world.ask(ANA, HALL, MINE))
    out = world.signed(
        "account.block", world.hall, ("lavo staff",), (world.hall, public("lavo staff 2"))
    )
    world.block(out)
    world.time_ms += world.delay
    assert world.code(world.complete(ANA, ("ana",), world.hall)) == "request_fallen"
    assert world.code(world.freeze(ANA)) == "key_blocked"


@pytest.mark.parametrize(
    "change",
    [
        AddKey(public("clerk"), PAPER, None),
        RemoveKey(public("ana paper")),
        ReplaceKey(public("ana paper"), public("clerk")),
        UnblockKey(public("ana paper")),
    ],
)
def test_the_town_hall_never_gives_or_takes_a_paper_key(change: AddKey | RemoveKey) -> None:
    world = settled()
    assert world.code(world.ask(ANA, HALL, change)) in ("power_missing", "keys_invalid")


def test_the_issuer_is_out_of_the_town_halls_reach() -> None:
    world = settled()
    issuer = world.currency("LAV").issuer_id
    for attempt in (
        world.ask(issuer, HALL, AddKey(public("clerk"), 8, None)),
        world.block_key(issuer, HALL, "lavo issuer 0"),
        world.freeze(issuer),
    ):
        assert world.code(attempt) == "account_kind_invalid"


def test_another_territorys_accounts_are_out_of_reach() -> None:
    world = settled()
    brume = ("brume staff", "brume staff 2")
    territory = world.state.territory("brume")
    assert territory is not None
    attempt = world.make(
        "account.freeze",
        territory.account_id,
        key(brume[0]),
        (ANA, 2, world.time_ms + DAY_MS),
        [key(brume[1])],
    )
    assert world.code(attempt) == "role_missing"


def test_one_gives_itself_no_second_staff_key_unseen() -> None:
    world = settled()
    mine = AddKey(public("clerk"), STAFF, None)
    assert world.code(world.keys(world.hall, ("lavo staff",), [mine])) == "change_must_wait"
    world.block(world.ask(world.hall, ("lavo staff",), mine))
    world.block(world.veto(world.hall, ("lavo staff 2",), public("lavo staff")))
    world.time_ms += world.delay
    attempt = world.complete(world.hall, ("lavo staff",), public("lavo staff"))
    assert world.code(attempt) == "request_stopped"


def test_a_freeze_ends_and_takes_nothing() -> None:
    world = settled()
    assert world.code(world.freeze(ANA, days=31)) == "date_out_of_range"
    assert world.code(world.freeze(ANA, days=0)) == "date_out_of_range"
    world.block(world.freeze(ANA))
    assert world.code(world.spend(ANA, "ana")) == "account_frozen"
    world.block(world.issue([(ANA, 5)]))
    world.block(world.ask(ANA, HALL, MINE))
    world.block(world.veto(ANA, ("ana",), world.hall))
    world.time_ms += 30 * DAY_MS
    assert world.spends(ANA, "ana")
    assert world.code(world.unfreeze(ANA)) == "account_not_frozen"
