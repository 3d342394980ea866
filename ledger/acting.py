"""Who acts on an account: what the signatures under a transaction about powers amount to.

The lane is one of the account's own, or one of the account of its territory. Every signer must
count for what they are: a stranger's, a blocked key's or an idle signature is refused, as
everywhere.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.account_kinds import ISSUER, TERRITORY
from ledger.envelope import Transaction
from ledger.key_sets import MANAGING
from ledger.lanes import LaneUse, use_lane, valid_for_ms_max
from ledger.objects import BLOCKED_BY_HALL, Account, DeviceKey
from ledger.powers import POWERS, Act, Actor, When
from ledger.roles import PAPER, STAFF
from ledger.signers import check_unblocked
from ledger.territories import known_account, known_territory
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import Refused

HALL_STAFF: Final = 2
"""So many of its staff act as the town hall."""

RESERVED_PER_DAY: Final = 100
"""Transactions that paper keys, thresholds and town halls have above an account's daily quota: a
thief who uses the quota up leaves them these."""

_UNCOUNTED: Final = frozenset({Act.BLOCK_KEY, Act.BLOCK_PAPER, Act.VETO})
"""Acts that no quota stops: a key is blocked once, a request vetoed twice."""

_RESERVED: Final = frozenset({Actor.THRESHOLD, Actor.PAPER, Actor.HALL, Actor.COUNCIL})

_REFUSALS: Final = {
    Actor.PLAIN_DEVICE: "role_missing",
    Actor.BLOCKED_BY_HALL: "key_blocked",
    Actor.BLOCKED_BY_OWNER: "key_blocked",
    Actor.ONE_STAFF: "signatures_insufficient",
}


class Acting(NamedTuple):
    """Who acts, from which lane, on which account."""

    actor: Actor
    target: Account
    """The account acted on; if the lane is its own, with the lane's number used."""
    lane: Account | None
    """The territory's account with the lane's number used, if the lane is the territory's."""
    maker: bytes
    """Who its requests are: the device key, or the territory's account."""

    @property
    def is_hall(self) -> bool:
        """Whether the town hall acts on another's account."""
        return self.lane is not None

    def written(self, target: Account) -> tuple[Account, ...]:
        """The accounts to write, the acted-on one being `target` now."""
        return (target,) if self.lane is None else (self.lane, target)


def allowed(acting: Acting, act: Act) -> When:
    """What the table says; `NEVER` is refused with the code that fits the actor."""
    when = POWERS[act, acting.actor]
    if when is When.NEVER:
        code = _REFUSALS.get(acting.actor, "power_missing")
        raise Refused(code, f"{acting.actor.value}: {act.value}")
    return when


def check_acting(
    view: View,
    transaction: Transaction,
    target: bytes,
    act: Act | None,
    time_ms: int,
    other_prefix: str | None = None,
) -> Acting:
    """Who acts on `target`, and that `act` is theirs at all (nil: the caller asks the table).

    With `other_prefix` it is for the town hall and that territory to act, whatever the account.
    Raises `account_unknown`, `key_unknown`, `role_missing`, `account_kind_invalid`, `key_blocked`,
    `signatures_insufficient`, `power_missing`, what `use_lane` raises.
    """
    account = view.account(target)
    home = view.account(transaction.account)
    if account is None or home is None:
        raise Refused("account_unknown", "the account is not open", field="account")
    is_own = home.id == account.id and other_prefix is None
    place = _place_of(home, transaction.device)
    if is_own:
        actor, maker = _own_actor(account, home.devices[place], transaction), transaction.device
    else:
        actor, maker = _hall_actor(view, home, account, transaction, other_prefix), home.id
    use = use_lane(
        home,
        place,
        transaction,
        time_ms,
        valid_for_ms_max(view, transaction),
        _per_day_max(view, act, actor),
    )
    acted = _counted(use, act)
    if home.id == account.id:
        acting = Acting(actor, acted, None, maker)
    else:
        acting = Acting(actor, account, acted, maker)
    if act is not None:
        allowed(acting, act)
    return acting


