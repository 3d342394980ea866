"""A `World` of owners with several keys and town halls, and acts of power for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.fields import OpenedKey
from ledger.key_changes import AddKey, KeyChange
from ledger.objects import Account
from ledger.payments import pay_fields
from ledger.power_fields import (
    ACCOUNT_BLOCK,
    ACCOUNT_COMPLETE,
    ACCOUNT_DECIDE,
    ACCOUNT_ESCALATE,
    ACCOUNT_FREEZE,
    ACCOUNT_KEYS,
    ACCOUNT_UNFREEZE,
    ACCOUNT_VETO,
    block_fields,
    decide_fields,
    escalate_fields,
    freeze_fields,
    keys_fields,
    request_fields,
    unfreeze_fields,
)
from ledger.power_objects import RequestRecord, request_key
from ledger.roles import MANAGE, PAPER, SPEND
from ledger.transaction import Transaction
from primitives.encoding import Value
from tests.ledger.world import DAY_MS, HOUR_MS, World, entry, key, person

BOTH = SPEND | MANAGE
HALL = ("lavo staff", "lavo staff 2")
COUNCIL = (*HALL, "brume staff")
SHOP = person("shop")


def public(name: str) -> bytes:
    """The public key that always belongs to this name."""
    return key(name).public_key


def opened(name: str, roles: int = BOTH, limit_minor: int | None = None) -> OpenedKey:
    return OpenedKey(public(name), roles, limit_minor)


class Owners(World):
    """`by` is always who signs: the lane's device first, then the others. Names of the town
    hall's staff act from its account, all others from the account they act on."""

    def start(self, name: str = "ana", *, paper: bool = True, shop: bool = True) -> bytes:
        """An account of that name with money; `NAME paper` is its paper key."""
        if shop:
            self.block(self.open([entry("shop")]))
        self.block(self.open([entry(name)]))
        self.block(self.issue([(person(name), 100_000)]))
        if paper:
            self.put_on(name, opened(f"{name} paper", PAPER))
        return person(name)

    def put_on(self, name: str, *keys: OpenedKey) -> None:
        """Put keys on an account by request of its first key, without waiting for the delay."""
        account = self.account(person(name))
        self.block(self.keys(account.id, (name,), [AddKey(*k) for k in keys], wait_ms=self.delay))
        self.time_ms += self.delay
        self.block(self.complete(account.id, (name,), public(name)))

    @property
    def delay(self) -> int:
        return self.genesis.parameters.recovery_delay_ms

    @property
    def hall(self) -> bytes:
        territory = self.state.territory("lavo")
        if territory is None:
            raise KeyError("lavo")
        return territory.account_id

    def signed(
        self,
        kind: str,
        target: bytes,
        by: Sequence[str],
        fields: Sequence[Value],
        *,
        valid_for_ms: int = HOUR_MS,
        created_ms: int | None = None,
    ) -> Transaction:
        lane = self.hall if by[0].startswith("lavo staff") else target
        return self.make(
            kind,
            lane,
            key(by[0]),
            fields,
            [key(name) for name in by[1:]],
            valid_for_ms=valid_for_ms,
            created_ms=created_ms,
        )

    def block_key(self, target: bytes, by: Sequence[str], name: str) -> Transaction:
        return self.signed(ACCOUNT_BLOCK, target, by, block_fields(target, public(name)))

    def keys(
        self,
        target: bytes,
        by: Sequence[str],
        changes: Sequence[KeyChange],
        *,
        wait_ms: int | None = None,
        key_set: int | None = None,
        valid_for_ms: int = HOUR_MS,
    ) -> Transaction:
        """At once, or a request that is due in `wait_ms`."""
        if key_set is None:
            key_set = self.account(target).key_set
        due_ms = None if wait_ms is None else self.time_ms + wait_ms
        fields = keys_fields(target, key_set, changes, due_ms)
        return self.signed(ACCOUNT_KEYS, target, by, fields, valid_for_ms=valid_for_ms)

    def ask(self, target: bytes, by: Sequence[str], *changes: KeyChange) -> Transaction:
        """A request that is due as soon as can be."""
        return self.keys(target, by, changes, wait_ms=self.delay)

    def veto(self, target: bytes, by: Sequence[str], maker: bytes) -> Transaction:
        return self.signed(ACCOUNT_VETO, target, by, request_fields(target, maker))

    def complete(self, target: bytes, by: Sequence[str], maker: bytes) -> Transaction:
        return self.signed(ACCOUNT_COMPLETE, target, by, request_fields(target, maker))

    def insist(self, target: bytes, by: Sequence[str], maker: bytes) -> Transaction:
        fields = escalate_fields(target, maker, self.time_ms + self.delay)
        return self.signed(ACCOUNT_ESCALATE, target, by, fields)

    def decide(
        self,
        target: bytes,
        by: Sequence[str],
        maker: bytes,
        agree: bool,
        other: str = "brume",
        changes: Sequence[KeyChange] | None = None,
    ) -> Transaction:
        """On what is asked, or on `changes`."""
        if changes is None:
            record = self.state.record(request_key(target, maker))
            changes = [AddKey(public("nobody"), BOTH, None)]
            if isinstance(record, RequestRecord):
                changes = record.changes
        fields = decide_fields(target, maker, other, agree, changes)
        return self.signed(ACCOUNT_DECIDE, target, by, fields)

    def freeze(
        self, target: bytes, by: Sequence[str] = HALL, days: int = 30, reason: int = 2
    ) -> Transaction:
        fields = freeze_fields(target, reason, self.time_ms + days * DAY_MS)
        return self.signed(ACCOUNT_FREEZE, target, by, fields)

    def unfreeze(self, target: bytes, by: Sequence[str] = HALL) -> Transaction:
        return self.signed(ACCOUNT_UNFREEZE, target, by, unfreeze_fields(target))

    def spend(self, target: bytes, *by: str, amount_minor: int = 10) -> Transaction:
        """Pay the shop, signed by these keys of the account."""
        fields = pay_fields(SHOP, "LAV", amount_minor)
        return self.signed("payment.pay", target, by, fields)

    def spends(self, target: bytes, *by: str) -> bool:
        """Whether these keys can spend now."""
        return self.code(self.spend(target, *by)) is None

    def on(self, target: bytes) -> set[bytes]:
        """The keys of the account."""
        return {device.key for device in self.account(target).devices}

    def request(self, target: bytes, maker: bytes) -> RequestRecord:
        record = self.state.record(request_key(target, maker))
        if not isinstance(record, RequestRecord):
            raise KeyError(maker.hex())
        return record

    def several(self, name: str, keys: Sequence[OpenedKey], threshold: int = 1) -> Account:
        """An account opened with all these keys, with money."""
        self.block(self.open([entry(name, keys=keys, threshold=threshold)]))
        identity = person(name)
        self.block(self.issue([(identity, 100_000)]))
        return self.account(identity)
