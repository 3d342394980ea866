"""Proposals, votes and moves: what each does, and what each is refused with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import roles
from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.envelope import COMMON_FIELDS
from ledger.fields import NETWORK_PROPOSE
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import initial_objects
from ledger.invariants import full_sums
from ledger.network import DECIDED_KEPT, OPEN_PROPOSALS_MAX, propose_fields
from ledger.network_objects import VOTING
from ledger.rules import RULE_VERSION, Parameters
from ledger.terms import genesis_terms, terms_of
from ledger.transaction import Transaction
from primitives.encoding import Value, decode
from tests.ledger.council import Council, proposal_id, town
from tests.ledger.world import DAY_MS, TIME_MS, key

LINES = ChangeParameter("lines_max", 100)
NEW_KEY = key("new").public_key


def with_codes(*codes: str) -> Territory:
    """A territory that wants to join with these currencies."""
    return replace(town("eden"), currencies=tuple([GenesisCurrency(code) for code in codes]))


@pytest.fixture
def world() -> Council:
    return Council()


def test_the_state_begins_with_the_terms_of_the_genesis(world: Council) -> None:
    assert terms_of(world.state) == genesis_terms(world.genesis)
    assert [member.prefix for member in world.terms.active] == ["aube", "brume", "cendre", "dune"]
    assert world.terms.rule_version == RULE_VERSION
    assert world.state.network().changes == 0


def test_more_than_two_thirds_enact_a_change(world: Council) -> None:
    world.block(world.propose("aube", "lines", LINES))
    assert world.proposal("lines").yes == ("aube",)
    world.block(world.vote("cendre", "lines"))
    assert world.terms.parameters.lines_max == 2_000
    assert [line.id for line in world.state.ballot().open] == [proposal_id("lines")]
    world.block(world.vote("brume", "lines"))
    assert world.proposal("lines").yes == ("aube", "brume", "cendre")
    assert world.proposal("lines").decided == 1
    assert world.terms.parameters == replace(Parameters(), lines_max=100)
    assert world.state.network().changes == 1
    assert world.state.ballot().open == ()
    assert world.state.ballot().decided == (proposal_id("lines"),)


def test_what_is_voted_applies_when_an_epoch_begins(world: Council) -> None:
    world.enacted("lines", LINES)
    assert world.state.parameters.lines_max == world.state.tip.parameters.lines_max == 2_000


def test_a_proposal_falls_once_two_thirds_are_out_of_reach(world: Council) -> None:
    world.block(world.propose("aube", "lines", LINES))
    world.block(world.vote("brume", "lines", False))
    assert world.proposal("lines").decided == 0
    world.block(world.vote("cendre", "lines", False))
    assert world.proposal("lines").decided == 2
    assert world.state.ballot().open == ()
    assert world.code(world.vote("dune", "lines")) == "proposal_ended"
    assert world.terms.parameters == Parameters()


@pytest.mark.parametrize(("members", "votes"), [(1, 1), (2, 2), (3, 3), (4, 3), (6, 5), (7, 5)])
def test_how_many_votes_enact(members: int, votes: int) -> None:
    prefixes = [f"town{place}" for place in range(members)]
    world = Council(*prefixes)
    world.block(world.propose(prefixes[0], "lines", LINES))
    for count, prefix in enumerate(prefixes[1:votes], 1):
        assert world.proposal("lines").decided == 0, count
        world.block(world.vote(prefix, "lines"))
    assert world.proposal("lines").decided == 1


def test_votes_of_who_left_do_not_count_and_of_who_came_do(world: Council) -> None:
    world.block(world.propose("dune", "lines", LINES))
    world.block(world.vote("cendre", "lines"))
    for prefix in ("cendre", "dune"):
        world.enacted(f"without {prefix}", RemoveMember(prefix))
    world.block(world.vote("brume", "lines"))
    # Three said yes; of the two members that are left, one.
    assert world.proposal("lines").decided == 0
    assert world.code(world.vote("dune", "lines")) == "not_a_member"
    world.enacted("eden", AddMember(town("eden")))
    world.block(world.vote("eden", "lines"))
    assert world.proposal("lines").decided == 0
    world.block(world.vote("aube", "lines"))
    assert world.proposal("lines").decided == 1


def test_a_new_member_gets_what_a_founder_has(world: Council) -> None:
    world.enacted("eden", AddMember(town("eden")))
    others = [town(prefix) for prefix in ("aube", "brume", "cendre", "dune", "eden")]
    founded = Council(*[territory.prefix for territory in others])
    for key_, item in initial_objects(founded.genesis):
        if item.tree_key != world.state.network().tree_key:
            assert key_ in world.store.objects, item
    assert world.terms == founded.terms
    assert world.state.territory("eden") == founded.state.territory("eden")
    assert world.currency("EDEN") == founded.currency("EDEN")
    for identity in (town("eden").account_id, town("eden").issuer_id, town("eden").commons_id):
        assert world.account(identity) == founded.account(identity)
    assert set(full_sums(world.objects())) == {"AUBE", "BRUME", "CENDRE", "DUNE", "EDEN"}
    # It takes part at once.
    world.block(world.propose("eden", "lines", LINES))


def test_who_leaves_keeps_accounts_and_money(world: Council) -> None:
    before = world.account(town("dune").commons_id)
    world.enacted("leave", RemoveMember("dune"))
    assert world.terms.member("dune") is None
    assert world.account(town("dune").commons_id) == before
    assert world.state.territory("dune") is not None
    assert world.currency("DUNE").accounts == 3


def test_who_comes_back_is_who_left(world: Council) -> None:
    world.enacted("leave", RemoveMember("dune"))
    for other in (
        replace(town("dune", " back"), signing_keys=(NEW_KEY,)),
        replace(town("dune", " back"), issuer_keys=(NEW_KEY,)),
        replace(town("dune", " back"), name="Other"),
        replace(town("dune", " back"), wage_cap_bps=999),
        replace(town("dune", " back"), currencies=(GenesisCurrency("OTHER"),)),
        replace(town("dune", " back"), currencies=(GenesisCurrency("DUNE", decimals=3),)),
        replace(town("dune", " back"), currencies=(GenesisCurrency("DUNE", kind="time"),)),
    ):
        refused = world.propose("aube", other.name, AddMember(other))
        assert world.code(refused) == "territory_differs"
    kept = world.account(town("dune").account_id)
    world.enacted("back", AddMember(town("dune", " back")))
    assert world.account(town("dune").account_id) == kept
    assert world.member("dune").voting_key == key("dune back voting").public_key
    full_sums(world.objects())


def test_a_paused_member_votes_on_proposals_only(world: Council) -> None:
    world.enacted("pause", PauseMember("dune"))
    assert [member.prefix for member in world.terms.active] == ["aube", "brume", "cendre"]
    world.block(world.propose("dune", "resume", ResumeMember("dune")))
    world.block(world.vote("aube", "resume"), world.vote("brume", "resume"))
    assert len(world.terms.active) == 4


def test_keys_are_replaced_and_never_come_back(world: Council) -> None:
    old = world.member("brume")
    world.enacted("keys", ReplaceKeys("brume", NEW_KEY, b"new authority"))
    assert world.member("brume") == old._replace(voting_key=NEW_KEY, authority_der=b"new authority")
    used = world.state.member_key(VOTING, old.voting_key)
    assert used is not None and used.prefix == "brume"
    again: list[Change] = [
        ReplaceKeys("brume", old.voting_key, b"x"),
        ReplaceKeys("aube", old.voting_key, b"x"),
        ReplaceKeys("aube", NEW_KEY, b"x"),
        ReplaceKeys("aube", recovery_key=old.recovery_key),
        AddMember(replace(town("eden"), voting_key=old.voting_key)),
        AddMember(replace(town("eden"), voting_key=NEW_KEY)),
        AddMember(replace(town("eden"), recovery_key=old.recovery_key)),
    ]
    for change in again:
        assert world.code(world.propose("aube", "again", change)) == "member_key_used"
    world.enacted("leave", RemoveMember("brume"))
    same = town("brume", " back")
    for voting in (old.voting_key, NEW_KEY):
        back = AddMember(replace(same, voting_key=voting))
        assert world.code(world.propose("aube", "back", back)) == "member_key_used"


def test_the_other_engines_key(world: Council) -> None:
    world.enacted("other", ReplaceKeys("brume", cometbft_key=NEW_KEY))
    assert world.member("brume").cometbft_key == NEW_KEY
    again = ReplaceKeys("aube", cometbft_key=NEW_KEY)
    assert world.code(world.propose("aube", "again", again)) == "member_key_used"


def test_the_next_rule_version_and_no_other(world: Council) -> None:
    for version in (0, RULE_VERSION, RULE_VERSION + 2):
        refused = world.propose("aube", "rules", ChangeRules(version))
        assert world.code(refused) == "change_invalid"
    # Members may vote for what this program does not know: it stops before it would apply.
    world.enacted("rules", ChangeRules(RULE_VERSION + 1))
    assert world.terms.rule_version == RULE_VERSION + 1


def test_a_member_says_where_it_is_reached(world: Council) -> None:
    before = world.terms
    world.block(world.move("cendre", "elsewhere:1", "elsewhere:2"))
    member = world.member("cendre")
    assert (member.peer, member.http) == ("elsewhere:1", "elsewhere:2")
    assert world.terms._replace(members=before.members) == before
    assert [one.prefix for one in world.terms.members] == [one.prefix for one in before.members]
    assert world.state.network().changes == 0
    assert world.code(world.move("cendre", "elsewhere:1", "elsewhere:2")) == "change_without_effect"


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (AddMember(town("dune", " other")), "member_exists"),
        (
            AddMember(replace(town("eden"), currencies=(GenesisCurrency("AUBE"),))),
            "currency_exists",
        ),
        (AddMember(with_codes("EE", "EE")), "change_invalid"),
        (RemoveMember("nobody"), "member_unknown"),
        (PauseMember("nobody"), "member_unknown"),
        (ResumeMember("nobody"), "member_unknown"),
        (ReplaceKeys("nobody", recovery_key=NEW_KEY), "member_unknown"),
        (ResumeMember("aube"), "change_without_effect"),
        (ReplaceKeys("aube", authority_der=b"aube"), "change_without_effect"),
        (ChangeParameter("lines_max", 2_000), "change_without_effect"),
        (ChangeParameter("lines_max", 100_001), "change_invalid"),
        (ChangeParameter("transaction_bytes_max", 2_097_153), "change_invalid"),
        (ChangeParameter("transaction_bytes_max", 16_383), "change_invalid"),
        (ChangeParameter("block_work_max", 999), "change_invalid"),
        (ChangeParameter("valid_for_ms_max", 1), "change_invalid"),
        (ChangeParameter("delta_ms", 60_001), "change_invalid"),
        (ChangeParameter("delta_ms", 30_001), "change_invalid"),
        (ChangeParameter("delta_ms", 0), "change_invalid"),
        # What follows would be slower than the links, disks and clocks of small towns, for good.
        (ChangeParameter("delta_max_ms", 9_999), "change_invalid"),
        (ChangeParameter("clock_drift_ms_max", 4_999), "change_invalid"),
        # A block without end of its own, and more epochs than a wallet ever follows.
        (ChangeParameter("heartbeat_ms", 999), "change_invalid"),
        (ChangeParameter("retry_ms", 99), "change_invalid"),
        (ChangeParameter("epoch_ms", 3_599_999), "change_invalid"),
        (ChangeRules(1), "change_invalid"),
    ],
)
def test_a_change_that_does_not_apply_is_not_proposed(
    world: Council, change: Change, code: str
) -> None:
    assert world.code(world.propose("aube", "change", change)) == code


def test_somebody_stays_to_vote_on_blocks(world: Council) -> None:
    for prefix in ("aube", "brume", "cendre"):
        world.enacted(f"pause {prefix}", PauseMember(prefix))
    assert world.code(world.propose("aube", "last", PauseMember("dune"))) == "member_last"
    assert world.code(world.propose("aube", "last", RemoveMember("dune"))) == "member_last"
    alone = Council("aube")
    assert alone.code(alone.propose("aube", "last", RemoveMember("aube"))) == "member_last"


def test_a_vote_counts_once(world: Council) -> None:
    world.block(world.propose("aube", "lines", LINES), world.vote("brume", "lines", False))
    for approve in (True, False):
        assert world.code(world.vote("aube", "lines", approve)) == "vote_already_cast"
        assert world.code(world.vote("brume", "lines", approve)) == "vote_already_cast"


def test_proposals_are_few_and_end(world: Council) -> None:
    names = [f"lines {number}" for number in range(OPEN_PROPOSALS_MAX)]
    for number, name in enumerate(names):
        world.block(world.propose("aube", name, ChangeParameter("lines_max", 100 + number)))
    one_more = world.propose("aube", "one more", LINES)
    assert world.code(one_more) == "proposals_too_many"
    world.block(world.propose("brume", "theirs", LINES))
    assert world.code(world.propose("brume", names[0], LINES)) == "proposal_exists"
    assert world.code(world.vote("brume", "nothing")) == "proposal_unknown"
    until_ms = world.proposal(names[0]).until_ms
    assert until_ms == TIME_MS + 30 * DAY_MS
    world.time_ms = until_ms
    assert world.code(world.vote("brume", names[0])) is None
    world.time_ms += 1
    late = world.vote("brume", names[0])
    assert world.code(late) == "proposal_ended"
    world.block(world.propose("aube", "one more", LINES))
    lines = [line.id for line in world.state.ballot().open]
    assert proposal_id(names[0]) not in lines and proposal_id("one more") in lines


def test_the_ballot_remembers_what_was_decided_last() -> None:
    world = Council("aube")
    for number in range(DECIDED_KEPT + 2):
        world.block(world.propose("aube", str(number), ChangeParameter("lines_max", 1 + number)))
    decided = [proposal_id(str(number)) for number in range(2, DECIDED_KEPT + 2)]
    assert list(world.state.ballot().decided) == decided
    assert world.state.ballot().open == ()


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (PauseMember("dune"), RemoveMember("dune"), "proposal_outdated"),
        (RemoveMember("dune"), PauseMember("dune"), "proposal_outdated"),
        (RemoveMember("dune"), ReplaceKeys("dune", recovery_key=NEW_KEY), "proposal_outdated"),
        (LINES, ChangeParameter("lines_max", 200), "proposal_outdated"),
        (AddMember(town("eden")), AddMember(town("eden", " other")), "proposal_outdated"),
        (
            AddMember(town("eden")),
            AddMember(replace(town("fagne"), currencies=(GenesisCurrency("EDEN"),))),
            "currency_exists",
        ),
        (
            ReplaceKeys("aube", NEW_KEY, b"x"),
            ReplaceKeys("brume", NEW_KEY, b"y"),
            "member_key_used",
        ),
        (
            ChangeParameter("transaction_bytes_max", 1_000_000),
            ChangeParameter("block_bytes_max", 500_000),
            "change_invalid",
        ),
        (ChangeRules(RULE_VERSION + 1), ChangeRules(RULE_VERSION + 1), "proposal_outdated"),
    ],
)
def test_a_yes_is_to_what_was_proposed(
    world: Council, first: Change, second: Change, code: str
) -> None:
    """Another change, enacted since, stands against it: who said yes said it to something else."""
    world.block(world.propose("aube", "second", second))
    world.block(world.vote("brume", "second"))
    world.enacted("first", first)
    assert world.code(world.vote("cendre", "second")) == code
    world.block(world.vote("cendre", "second", False))


def test_a_move_asks_nobody_again(world: Council) -> None:
    world.block(world.propose("aube", "pause", PauseMember("dune")))
    world.block(world.move("dune", "elsewhere:1", "elsewhere:2"))
    world.block(world.vote("brume", "pause"), world.vote("cendre", "pause"))
    assert world.member("dune").paused


# -- who signs ---------------------------------------------------------------------------------


def values_of(transaction: Transaction) -> tuple[Value, ...]:
    """The last values of a transaction's body."""
    values = decode(transaction.body)
    if not isinstance(values, tuple):
        raise TypeError
    return values[COMMON_FIELDS:]


