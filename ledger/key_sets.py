"""An account's keys after a list of changes, and which acts of the table these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.account_kinds import COMMONS, EMPLOYER, ISSUER, RESIDENT, SERVICE, TERRITORY
from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    SetThreshold,
    UnblockKey,
    new_keys,
)
from ledger.objects import NOT_BLOCKED, Account, DeviceKey
from ledger.power_objects import RetiredKey, retired_key
from ledger.powers import Act
from ledger.roles import COUNTERSIGN, ISSUE, MANAGE, PAPER, SPEND, STAFF
from ledger.territories import known_account, known_territory
from ledger.view import View
from primitives.errors import Refused

KEYS_MAX: Final = 16

MANAGING: Final = {
    RESIDENT: MANAGE,
    SERVICE: MANAGE,
    EMPLOYER: MANAGE,
    COMMONS: MANAGE,
    TERRITORY: STAFF,
    ISSUER: ISSUE,
}
"""By kind of account, the role whose keys decide about its keys. A programme has none."""

_ACTING: Final = {**MANAGING, **dict.fromkeys((RESIDENT, SERVICE, EMPLOYER, COMMONS), SPEND)}
"""By kind of account, the role that its threshold counts."""

_ROLES: Final = {
    TERRITORY: (STAFF, COUNTERSIGN, PAPER),
    ISSUER: (ISSUE, PAPER),
    **dict.fromkeys((RESIDENT, SERVICE, EMPLOYER, COMMONS), (SPEND, MANAGE, SPEND | MANAGE, PAPER)),
}
"""By kind of account, what a key on it may be."""


class ChangedKeys(NamedTuple):
    """What a list of changes makes of an account."""

    account: Account
    acts: frozenset[Act]
    """What the table must allow."""
    retired: tuple[RetiredKey, ...]
    """The keys that leave for ever."""


def change_keys(view: View, account: Account, changes: Sequence[KeyChange]) -> ChangedKeys:
    """The account after `changes`, in their order. Where keys come or go, its set is another one,
    and every open request falls.

    Raises `account_kind_invalid` (a programme has no keys), `key_unknown`, `key_exists`,
    `key_retired`, `keys_invalid`, `roles_invalid`, `threshold_invalid`.
    """
    if account.kind not in MANAGING:
        raise Refused("account_kind_invalid", f"a {account.kind} has no keys")
    for key in new_keys(changes):
        _check_new(view, account, key)
    devices = {device.key: device for device in account.devices}
    threshold = account.threshold
    acts: set[Act] = set()
    gone: list[bytes] = []
    for change in changes:
        if isinstance(change, SetThreshold):
            threshold = change.threshold
            acts.add(Act.SET_THRESHOLD)
        elif isinstance(change, AddKey):
            devices[change.key] = DeviceKey(change.key, change.roles, change.limit_minor, 0, 0)
            acts.add(Act.ADD_PAPER if change.roles & PAPER else Act.ADD_KEY)
        else:
            device = devices.get(change.key)
            if device is None:
                raise Refused("key_unknown", "the key is not on the account", field="changes")
            act = _change_one(devices, device, change)
            acts.add(Act.CHANGE_PAPER if device.roles & PAPER else act)
            if isinstance(change, RemoveKey | ReplaceKey):
                gone.append(change.key)
    changed = account._replace(devices=tuple(devices.values()), threshold=threshold)
    _check_keys(changed)
    if gone or new_keys(changes):
        changed = changed._replace(key_set=account.key_set + 1, requests=())
    retired = tuple([retired_key(account.id, key) for key in gone])
    return ChangedKeys(changed, frozenset(acts), retired)


def _change_one(
    devices: dict[bytes, DeviceKey],
    device: DeviceKey,
    change: RemoveKey | ReplaceKey | UnblockKey | SetLimit,
) -> Act:
    """Change one key that is there."""
    if isinstance(change, RemoveKey):
        del devices[device.key]
        return Act.REMOVE_KEY
    if isinstance(change, ReplaceKey):
        new = DeviceKey(change.by, device.roles, device.limit_minor, 0, 0)
        others = [new if other is device else other for other in devices.values()]
        devices.clear()
        devices.update([(other.key, other) for other in others])
        return Act.REPLACE_KEY
    if isinstance(change, UnblockKey):
        if not device.blocked:
            raise Refused("keys_invalid", "the key is not blocked", field="changes")
        devices[device.key] = device._replace(blocked=NOT_BLOCKED)
        return Act.LIFT_BLOCK
    old_minor, new_minor = device.limit_minor, change.limit_minor
    if not device.roles & SPEND:
        raise Refused("keys_invalid", "the key spends nothing", field="changes")
    devices[device.key] = device._replace(limit_minor=new_minor)
    lowered = new_minor is not None and (old_minor is None or new_minor <= old_minor)
    return Act.LOWER_LIMIT if lowered else Act.RAISE_LIMIT


def _check_new(view: View, account: Account, key: bytes) -> None:
    """The key was never on the account; a territory and its issuer have no key in common."""
    if account.device(key) is not None:
        raise Refused("key_exists", "the key is on the account already", field="changes")
    if view.record(retired_key(account.id, key).tree_key) is not None:
        raise Refused("key_retired", "the key was on the account once", field="changes")
    if account.kind in (TERRITORY, ISSUER):
        territory = known_territory(view, account.prefix)
        currency = view.currency(territory.currency_codes[0])
        identities = [territory.account_id, *([] if currency is None else [currency.issuer_id])]
        for other in [known_account(view, identity) for identity in identities]:
            if other.device(key) is not None:
                raise Refused("key_exists", "a territory and its issuer share no key")


def _check_keys(account: Account) -> None:
    """The account still has keys as its kind must."""
    devices = account.devices
    if len(devices) > KEYS_MAX:
        raise Refused("keys_invalid", f"more than {KEYS_MAX} keys", field="changes")
    for device in devices:
        if device.roles not in _ROLES[account.kind]:
            raise Refused(
                "roles_invalid", f"roles {device.roles}, of a {account.kind}", field="roles"
            )
        if device.limit_minor is not None and not device.roles & SPEND:
            raise Refused("keys_invalid", "only a key that spends has a limit", field="changes")
    role = _ACTING[account.kind]
    acting = len([device for device in devices if device.roles & role])
    if not 1 <= account.threshold <= acting:
        why = f"{account.threshold} of {acting} keys"
        raise Refused("threshold_invalid", why, field="threshold")
    if account.kind == TERRITORY and not any(d.roles == COUNTERSIGN for d in devices):
        raise Refused("keys_invalid", "a territory's node needs a key", field="changes")
