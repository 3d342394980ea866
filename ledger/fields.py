"""What each family's transactions say: typed values, decoded once from a body's last fields.

Families make them in `validate_` and read them in `check_` and `apply_`. A family's
`…_fields` function writes the wire form.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

ACCOUNT_OPEN: Final = "account.open"
RESERVE_ISSUE: Final = "reserve.issue"
RESERVE_REDEEM: Final = "reserve.redeem"
PAYMENT_PAY: Final = "payment.pay"
PAYMENT_REFUND: Final = "payment.refund"

KIND_VERSIONS: Final = {
    ACCOUNT_OPEN: 1,
    RESERVE_ISSUE: 1,
    RESERVE_REDEEM: 1,
    PAYMENT_PAY: 1,
    PAYMENT_REFUND: 1,
}
"""Every kind of transaction that rule version 1 knows, with its version."""


class Payment(NamedTuple):
    """`payment.pay`: the lane's account pays `payee`."""

    payee: bytes
    currency: str
    amount_minor: int
    note_commitment: bytes | None


class Original(NamedTuple):
    """What a refund needs to know of the payment it gives back."""

    id: bytes
    created_ms: int
    payer: bytes
    payee: bytes
    currency: str
    amount_minor: int


class Refunding(NamedTuple):
    """`payment.refund`: the lane's account gives back part of a payment that it received."""

    original: Original
    receipt_number: int
    amount_minor: int
    path: tuple[bytes, ...] | None
    """The 16 hashes to a full chunk's root, or nil for the open chunk and the one before."""


class IssueLine(NamedTuple):
    """One account that receives new money."""

    account: bytes
    amount_minor: int
    commitment: bytes


class Issue(NamedTuple):
    """`reserve.issue`: the issuer creates money."""

    currency: str
    lines: tuple[IssueLine, ...]
    total_minor: int


class Redemption(NamedTuple):
    """`reserve.redeem`: the lane's account gives money up, the issuer pays euros out."""

    currency: str
    amount_minor: int
    commitment: bytes


class OpenedKey(NamedTuple):
    """A device key of an account to open."""

    key: bytes
    roles: int
    limit_minor: int | None


class OpenedAccount(NamedTuple):
    """An account to open."""

    kind: str
    currency: str
    blind: bytes
    threshold: int
    keys: tuple[OpenedKey, ...]


class Opening(NamedTuple):
    """`account.open`: the territory opens accounts."""

    accounts: tuple[OpenedAccount, ...]


Fields: TypeAlias = Payment | Refunding | Issue | Redemption | Opening