def test_two_of_the_staff_sign_for_a_territory(world: Council) -> None:
    world.block(world.propose("brume", "lines", LINES))
    for whole in (
        world.propose("aube", "other", LINES),
        world.vote("aube", "lines"),
        world.move("aube", "a:1", "b:1"),
    ):
        values = values_of(whole)
        assert world.code(whole) is None
        alone = world.staff(whole.kind, "aube", values, second=None)
        assert world.code(alone) == "signatures_insufficient"
        node = world.staff(whole.kind, "aube", values, second="node")
        assert world.code(node) == "role_missing"
        stranger = world.staff(whole.kind, "aube", values, second="x")
        assert world.code(stranger) == "key_unknown"


def test_one_is_enough_where_there_is_one_and_a_threshold_is_kept() -> None:
    lone = replace(town("aube"), signing_keys=(key("aube staff").public_key,))
    world = Council(founded=[lone])
    fields = propose_fields(proposal_id("lines"), LINES)
    world.block(world.staff(NETWORK_PROPOSE, "aube", fields, second=None))
    assert world.proposal("lines").decided == 1
    third = (*town("aube").signing_keys, key("aube staff 3").public_key)
    strict = Council(founded=[replace(town("aube"), signing_keys=third, signing_threshold=3)])
    assert strict.code(strict.propose("aube", "lines", LINES)) == "signatures_insufficient"


def test_only_a_territory_account_is_heard(world: Council) -> None:
    """Nobody else has staff keys today; if somebody had, he would still be nobody."""
    commons = world.account(town("aube").commons_id)
    devices = tuple([device._replace(roles=roles.STAFF) for device in commons.devices])
    world.alter(commons._replace(devices=devices))
    fields = propose_fields(proposal_id("lines"), LINES)
    asked = world.make(
        NETWORK_PROPOSE, commons.id, key("aube staff"), fields, [key("aube staff 2")]
    )
    assert world.code(asked) == "role_missing"
