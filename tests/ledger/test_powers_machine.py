"""Owners, thieves and town halls do what they can in any order: what must hold all the same.

- With the paper key the owner always regains the account, and nobody else keeps any of it.
- While the owner answers requests before they are due, no key of a thief or of corrupt staff ever
  joins the account, and a blocked key never spends.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.execution import execute
from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    SetThreshold,
    UnblockKey,
)
from ledger.power_objects import Standing
from ledger.roles import PAPER, SPEND
from ledger.transaction import Transaction
from tests.ledger.owners import BOTH, HALL, SHOP, Owners, opened, public
from tests.ledger.world import DAY_MS, entry, person

ANA = person("ana")
OWNED = ("ana", "phone", "till")
EVIL = tuple(f"evil {i}" for i in range(4))
EVERY = (*OWNED, "paper", *EVIL)
KEYS = st.sampled_from(EVERY).map(public)
ROLES = st.sampled_from([SPEND, BOTH, PAPER])
LIMITS = st.none() | st.integers(1, 100)
CHANGES: st.SearchStrategy[KeyChange] = st.one_of(
    st.builds(AddKey, st.sampled_from(EVIL).map(public), ROLES, LIMITS),
    st.builds(RemoveKey, KEYS),
    st.builds(ReplaceKey, KEYS, st.sampled_from(EVIL).map(public)),
    st.builds(UnblockKey, KEYS),
    st.builds(SetLimit, KEYS, LIMITS),
    st.builds(SetThreshold, st.integers(1, 3)),
)
WRONGDOERS = st.sampled_from([("phone",), HALL, HALL[:1], ("phone", "till")])


class Powers(RuleBasedStateMachine):
    """`phone` is a thief's, so are the town hall's staff; `ana`, `till` and `paper` the owner's."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Owners()
        self.world.block(self.world.open([entry("shop")]))
        keys = [opened("ana"), opened("phone"), opened("till", SPEND)]
        self.world.several("ana", keys)
        self.world.put_on("ana", opened("paper", PAPER))

    def attempt(self, transaction: Transaction) -> bool:
        if self.world.code(transaction) is not None:
            return False
        self.world.block(transaction)
        return True

    def makers(self) -> tuple[bytes, ...]:
        return self.world.account(ANA).requests

    def number_free(self) -> None:
        """Refused attempts used no number: the lanes begin where the ledger has them."""
        account, hall = self.world.account(ANA), self.world.account(self.world.hall)
        for owner in (account, hall):
            for device in owner.devices:
                self.world.numbers[owner.id, device.key] = device.high

    # -- what wrongdoers do ----------------------------------------------------------------

    @rule(by=WRONGDOERS, changes=st.lists(CHANGES, min_size=1, max_size=3), waits=st.booleans())
    def change(self, by: tuple[str, ...], changes: list[KeyChange], waits: bool) -> None:
        named = [key for change in changes for key in change if isinstance(key, bytes)]
        if len(set(named)) != len(named) or sum(isinstance(c, SetThreshold) for c in changes) > 1:
            return
        wait_ms = self.world.delay if waits else None
        self.attempt(self.world.keys(ANA, by, changes, wait_ms=wait_ms))
        self.number_free()

    @rule(by=st.sampled_from([("phone",), HALL, HALL[:1]]), name=st.sampled_from(EVERY))
    def block(self, by: tuple[str, ...], name: str) -> None:
        self.attempt(self.world.block_key(ANA, by, name))
        self.number_free()

    @precondition(lambda self: self.makers())
    @rule(by=WRONGDOERS, data=st.data())
    def insist(self, by: tuple[str, ...], data: st.DataObject) -> None:
        maker = data.draw(st.sampled_from(self.makers()))
        self.attempt(self.world.insist(ANA, by, maker))
        self.number_free()

    @precondition(lambda self: self.makers())
    @rule(by=st.sampled_from([("phone",), HALL]), data=st.data())
    def veto(self, by: tuple[str, ...], data: st.DataObject) -> None:
        self.attempt(self.world.veto(ANA, by, data.draw(st.sampled_from(self.makers()))))
        self.number_free()

    @precondition(lambda self: self.makers())
    @rule(by=st.sampled_from([("phone",), HALL[:1], ("ana",)]), data=st.data())
    def complete(self, by: tuple[str, ...], data: st.DataObject) -> None:
        self.attempt(self.world.complete(ANA, by, data.draw(st.sampled_from(self.makers()))))
        self.number_free()

    @rule(by=st.sampled_from([HALL, HALL[:1]]), days=st.integers(1, 30))
    def freeze(self, by: tuple[str, ...], days: int) -> None:
        self.attempt(self.world.freeze(ANA, by, days))
        self.number_free()

    # -- what the owner does ---------------------------------------------------------------

    @rule(by=st.sampled_from(["ana", "till", "paper"]))
    def block_the_phone(self, by: str) -> None:
        self.attempt(self.world.block_key(ANA, (by,), "phone"))
        self.number_free()

    @rule(ms=st.integers(0, 4 * DAY_MS))
    def pass_time(self, ms: int) -> None:
        """The owner answers what is open first: with a phone if it still can, else with paper."""
        for maker in self.makers():
            if self.world.request(ANA, maker).standing is not Standing.OPEN:
                continue
            if not self.attempt(self.world.veto(ANA, ("ana",), maker)):
                assert self.attempt(self.world.veto(ANA, ("paper",), maker))
            self.number_free()
        self.world.time_ms += ms

    # -- what always holds -----------------------------------------------------------------

    @invariant()
    def no_stranger_joins(self) -> None:
        on = self.world.on(ANA)
        assert not on & {public(name) for name in EVIL}
        assert public("paper") in on

    @invariant()
    def nobody_without_power_spends(self) -> None:
        account = self.world.account(ANA)
        for name in (*OWNED, "paper", *EVIL):
            device = account.device(public(name))
            able = (
                device is not None
                and not device.blocked
                and bool(device.roles & SPEND)
                and (device.limit_minor is None or device.limit_minor >= 10)
                and account.threshold == 1
                and account.frozen_until_ms <= self.world.time_ms
            )
            if account.device(public(name)) is not None:
                assert self.world.spends(ANA, name) is able
            self.number_free()

    @invariant()
    def the_paper_key_regains_the_account(self) -> None:
        """On a branch that is left afterwards, when every freeze has ended."""
        world, account = self.world, self.world.account(ANA)
        others = [d.key for d in account.devices if not d.roles & PAPER]
        fresh = "fresh"
        changes: list[KeyChange] = [
            AddKey(public(fresh), BOTH, None),
            SetThreshold(1),
            *[RemoveKey(key) for key in others],
        ]
        now = world.time_ms
        world.time_ms = max(now, account.frozen_until_ms)
        back = world.keys(ANA, ("paper",), changes)
        candidate = execute(world.state, [back], world.time_ms)
        spent = world.spend(ANA, fresh)
        candidate = execute(candidate, [spent], world.time_ms)
        after = candidate.account(ANA)
        shop = candidate.account(SHOP)
        assert after is not None and shop is not None
        assert {d.key for d in after.devices} == {public(fresh), public("paper")}
        assert after.requests == ()
        assert after.balance_minor == account.balance_minor - 10
        world.time_ms = now
        world.numbers[ANA, public(fresh)] = 0
        self.number_free()


TestPowers = Powers.TestCase
TestPowers.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
