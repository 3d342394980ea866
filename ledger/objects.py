"""The objects of the state: accounts, currencies, territories, refunds, runs.

Rules of this file:
- An object is an immutable value. A change makes a new one, so candidates of different branches
  share them freely and a refused transaction cannot leave half a change behind.
- Each carries its tree key, computed once: H("key", [kind, id]).
- `encode` and `decode` are the stored form (docs/protocol.md, section 3). Decoding checks every
  type: wallets decode objects that came from a node they do not trust.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ledger.network_objects import (
    BALLOT,
    MEMBER_KEY,
    NETWORK,
    PROPOSAL,
    BallotRecord,
    MemberKeyRecord,
    NetworkObject,
    NetworkRecord,
    ProposalRecord,
)
from ledger.power_objects import REQUEST, RETIRED, PowerObject, RequestRecord, RetiredKey
from ledger.shapes import (
    BLIND_BYTES,
    ID_BYTES,
    KEY_BYTES,
    RUN_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_fields,
    expect_maker,
    expect_object,
    expect_text,
    wrong_shape,
)
from ledger.tree_keys import OBJECT_VERSION
from ledger.tree_keys import tree_key as tree_key
from primitives.encoding import Value, decode, decode_own, encode
from primitives.errors import Refused

ACCOUNT = "account"
CURRENCY = "currency"
TERRITORY = "territory"
REFUND = "refund"
RUN = "run"
ACCOUNT_VERSION = 2
BITMAP_BYTES = 8

NOT_BLOCKED = 0
BLOCKED_BY_HALL = 1
BLOCKED_BY_OWNER = 2
"""By another key of the account: that one may no longer veto either (ledger/powers.py)."""


class DeviceKey(NamedTuple):
    """One key of an account, with its lane: highest number used and the 64 below."""

    key: bytes
    roles: int
    limit_minor: int | None
    high: int
    bitmap: int
    """Bit i, from the least significant, is number high − 1 − i."""
    blocked: int = NOT_BLOCKED
    """0, or who blocked it."""

    def value(self) -> Value:
        """The stored form: `[key, roles, limit_minor or nil, high, bitmap(8 bytes), blocked]`."""
        return (
            self.key,
            self.roles,
            self.limit_minor,
            self.high,
            self.bitmap.to_bytes(BITMAP_BYTES, "big"),
            self.blocked,
        )

    def at(self, high: int, bitmap: int) -> DeviceKey:
        """The same key with its lane there."""
        key, roles, limit_minor, _, _, blocked = self
        return tuple.__new__(DeviceKey, (key, roles, limit_minor, high, bitmap, blocked))

    @classmethod
    def read_back(cls, value: Sequence[Any]) -> DeviceKey:
        """What `value` gave, from the node's own store."""
        key, roles, limit_minor, high, bitmap, blocked = value
        bits = int.from_bytes(bitmap, "big")
        return tuple.__new__(cls, (key, roles, limit_minor, high, bits, blocked))

    @classmethod
    def decode(cls, value: Value) -> DeviceKey:
        """Read the stored form; raises `Refused("encoding_not_canonical")`."""
        key, roles, limit, high, bitmap, blocked = expect_fields(value, 6, "device")
        return cls(
            expect_bytes(key, KEY_BYTES, "key"),
            expect_count(roles, "roles"),
            None if limit is None else expect_count(limit, "limit_minor"),
            expect_count(high, "high"),
            int.from_bytes(expect_bytes(bitmap, BITMAP_BYTES, "bitmap"), "big"),
            expect_count(blocked, "blocked"),
        )


