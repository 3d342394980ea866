"""A thief has one staff key of a territory, or one issuer's key: colleagues keep the account."""

from __future__ import annotations

import pytest

from ledger.key_changes import AddKey, KeyChange, RemoveKey, ReplaceKey, SetThreshold
from ledger.power_fields import keys_fields
from ledger.roles import COUNTERSIGN, ISSUE, MANAGE, PAPER, SPEND, STAFF
from ledger.transaction import Transaction
from tests.ledger.month import Month
from tests.ledger.owners import Owners, public
from tests.ledger.world import key, person

ISSUERS = ("lavo issuer 0", "lavo issuer 1")


class Territory(Owners):
    """Staff act on their own territory's account; `lavo recovery` is its paper key."""

    def own(self, by: tuple[str, ...], *changes: KeyChange, waits: bool = False) -> Transaction:
        due_ms = self.time_ms + self.delay if waits else None
        fields = keys_fields(self.hall, self.account(self.hall).key_set, changes, due_ms)
        others = [key(name) for name in by[1:]]
        return self.make("account.keys", self.hall, key(by[0]), fields, others)

    def issuers(self, by: tuple[str, ...], *changes: KeyChange) -> Transaction:
        issuer = self.currency("LAV").issuer_id
        fields = keys_fields(issuer, self.account(issuer).key_set, changes)
        others = [key(name) for name in by[1:]]
        return self.make("account.keys", issuer, key(by[0]), fields, others)

    def out(self, by: str, name: str) -> Transaction:
        fields = (self.hall, public(name))
        return self.make("account.block", self.hall, key(by), fields)


def test_all_colleagues_blocked_the_recovery_key_brings_them_back() -> None:
    world = Territory()
    world.block(*[world.out("lavo staff 2", name) for name in ("lavo staff", "lavo node")])
    world.block(world.out("lavo staff", "lavo staff 2"))
    assert world.code(world.out("lavo staff 2", "lavo recovery")) == "key_blocked"
    back = world.own(
        ("lavo recovery",),
        ReplaceKey(public("lavo staff"), public("new staff")),
        ReplaceKey(public("lavo node"), public("new node")),
        RemoveKey(public("lavo staff 2")),
    )
    world.block(back)
    assert world.on(world.hall) == {
        public(name) for name in ("new staff", "new node", "lavo recovery")
    }
    assert world.code(world.out("lavo staff 2", "new staff")) == "key_unknown"


def test_staff_node_and_recovery_keys_are_rotated_by_the_threshold() -> None:
    world = Territory()
    world.block(world.own(("lavo recovery",), SetThreshold(2)))
    both = ("lavo staff", "lavo staff 2")
    world.block(
        world.own(
            both,
            AddKey(public("third"), STAFF, None),
            ReplaceKey(public("lavo node"), public("new node")),
            AddKey(public("new recovery"), PAPER, None),
        )
    )
    world.block(world.own(("new recovery",), RemoveKey(public("lavo recovery"))))
    world.block(world.own(("third", "lavo staff"), RemoveKey(public("lavo staff 2"))))
    roles = {d.key: d.roles for d in world.account(world.hall).devices}
    assert roles == {
        public("lavo staff"): STAFF,
        public("third"): STAFF,
        public("new node"): COUNTERSIGN,
        public("new recovery"): PAPER,
    }
    one_more = world.own(("third", "lavo staff"), RemoveKey(public("lavo staff")))
    assert world.code(one_more) == "threshold_invalid"


@pytest.mark.parametrize("roles", [SPEND, MANAGE, ISSUE, STAFF | COUNTERSIGN, STAFF | PAPER, 64, 0])
def test_a_territorys_key_has_no_other_roles(roles: int) -> None:
    world = Territory()
    attempt = world.own(("lavo recovery",), AddKey(public("clerk"), roles, None))
    assert world.code(attempt) == "roles_invalid"


@pytest.mark.parametrize("roles", [STAFF, ISSUE, COUNTERSIGN, SPEND | PAPER, 64, 0])
def test_a_residents_key_has_none_of_these(roles: int) -> None:
    world = Territory()
    world.start()
    attempt = world.keys(person("ana"), ("ana paper",), [AddKey(public("x"), roles, None)])
    assert world.code(attempt) == "roles_invalid"


def test_a_node_alone_gives_no_keys_and_is_always_there() -> None:
    world = Territory()
    mine = AddKey(public("clerk"), STAFF, None)
    assert world.code(world.own(("lavo node",), mine, waits=True)) == "role_missing"
    gone = world.own(("lavo recovery",), RemoveKey(public("lavo node")))
    assert world.code(gone) == "keys_invalid"


def test_issuers_rotate_by_their_threshold_and_share_no_key_with_the_town_hall() -> None:
    world = Territory()
    new = ReplaceKey(public("lavo issuer 2"), public("new issuer"))
    assert world.code(world.issuers(ISSUERS[:1], new)) == "change_must_wait"
    staff = AddKey(public("lavo staff"), ISSUE, None)
    assert world.code(world.issuers(ISSUERS, staff)) == "key_exists"
    world.block(world.issuers(ISSUERS, new))
    issuer = AddKey(public("new issuer"), STAFF, None)
    assert world.code(world.own(("lavo recovery",), issuer)) == "key_exists"
    world.start()
    payment = world.issue([(person("ana"), 5)], signers=("lavo issuer 0", "lavo issuer 2"))
    assert world.code(payment) == "key_unknown"
    payment = world.issue([(person("ana"), 5)], signers=("lavo issuer 0", "new issuer"))
    assert world.code(payment) is None


def test_a_blocked_issuer_creates_no_money() -> None:
    world = Territory()
    world.start()
    issuer = world.currency("LAV").issuer_id
    fields = (issuer, public("lavo issuer 1"))
    world.block(world.make("account.block", issuer, key("lavo issuer 0"), fields))
    assert world.code(world.issue([(person("ana"), 5)])) == "key_blocked"


def test_a_blocked_clerk_and_a_blocked_node_sign_no_budget() -> None:
    world = Month()
    territory = world.territory()
    world.block(world.issue([(territory.commons_id, 500_000)]))
    both = ("lavo staff", "lavo staff 2")
    assert world.code(world.open_programme("first", 120_000, both)) is None
    for name, signers in (("lavo staff 2", both), ("lavo node", both[:1])):
        fields = (territory.account_id, public(name))
        world.block(world.make("account.block", territory.account_id, key("lavo staff"), fields))
        amount_minor = 120_000 if len(signers) == 2 else 1_000
        attempt = world.open_programme("second", amount_minor, signers)
        assert world.code(attempt) == "key_blocked"
