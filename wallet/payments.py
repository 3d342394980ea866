"""What a wallet can sign, each as an intent: the same intent is the same payment, asked again.

An intent names what the user wants; `entry` makes the signed bytes for a lane number. Nothing here
sends or reads anything.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger import accounts, fields, payments, refunds, reserve
from ledger.envelope import Cosignature, build_body, sign_transaction
from primitives.encoding import Value
from primitives.signatures import SigningKey
from wallet.lane_owner import LaneOwner
from wallet.light.commitments import commitment
from wallet.notes import SALT_BYTES
from wallet.outbox_entry import Entry, idempotency_hash, intent_hash
from wallet.transaction_ids import transaction_id

# A payment that is not final within this time never will be: then its outcome is certain.
PAYMENT_VALID_MS = 300_000
OFFICE_VALID_MS = 900_000
REDEMPTION_VALID_MS = 7 * 86_400_000
# So long the other devices of an account have to sign.
SHARED_VALID_MS = REDEMPTION_VALID_MS


class Intent(Protocol):
    """Something to be signed once."""

    @property
    def kind(self) -> str:
        """The transaction's kind."""

    @property
    def valid_for_ms(self) -> int:
        """How long the signed bytes are valid."""

    def key(self) -> str:
        """The intent's name: equal for the same wish, different for any other."""

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """The fields after the lane, and what only the wallet keeps of them."""


@dataclass(frozen=True)
class PayIntent:
    """Pay `amount_minor` to an account."""

    payee: bytes
    currency: str
    amount_minor: int
    payee_address: str
    note: str = ""
    kind: str = fields.PAYMENT_PAY
    valid_for_ms: int = PAYMENT_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        wish = (self.payee, self.currency, self.amount_minor, self.note)
        # One to be signed by others too is another wish: its bytes are not those of one that fell.
        more = () if self.valid_for_ms == PAYMENT_VALID_MS else (self.valid_for_ms,)
        return intent_hash(self.kind, *wish, *more)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `Intent`."""
        private: dict[str, str | int] = {
            "counterparty": self.payee_address,
            "currency": self.currency,
            "amount_minor": self.amount_minor,
        }
        note_commitment = None
        if self.note:
            salt = secrets.token_bytes(SALT_BYTES)
            note_commitment = commitment("note", salt, self.note)
            private |= {"note": self.note, "note_salt": salt.hex()}
        return (
            payments.pay_fields(self.payee, self.currency, self.amount_minor, note_commitment),
            private,
        )


@dataclass(frozen=True)
class RefundIntent:
    """Give back `amount_minor` of a payment that was received."""

    original_raw: bytes
    receipt_number: int
    amount_minor: int
    path: tuple[bytes, ...] | None
    currency: str
    kind: str = fields.PAYMENT_REFUND
    valid_for_ms: int = PAYMENT_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, self.original_raw, self.receipt_number, self.amount_minor)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `Intent`."""
        return (
            refunds.refund_fields(
                self.original_raw, self.receipt_number, self.amount_minor, self.path
            ),
            {
                "amount_minor": self.amount_minor,
                "original": transaction_id(self.original_raw).hex(),
            },
        )


@dataclass(frozen=True)
class RedeemIntent:
    """Give up `amount_minor` against euros that the issuer pays out."""

    currency: str
    amount_minor: int
    reference: str = ""
    kind: str = fields.RESERVE_REDEEM
    valid_for_ms: int = REDEMPTION_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, self.currency, self.amount_minor, self.reference)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `Intent`."""
        salt = secrets.token_bytes(SALT_BYTES)
        digest = commitment("payout", salt, self.reference)
        return (
            reserve.redeem_fields(self.currency, self.amount_minor, digest),
            {
                "currency": self.currency,
                "amount_minor": self.amount_minor,
                "reference": self.reference,
                "reference_salt": salt.hex(),
            },
        )


@dataclass(frozen=True)
class IssueIntent:
    """Create money against euros paid into the reserve, told by a bank reference."""

    currency: str
    payee: bytes
    payee_address: str
    amount_minor: int
    reference: str = ""
    kind: str = fields.RESERVE_ISSUE
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, self.currency, self.payee, self.amount_minor, self.reference)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `Intent`."""
        salt = secrets.token_bytes(SALT_BYTES)
        line = (self.payee, self.amount_minor, commitment("bank", salt, self.reference))
        return (
            reserve.issue_fields(self.currency, [line]),
            {
                "currency": self.currency,
                "counterparty": self.payee_address,
                "amount_minor": self.amount_minor,
                "reference": self.reference,
                "reference_salt": salt.hex(),
            },
        )


@dataclass(frozen=True)
class OpenIntent:
    """Open accounts."""

    accounts: tuple[fields.OpenedAccount, ...]
    kind: str = fields.ACCOUNT_OPEN
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `Intent`. The first keys name the accounts; `blind` is drawn anew each time."""
        words = [word for one in self.accounts for word in (one.kind, one.keys[0].key)]
        return intent_hash(self.kind, *words)

    def body_fields(self) -> tuple[Sequence[Value], dict[str, str | int]]:
        """See `Intent`."""
        return accounts.open_fields(self.accounts), {"accounts": len(self.accounts)}


def make_entry(
    intent: Intent,
    owner: LaneOwner,
    network_id: bytes,
    number: int,
    *,
    created_ms: int,
    valid_for_ms: int | None = None,
    idempotency_key: str = "",
    cosigners: Sequence[SigningKey | Cosignature] = (),
    complete: bool = True,
) -> Entry:
    """Sign `intent` with a lane number, for its own time or for `valid_for_ms`.

    `complete` is false when signatures of others are still missing: then there are no bytes to
    send yet, and the lane is found by its number.
    """
    body_fields, private = intent.body_fields()
    valid_until_ms = created_ms + (valid_for_ms or intent.valid_for_ms)
    body = build_body(
        intent.kind,
        network_id,
        created_ms=created_ms,
        valid_until_ms=valid_until_ms,
        account=owner.account_id,
        device=owner.signing_key.public_key,
        number=number,
        fields=body_fields,
    )
    raw = sign_transaction(body, network_id, owner.signing_key, cosigners) if complete else b""
    return Entry(
        number=number,
        kind=intent.kind,
        body=body,
        raw=raw,
        id=transaction_id(raw) if raw else b"",
        created_ms=created_ms,
        valid_until_ms=valid_until_ms,
        intent=intent.key(),
        idempotency=idempotency_hash(idempotency_key),
        private=private,
    )