class Account(NamedTuple):
    """What one account holds, and who may act for it."""

    tree_key: bytes
    id: bytes
    prefix: str
    kind: str
    currency: str
    balance_minor: int
    blind: bytes
    threshold: int
    devices: tuple[DeviceKey, ...]
    frozen_until_ms: int
    day: int
    day_count: int
    key_set: int = 0
    """How often its set of keys changed."""
    requests: tuple[bytes, ...] = ()
    """Makers of the requests that are open for it, sorted: a device key, or the id of the
    territory's account."""
    freeze_reason: int = 0

    def encode(self) -> bytes:
        """The stored form."""
        return encode(
            (
                ACCOUNT,
                ACCOUNT_VERSION,
                *self[1:8],
                tuple([device.value() for device in self.devices]),
                *self[9:],
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> Account:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), ACCOUNT, ACCOUNT_VERSION, 16)
        identity = expect_bytes(value[2], ID_BYTES, "id")
        return cls(
            tree_key(ACCOUNT, identity),
            identity,
            expect_text(value[3], "prefix"),
            expect_text(value[4], "kind"),
            expect_text(value[5], "currency"),
            expect_count(value[6], "balance_minor"),
            expect_bytes(value[7], BLIND_BYTES, "blind"),
            expect_count(value[8], "threshold"),
            tuple([DeviceKey.decode(device) for device in expect_array(value[9], "devices")]),
            expect_count(value[10], "frozen_until_ms"),
            expect_count(value[11], "day"),
            expect_count(value[12], "day_count"),
            expect_count(value[13], "key_set"),
            tuple([expect_maker(maker) for maker in expect_array(value[14], "requests")]),
            expect_count(value[15], "freeze_reason"),
        )

    @classmethod
    def read_back(cls, key: bytes, raw: bytes) -> Account:
        """What `encode` made of the account with this tree key, as the node's own store has it,
        whose checksums hold. A quarter of what `decode` takes; raises `Refused`."""
        try:
            value = decode_own(raw)
            kind = value[:2] if type(value) is tuple else None
            if kind == (ACCOUNT, ACCOUNT_VERSION) and len(value) == 16:
                devices = tuple([DeviceKey.read_back(device) for device in value[9]])
                return tuple.__new__(cls, (key, *value[2:9], devices, *value[10:]))
        except (TypeError, ValueError):
            pass
        return cls.decode(raw)  # which says what is wrong with it

    def credited(self, amount_minor: int) -> Account:
        """The same account with `amount_minor` more (or less, if negative)."""
        return self.moved(amount_minor, self.devices, self.day, self.day_count)

    def moved(
        self, amount_minor: int, devices: tuple[DeviceKey, ...], day: int, day_count: int
    ) -> Account:
        """The same account with `amount_minor` more, and what using a lane changes."""
        # Each payment makes two: reading all fields at once and making the tuple directly takes
        # half the time of naming them one by one.
        # fmt: off
        (tree_key, identity, prefix, kind, currency, balance_minor, blind, threshold, _,
         frozen_until_ms, _, _, key_set, requests, freeze_reason) = self
        return tuple.__new__(
            Account,
            (tree_key, identity, prefix, kind, currency, balance_minor + amount_minor, blind,
             threshold, devices, frozen_until_ms, day, day_count, key_set, requests,
             freeze_reason),
        )
        # fmt: on

    def device(self, key: bytes) -> DeviceKey | None:
        """The device key `key` of this account, if it stands on it."""
        for device in self.devices:
            if device.key == key:
                return device
        return None


class Currency(NamedTuple):
    """Totals and terms of one currency."""

    tree_key: bytes
    code: str
    prefix: str
    kind: str
    decimals: int
    issuer_id: bytes
    reserve_minor: int
    supply_minor: int
    receivable_minor: int
    payable_minor: int
    accounts: int
    """How many accounts hold this currency, those of the genesis included."""
    redeem_fee_bps: int
    fee_account_id: bytes
    redeem_kinds: tuple[str, ...]

    def encode(self) -> bytes:
        """The stored form."""
        return encode((CURRENCY, OBJECT_VERSION, *self[1:]))

    @classmethod
    def decode(cls, raw: bytes) -> Currency:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), CURRENCY, OBJECT_VERSION, 15)
        code = expect_text(value[2], "code")
        return cls(
            tree_key(CURRENCY, code),
            code,
            expect_text(value[3], "prefix"),
            expect_text(value[4], "kind"),
            expect_count(value[5], "decimals"),
            expect_bytes(value[6], ID_BYTES, "issuer_id"),
            expect_count(value[7], "reserve_minor"),
            expect_count(value[8], "supply_minor"),
            expect_count(value[9], "receivable_minor"),
            expect_count(value[10], "payable_minor"),
            expect_count(value[11], "accounts"),
            expect_count(value[12], "redeem_fee_bps"),
            expect_bytes(value[13], ID_BYTES, "fee_account_id"),
            tuple([expect_text(kind, "redeem_kinds") for kind in expect_array(value[14], "kinds")]),
        )


