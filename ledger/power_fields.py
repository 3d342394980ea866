"""What the transactions about powers say: typed values and their wire forms.

`target` is always the account whose keys or freeze it is about: the lane's own account, or one of
the lane's territory. `maker` says which of its open requests: by a device key, or by the territory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from ledger.key_changes import KeyChange, changes_value
from primitives.encoding import Value

ACCOUNT_BLOCK: Final = "account.block"
ACCOUNT_KEYS: Final = "account.keys"
ACCOUNT_VETO: Final = "account.veto"
ACCOUNT_ESCALATE: Final = "account.escalate"
ACCOUNT_COMPLETE: Final = "account.complete"
ACCOUNT_DECIDE: Final = "account.decide"
ACCOUNT_FREEZE: Final = "account.freeze"
ACCOUNT_UNFREEZE: Final = "account.unfreeze"

POWER_KINDS: Final = (
    ACCOUNT_BLOCK,
    ACCOUNT_KEYS,
    ACCOUNT_VETO,
    ACCOUNT_ESCALATE,
    ACCOUNT_COMPLETE,
    ACCOUNT_DECIDE,
    ACCOUNT_FREEZE,
    ACCOUNT_UNFREEZE,
)

FREEZE_REASONS: Final = {
    1: "owner_request",
    2: "suspected_theft",
    3: "suspected_fraud",
    4: "authority_order",
    5: "death",
}
"""Why an account is frozen: the code that the ledger keeps."""


class Blocking(NamedTuple):
    """`account.block`: a key of the account stops acting for it, at once."""

    target: bytes
    key: bytes


class KeysChange(NamedTuple):
    """`account.keys`: its keys change, at once (no `due_ms`) or from that date on."""

    target: bytes
    key_set: int
    """The set of keys that the signers saw: made for another, it is refused."""
    changes: tuple[KeyChange, ...]
    due_ms: int | None


class RequestAct(NamedTuple):
    """`account.veto` and `account.complete`: about an open request."""

    target: bytes
    maker: bytes


class Escalation(NamedTuple):
    """`account.escalate`: its maker insists on a request after a veto; the delay begins again."""

    target: bytes
    maker: bytes
    due_ms: int


class Decision(NamedTuple):
    """`account.decide`: three signatures agree to a disputed request, or turn it down. They sign
    what it would change, so that their word can't be used for another request."""

    target: bytes
    maker: bytes
    other_prefix: str
    """The territory that one of the signers is of."""
    agree: bool
    changes: tuple[KeyChange, ...]
    """What the request would change."""


class Freezing(NamedTuple):
    """`account.freeze`: nothing leaves the account until that date, or the next freeze's."""

    target: bytes
    reason: int
    until_ms: int


class Unfreezing(NamedTuple):
    """`account.unfreeze`: a freeze ends."""

    target: bytes


PowerFields: TypeAlias = (
    Blocking | KeysChange | RequestAct | Escalation | Decision | Freezing | Unfreezing
)


def block_fields(target: bytes, key: bytes) -> tuple[Value, ...]:
    """The body's last values of `account.block`."""
    return (target, key)


def keys_fields(
    target: bytes, key_set: int, changes: Sequence[KeyChange], due_ms: int | None = None
) -> tuple[Value, ...]:
    """The body's last values of `account.keys`; `key_set` is the one that the account has now."""
    return (target, key_set, changes_value(changes), due_ms)


def request_fields(target: bytes, maker: bytes) -> tuple[Value, ...]:
    """The body's last values of `account.veto` and `account.complete`."""
    return (target, maker)


def escalate_fields(target: bytes, maker: bytes, due_ms: int) -> tuple[Value, ...]:
    """The body's last values of `account.escalate`."""
    return (target, maker, due_ms)


def decide_fields(
    target: bytes, maker: bytes, other_prefix: str, agree: bool, changes: Sequence[KeyChange]
) -> tuple[Value, ...]:
    """The body's last values of `account.decide`; `changes` are the request's."""
    return (target, maker, other_prefix, agree, changes_value(changes))


def freeze_fields(target: bytes, reason: int, until_ms: int) -> tuple[Value, ...]:
    """The body's last values of `account.freeze`."""
    return (target, reason, until_ms)


def unfreeze_fields(target: bytes) -> tuple[Value, ...]:
    """The body's last values of `account.unfreeze`."""
    return (target,)
