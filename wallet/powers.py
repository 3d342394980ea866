"""What a wallet or a town hall signs about an account's keys, each as an intent."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.key_changes import KeyChange, SetLimit, changes_value
from ledger.objects import Account, DeviceKey
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
from primitives.encoding import Value, encode
from primitives.errors import Refused
from wallet.outbox_entry import intent_hash
from wallet.payments import OFFICE_VALID_MS

KEY_DIGITS_MIN = 8
"""A key may be named by so many of its first digits, where they say which it is."""

DUE_MARGIN_MS = 2 * OFFICE_VALID_MS
"""So far behind the first possible one is a request's date: time for it to be accepted."""


@dataclass(frozen=True)
class PowerIntent:
    """An act of power. `same` names it: equal for the same wish whatever its date."""

    kind: str
    values: tuple[Value, ...]
    same: tuple[Value, ...]
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `wallet.payments.Intent`."""
        return intent_hash(self.kind, encode(self.same))

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `wallet.payments.Intent`."""
        return self.values, {}


def block_intent(target: bytes, key: bytes) -> PowerIntent:
    """Block a key."""
    values = block_fields(target, key)
    return PowerIntent(ACCOUNT_BLOCK, values, values)


def keys_intent(account: Account, changes: Sequence[KeyChange], due_ms: int | None) -> PowerIntent:
    """Change keys at once (no `due_ms`), or ask for it."""
    values = keys_fields(account.id, account.key_set, changes, due_ms)
    same = (account.id, account.key_set, changes_value(changes), due_ms is None)
    return PowerIntent(ACCOUNT_KEYS, values, same)


def veto_intent(target: bytes, maker: bytes, due_ms: int) -> PowerIntent:
    """Veto a request, or withdraw one's own. `due_ms` tells it from the same maker's others."""
    return PowerIntent(ACCOUNT_VETO, request_fields(target, maker), (target, maker, due_ms))


def complete_intent(target: bytes, maker: bytes, due_ms: int) -> PowerIntent:
    """Complete a request that is due."""
    return PowerIntent(ACCOUNT_COMPLETE, request_fields(target, maker), (target, maker, due_ms))


def escalate_intent(target: bytes, maker: bytes, due_ms: int) -> PowerIntent:
    """Insist on one's own request after a first veto."""
    return PowerIntent(ACCOUNT_ESCALATE, escalate_fields(target, maker, due_ms), (target, maker))


def decide_intent(
    target: bytes, maker: bytes, other_prefix: str, agree: bool, changes: Sequence[KeyChange]
) -> PowerIntent:
    """Agree to a disputed request, or turn it down; `changes` are what it asks."""
    values = decide_fields(target, maker, other_prefix, agree, changes)
    return PowerIntent(ACCOUNT_DECIDE, values, values)


def freeze_intent(target: bytes, reason: int, until_ms: int, days: int) -> PowerIntent:
    """Freeze an account, or renew its freeze."""
    return PowerIntent(
        ACCOUNT_FREEZE, freeze_fields(target, reason, until_ms), (target, reason, days)
    )


def unfreeze_intent(target: bytes) -> PowerIntent:
    """Lift a freeze."""
    values = unfreeze_fields(target)
    return PowerIntent(ACCOUNT_UNFREEZE, values, values)


def due_after(delay_ms: int, time_ms: int) -> int:
    """The date of a request that is made now."""
    return time_ms + delay_ms + min(DUE_MARGIN_MS, max(delay_ms, 10_000))


def is_lowering(account: Account, change: KeyChange) -> bool:
    """Whether a change only takes power away, and so needs no delay."""
    if not isinstance(change, SetLimit) or change.limit_minor is None:
        return False
    device = account.device(change.key)
    return device is not None and (
        device.limit_minor is None or change.limit_minor <= device.limit_minor
    )


def named_key(account: Account, word: str) -> DeviceKey:
    """The account's key that these first digits name. Raises `Refused("key_unknown")`."""
    word = word.strip().lower()
    found = [device for device in account.devices if device.key.hex().startswith(word)]
    if len(word) < KEY_DIGITS_MIN or len(found) != 1:
        raise Refused("key_unknown", word[:64])
    return found[0]


def named_maker(account: Account, word: str | None, hall: bytes) -> bytes:
    """Whose open request is meant: first digits of a key, `hall`, or nothing where one is open.

    Raises `Refused("request_unknown")`.
    """
    makers = account.requests
    if word is None:
        found = list(makers)
    elif word == "hall":
        found = [maker for maker in makers if maker == hall]
    else:
        word = word.strip().lower()
        found = [m for m in makers if len(word) >= KEY_DIGITS_MIN and m.hex().startswith(word)]
    if len(found) != 1:
        raise Refused("request_unknown", word or f"{len(makers)}")
    return found[0]