class TerritoryRecord(NamedTuple):
    """What the ledger knows of a territory: its accounts, its currencies, its day's counts."""

    tree_key: bytes
    prefix: str
    name: str
    account_id: bytes
    commons_id: bytes
    currency_codes: tuple[str, ...]
    day: int
    opened_count: int
    lines_count: int
    wage_cap_bps: int
    two_signers_above_minor: int
    """Above it, two of the staff must sign what the node countersigns for the commons' money."""

    def encode(self) -> bytes:
        """The stored form."""
        return encode((TERRITORY, OBJECT_VERSION, *self[1:]))

    @classmethod
    def decode(cls, raw: bytes) -> TerritoryRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), TERRITORY, OBJECT_VERSION, 12)
        prefix = expect_text(value[2], "prefix")
        return cls(
            tree_key(TERRITORY, prefix),
            prefix,
            expect_text(value[3], "name"),
            expect_bytes(value[4], ID_BYTES, "account_id"),
            expect_bytes(value[5], ID_BYTES, "commons_id"),
            tuple([expect_text(code, "code") for code in expect_array(value[6], "currencies")]),
            expect_count(value[7], "day"),
            expect_count(value[8], "opened_count"),
            expect_count(value[9], "lines_count"),
            expect_count(value[10], "wage_cap_bps"),
            expect_count(value[11], "two_signers_above_minor"),
        )


class RefundRecord(NamedTuple):
    """How much of one payment went back so far; ends at `until_ms`."""

    tree_key: bytes
    receipt_number: int
    refunded_minor: int
    until_ms: int

    def encode(self) -> bytes:
        """The stored form."""
        return encode((REFUND, OBJECT_VERSION, *self[1:]))

    @classmethod
    def decode(cls, raw: bytes) -> RefundRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), REFUND, OBJECT_VERSION, 5)
        number = expect_count(value[2], "receipt_number")
        return cls(
            tree_key(REFUND, number),
            number,
            expect_count(value[3], "refunded_minor"),
            expect_count(value[4], "until_ms"),
        )


class RunRecord(NamedTuple):
    """That an employer paid a payroll, or a programme credited bulletins, under this id; stays
    for ever, so that it is not done twice."""

    tree_key: bytes
    owner: bytes
    """The account that paid."""
    run_id: bytes
    total_minor: int
    lines: int

    def encode(self) -> bytes:
        """The stored form."""
        return encode((RUN, OBJECT_VERSION, *self[1:]))

    @classmethod
    def decode(cls, raw: bytes) -> RunRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), RUN, OBJECT_VERSION, 6)
        owner = expect_bytes(value[2], ID_BYTES, "owner")
        run_id = expect_bytes(value[3], RUN_BYTES, "run_id")
        return cls(
            tree_key(RUN, owner + run_id),
            owner,
            run_id,
            expect_count(value[4], "total_minor"),
            expect_count(value[5], "lines"),
        )


StateObject: TypeAlias = (
    Account | Currency | TerritoryRecord | RefundRecord | RunRecord | NetworkObject | PowerObject
)

_DECODERS: dict[str, Callable[[bytes], StateObject]] = {
    ACCOUNT: Account.decode,
    CURRENCY: Currency.decode,
    TERRITORY: TerritoryRecord.decode,
    REFUND: RefundRecord.decode,
    RUN: RunRecord.decode,
    NETWORK: NetworkRecord.decode,
    BALLOT: BallotRecord.decode,
    PROPOSAL: ProposalRecord.decode,
    MEMBER_KEY: MemberKeyRecord.decode,
    REQUEST: RequestRecord.decode,
    RETIRED: RetiredKey.decode,
}


def decode_object(raw: bytes) -> StateObject:
    """Read an object of any kind; raises `Refused`, `kind_unknown` for another."""
    value = decode(raw)
    kind = value[0] if type(value) is tuple and value else None
    if type(kind) is not str:
        raise wrong_shape("object")
    read = _DECODERS.get(kind)
    if read is None:
        raise Refused("kind_unknown", f"{kind[:40]!r}")
    return read(raw)
