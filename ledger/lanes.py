"""Lanes: each device key numbers its own transactions, and a number is accepted once.

A lane is `(high, bitmap)`: the highest number used, and one bit for each of the 64 below it (bit
i, from the least significant, is number high − 1 − i). It begins with (0, 0); 0 is no number,
its bit stays clear. Numbers may come in any order within 64 either way.

`check_lane` is what every family checks first, in the protocol's order: account, freeze, key, its
block and role, validity, number, day quota. Powers have their own (ledger/acting.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.days import counted, day_of
from ledger.envelope import Transaction
from ledger.objects import Account, DeviceKey
from ledger.roles import ROLE_NAMES
from ledger.rules import CREATED_AHEAD_MS_MAX
from ledger.view import View
from primitives.errors import Refused

WINDOW = 64
BITMAP_MASK = (1 << WINDOW) - 1


@dataclass(slots=True)
class LaneUse:
    """The lane's account as it is, and what using the number makes of it. Never changed; not
    frozen, since one is made for every check, and freezing makes that four times as dear."""

    account: Account
    place: int
    """Of the device among the account's."""
    device: DeviceKey
    """As it is, before its number is used."""
    high: int
    bitmap: int
    """Of the lane, the number used."""
    day: int
    day_count: int

    def spent(self, amount_minor: int) -> Account:
        """The account after this transaction took `amount_minor` from it (0 for none)."""
        account, place, device = self.account, self.place, self.device
        used = device.at(self.high, self.bitmap)
        devices = (*account.devices[:place], used, *account.devices[place + 1 :])
        return account.moved(-amount_minor, devices, self.day, self.day_count)


def use_number(high: int, bitmap: int, number: int) -> tuple[int, int]:
    """The lane after `number` was used. Raises `number_used` or `number_out_of_window`."""
    if number > high:
        ahead = number - high
        if ahead > WINDOW:
            raise Refused("number_out_of_window", f"{number} is {ahead} above the highest used")
        if high == 0:
            return number, 0
        return number, (bitmap << ahead | 1 << (ahead - 1)) & BITMAP_MASK
    behind = high - number
    if behind > WINDOW:
        raise Refused("number_out_of_window", f"{number} is {behind} below the highest used")
    if behind == 0:
        raise Refused("number_used", f"number {number}")
    bit = 1 << (behind - 1)
    if bitmap & bit:
        raise Refused("number_used", f"number {number}")
    return high, bitmap | bit


def is_free(device: DeviceKey, number: int) -> bool:
    """Whether `number` could still be used in the lane of `device`."""
    try:
        use_number(device.high, device.bitmap, number)
    except Refused:
        return False
    return number >= 1


def check_lane(
    view: View, transaction: Transaction, time_ms: int, role: int, valid_for_ms_max: int
) -> LaneUse:
    """What every transaction needs, whatever its family; changes nothing.

    Raises `account_unknown`, `account_frozen`, `key_unknown`, `key_blocked`, `role_missing`,
    `validity_expired`, `validity_too_long`, `number_used`, `number_out_of_window`,
    `quota_exceeded`, the first that applies in this order.
    """
    account = view.account(transaction.account)
    if account is None:
        raise Refused("account_unknown", "the lane's account is not open", field="account")
    if account.frozen_until_ms > time_ms:
        raise Refused("account_frozen", f"until {account.frozen_until_ms} ms")
    key = transaction.device
    place = 0
    for device in account.devices:
        if device.key == key:
            break
        place += 1
    else:
        raise Refused("key_unknown", "the device is not on the account", field="device")
    if device.blocked:
        raise Refused("key_blocked", "the device is blocked", field="device")
    if not device.roles & role:
        raise Refused("role_missing", f"the device lacks the role {ROLE_NAMES[role]}")
    per_day_max = view.parameters.transactions_per_day_max
    return use_lane(account, place, transaction, time_ms, valid_for_ms_max, per_day_max)


def use_lane(
    account: Account,
    place: int,
    transaction: Transaction,
    time_ms: int,
    valid_for_ms_max: int,
    per_day_max: int,
) -> LaneUse:
    """The number of the device in this place, used. Raises `validity_expired`,
    `validity_too_long`, `number_used`, `number_out_of_window`, `quota_exceeded`."""
    device = account.devices[place]
    created_ms = transaction.created_ms
    valid_for_ms = transaction.valid_until_ms - created_ms
    if not created_ms - CREATED_AHEAD_MS_MAX <= time_ms <= transaction.valid_until_ms:
        raise Refused("validity_expired", f"at {time_ms} ms it is not valid, or no longer")
    if not 0 < valid_for_ms <= valid_for_ms_max:
        raise Refused("validity_too_long", f"{valid_for_ms} ms, at most {valid_for_ms_max}")
    high, bitmap = use_number(device.high, device.bitmap, transaction.number)
    day = day_of(account.day, created_ms)
    day_count = counted(account.day, account.day_count, day, 1)
    if day_count > per_day_max:
        raise Refused("quota_exceeded", "the account's transactions of the day")
    return LaneUse(account, place, device, high, bitmap, day, day_count)


def valid_for_ms_max(view: View, transaction: Transaction) -> int:
    """The longest life of a transaction of an ordinary family: longer if several signed it."""
    parameters = view.parameters
    if len(transaction.signers) > 1:
        return parameters.valid_for_cosigned_ms_max
    return parameters.valid_for_ms_max
