"""What each family's transactions say: typed values, decoded once from a body's last fields.

Families make them in `validate_` and read them in `check_` and `apply_`. A family's
`…_fields` function writes the wire form.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from ledger.changes import Change
from ledger.power_fields import POWER_KINDS, PowerFields

ACCOUNT_OPEN: Final = "account.open"
RESERVE_ISSUE: Final = "reserve.issue"
RESERVE_REDEEM: Final = "reserve.redeem"
PAYMENT_PAY: Final = "payment.pay"
PAYMENT_REFUND: Final = "payment.refund"
PROGRAMME_OPEN: Final = "programme.open"
PROGRAMME_FUND: Final = "programme.fund"
PROGRAMME_CLOSE: Final = "programme.close"
BULLETIN_CREDIT: Final = "bulletin.credit"
WAGES_PAY: Final = "wages.pay"
NETWORK_PROPOSE: Final = "network.propose"
NETWORK_VOTE: Final = "network.vote"
NETWORK_MOVE: Final = "network.move"

_KINDS_1: Final = {
    ACCOUNT_OPEN: 1,
    RESERVE_ISSUE: 1,
    RESERVE_REDEEM: 1,
    PAYMENT_PAY: 1,
    PAYMENT_REFUND: 1,
    PROGRAMME_OPEN: 1,
    PROGRAMME_FUND: 1,
    PROGRAMME_CLOSE: 1,
    BULLETIN_CREDIT: 1,
    WAGES_PAY: 1,
    NETWORK_PROPOSE: 1,
    NETWORK_VOTE: 1,
    NETWORK_MOVE: 1,
}
KIND_VERSIONS: Final[dict[int, dict[str, int]]] = {
    1: _KINDS_1,
    2: {**_KINDS_1, **dict.fromkeys(POWER_KINDS, 1)},
}
"""By rule version: every kind of transaction that it knows, with the kind's own version."""


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


class CreditLine(NamedTuple):
    """One account that a batch credits."""

    account: bytes
    amount_minor: int
    commitment: bytes
    """To what stands behind the line: see `ledger.line_commitments`; of an issue, to the bank's
    reference."""


class Issue(NamedTuple):
    """`reserve.issue`: the issuer creates money."""

    currency: str
    lines: tuple[CreditLine, ...]
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


class ProgrammeOpening(NamedTuple):
    """`programme.open`: the commons gives a new programme its budget."""

    seed: bytes
    """32 bytes from which the account's id follows, in the place of a first key."""
    blind: bytes
    currency: str
    budget_minor: int
    commitment: bytes
    """To what the territory says of the programme."""


class ProgrammeFunding(NamedTuple):
    """`programme.fund`: the commons adds to a programme's budget."""

    programme: bytes
    amount_minor: int


class ProgrammeClosing(NamedTuple):
    """`programme.close`: what is left of the budget goes back to the commons."""

    programme: bytes
    amount_minor: int
    """What is left, 0 included: named, so that staff sign a figure."""


class BulletinCredit(NamedTuple):
    """`bulletin.credit`: a programme credits residents for the hours they gave."""

    programme: bytes
    run_id: bytes
    lines: tuple[CreditLine, ...]
    total_minor: int


class WagesPay(NamedTuple):
    """`wages.pay`: the lane's account, an employer, pays the local share of its wages."""

    run_id: bytes
    gross_total_minor: int | None
    """All gross wages of the run, rounded up; nil in a run too short to hide a wage in it."""
    lines: tuple[CreditLine, ...]
    total_minor: int


class NetworkProposal(NamedTuple):
    """`network.propose`: a member proposes a change, and votes for it."""

    id: bytes
    """16 bytes that nobody used yet."""
    change: Change


class NetworkVote(NamedTuple):
    """`network.vote`: a member says yes or no to a proposal."""

    id: bytes
    approve: bool


class NetworkMove(NamedTuple):
    """`network.move`: a member's node is reached elsewhere; host:port each."""

    peer: str
    http: str


Fields: TypeAlias = (
    Payment
    | Refunding
    | Issue
    | Redemption
    | Opening
    | ProgrammeOpening
    | ProgrammeFunding
    | ProgrammeClosing
    | BulletinCredit
    | WagesPay
    | NetworkProposal
    | NetworkVote
    | NetworkMove
    | PowerFields
)