def _place_of(account: Account, key: bytes) -> int:
    for place, device in enumerate(account.devices):
        if device.key == key:
            return place
    raise Refused("key_unknown", "the device is not on the account", field="device")


def _own_actor(account: Account, device: DeviceKey, transaction: Transaction) -> Actor:
    """What keys of the account itself amount to; those beside the lane's must all count."""
    others = transaction.signers[1:]
    managing = MANAGING.get(account.kind, 0)
    if device.blocked or device.roles & PAPER or not device.roles & managing:
        if others:
            raise Refused("role_missing", "the device acts alone", field="signers")
        if device.blocked:
            by_hall = device.blocked == BLOCKED_BY_HALL
            return Actor.BLOCKED_BY_HALL if by_hall else Actor.BLOCKED_BY_OWNER
        return Actor.PAPER if device.roles & PAPER else Actor.PLAIN_DEVICE
    for key, _ in others:
        _counts(account.device(key), managing)
    is_threshold = 2 <= account.threshold <= len(transaction.signers)
    return Actor.THRESHOLD if is_threshold else Actor.DEVICE


def _hall_actor(
    view: View,
    home: Account,
    account: Account,
    transaction: Transaction,
    other_prefix: str | None,
) -> Actor:
    """What staff of the account's territory amount to, one of `other_prefix` beside them."""
    territory = known_territory(view, account.prefix)
    if territory.account_id != home.id:
        raise Refused("role_missing", "neither the account itself nor its territory's")
    if other_prefix is None and account.kind in (TERRITORY, ISSUER):
        raise Refused("account_kind_invalid", f"no town hall decides about a {account.kind}'s keys")
    other = None
    if other_prefix is not None:
        found = view.territory(other_prefix)
        # Who was sent away has no say about others' people any more.
        is_member = view.network().terms.member(other_prefix) is not None
        if found is None or found.prefix == home.prefix or not is_member:
            raise Refused("territory_unknown", f"{other_prefix[:20]!r}", field="other_prefix")
        other = known_account(view, found.account_id)
    ours = theirs = 0
    for key, _ in transaction.signers:
        device = home.device(key)
        if device is None and other is not None:
            _counts(other.device(key), STAFF)
            theirs += 1
        else:
            _counts(device, STAFF)
            ours += 1
    if ours < max(HALL_STAFF, home.threshold) or (other is not None and not theirs):
        return Actor.ONE_STAFF
    return Actor.HALL if other is None else Actor.COUNCIL


def _counts(device: DeviceKey | None, role: int) -> None:
    """A signer's key is there, not blocked, and has the role."""
    if device is None:
        raise Refused("key_unknown", "a signer is not on the account", field="signers")
    check_unblocked(device)
    if not device.roles & role:
        raise Refused("role_missing", "a signer lacks the role", field="signers")


def _per_day_max(view: View, act: Act | None, actor: Actor) -> int:
    if act in _UNCOUNTED:
        return AMOUNT_MINOR_MAX
    more = RESERVED_PER_DAY if actor in _RESERVED else 0
    return view.parameters.transactions_per_day_max + more


def _counted(use: LaneUse, act: Act | None) -> Account:
    """The lane's account, its number used, and the day's count as it was if none counts."""
    account = use.spent(0)
    if act in _UNCOUNTED:
        return account._replace(day=use.account.day, day_count=use.account.day_count)
    return account


def is_staff_still(home: Account, signers: tuple[bytes, ...]) -> bool:
    """Whether as many of them as a town hall needs are still of its staff, unblocked."""
    devices = [home.device(key) for key in signers]
    staff = [d for d in devices if d is not None and d.roles & STAFF and not d.blocked]
    return len(staff) >= HALL_STAFF
