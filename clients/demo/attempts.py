"""Attempts that must fail: how each is planned, and how its bytes are made.

Each aims at one rule, and is right in everything that is checked before it.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clients.demo.people import LIMIT_MINOR, Person, Town, demo_secret
from clients.demo.steps import Attempt, Purchase
from ledger.accounts import open_fields
from ledger.envelope import build_body, sign_transaction
from ledger.fields import ACCOUNT_OPEN, PAYMENT_PAY, PAYMENT_REFUND, OpenedAccount, OpenedKey
from ledger.payments import pay_fields
from ledger.refunds import refund_fields
from ledger.roles import SPEND
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.hashing import HASH_BYTES
from primitives.signatures import SigningKey

MINUTE_MS = 60_000
VALID_MS = 10 * MINUTE_MS
EXPIRED_SINCE_MS = 30 * MINUTE_MS
TOO_LONG_MS = 3 * 24 * 60 * MINUTE_MS
FAR_NUMBER = 100_000
TOO_MUCH_MINOR = 1_000_000
BLIND_BYTES = 16
ID_BYTES = 20

ATTEMPT_CODES = (
    "account_unknown",
    "amount_out_of_range",
    "balance_insufficient",
    "currency_mismatch",
    "encoding_not_canonical",
    "key_unknown",
    "kind_unknown",
    "limit_exceeded",
    "network_mismatch",
    "number_out_of_window",
    "number_used",
    "payee_is_payer",
    "refund_above_original",
    "role_missing",
    "signature_invalid",
    "validity_expired",
    "validity_too_long",
    "version_unknown",
)
FOLLOWING = frozenset({"number_used", "refund_above_original"})
"""Those that need a purchase that is final."""


@dataclass(frozen=True)
class Original:
    """The final purchase that an attempt or a refund follows."""

    raw: bytes
    receipt_number: int


def make_attempt(
    draw: random.Random,
    code: str,
    town: Town,
    elsewhere: Town,
    bought: Sequence[Purchase],
    owned_minor: dict[bytes, int],
    take_number: Callable[[Person], int],
) -> Attempt:
    """Plan one attempt in `town`; `original` counts among `bought`. `owned_minor` is the most that
    an account has at any time."""
    other = draw.choice(town.services)
    if code in FOLLOWING:
        original = draw.randrange(len(bought))
        paid = bought[original]
        if code == "number_used":
            return Attempt(code, paid.payer, paid.payee, 100, paid.number, original)
        number = take_number(paid.payee)
        above_minor = paid.amount_minor + 1
        return Attempt(code, paid.payee, paid.payer, above_minor, number, original)
    limited = code == "limit_exceeded"
    candidates = [one for one in town.buyers if (one.limit_minor is not None) is limited]
    payer = draw.choice(candidates)
    amount_minor = draw.randint(100, 900)
    if code == "limit_exceeded":
        amount_minor = LIMIT_MINOR + draw.randint(1, 500)
    elif code == "balance_insufficient":
        amount_minor = owned_minor[payer.account_id] + TOO_MUCH_MINOR
    elif code == "amount_out_of_range":
        amount_minor = draw.choice((0, AMOUNT_MINOR_MAX + 1))
    elif code == "currency_mismatch":
        other = draw.choice(elsewhere.services)
    elif code == "payee_is_payer":
        other = payer
    return Attempt(code, payer, other, amount_minor, take_number(payer))


def attempt_bytes(
    attempt: Attempt, network_id: bytes, original: Original | None, now_ms: int | None = None
) -> bytes:
    """The bytes to send. `original` only for those that follow a purchase."""
    code = attempt.code
    signing_key = attempt.payer.signing_key
    created_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    valid_for_ms = VALID_MS
    number = attempt.number
    version = 1
    if code == "key_unknown":
        secret = demo_secret(0, "stranger", attempt.payer.address, attempt.number)
        signing_key = SigningKey.from_seed(secret)
    elif code == "validity_expired":
        created_ms -= EXPIRED_SINCE_MS
    elif code == "validity_too_long":
        valid_for_ms = TOO_LONG_MS
    elif code == "number_out_of_window":
        number += FAR_NUMBER
    elif code == "version_unknown":
        version = 99
    elif code == "network_mismatch":
        network_id = bytes(byte ^ 0xFF for byte in network_id)
    kind, fields = _content(attempt, original)
    body = build_body(
        kind,
        network_id,
        created_ms=created_ms,
        valid_until_ms=created_ms + valid_for_ms,
        account=attempt.payer.account_id,
        device=signing_key.public_key,
        number=number,
        fields=fields,
        version=version,
    )
    return _spoilt(code, sign_transaction(body, network_id, signing_key))


def _content(attempt: Attempt, original: Original | None) -> tuple[str, Sequence[Value]]:
    """The kind of transaction, and its own fields."""
    place = attempt.payer.place
    if attempt.code == "refund_above_original" and original is not None:
        fields = refund_fields(original.raw, original.receipt_number, attempt.amount_minor)
        return PAYMENT_REFUND, fields
    if attempt.code == "role_missing":
        key = SigningKey.from_seed(demo_secret(0, "opened", attempt.payer.address)).public_key
        opened = OpenedAccount(
            "resident", place.currency, bytes(BLIND_BYTES), 1, (OpenedKey(key, SPEND, None),)
        )
        return ACCOUNT_OPEN, open_fields((opened,))
    payee = attempt.other.account_id
    if attempt.code == "account_unknown":
        payee = demo_secret(0, "nobody", attempt.payer.address, attempt.number)[:ID_BYTES]
    kind = "payment.borrow" if attempt.code == "kind_unknown" else PAYMENT_PAY
    return kind, pay_fields(payee, place.currency, attempt.amount_minor, bytes(HASH_BYTES))


def _spoilt(code: str, raw: bytes) -> bytes:
    """The bytes, with what is wrong about the bytes themselves."""
    if code == "encoding_not_canonical":
        # The outermost array of five elements, in the form for up to 65,535 of them.
        return b"\xdc\x00\x05" + raw[1:]
    if code == "signature_invalid":
        # The signature stands before the empty list that ends the envelope; its first half is R.
        place = len(raw) - 1 - 64
        return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
    return raw
