"""The envelope of a transaction: what is common to all families, built, signed and opened.

    raw  = enc(["tx", 1, body, signature, [[key, signature], …]])
    body = enc([kind, version, network8, created_ms, valid_until_ms, account, device, number, …])

Rules of this file:
- Bytes are decoded once, here. What follows reads typed fields.
- `open_envelope` needs no state. It does not verify signatures either: that is done once per
  transaction, elsewhere, on what `signature_items` lists.
- The order of refusals is the protocol's: size, encoding, kind, version, network, shape.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.fields import Fields
from ledger.shapes import ID_BYTES, KEY_BYTES, SIGNATURE_BYTES, wrong_shape
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, signed_message

ENVELOPE_TAG = "tx"
ENVELOPE_VERSION = 1
SIGNATURE_TAG = "tx"
NETWORK_HINT_BYTES = 8
COSIGNERS_MAX = 15
COMMON_FIELDS = 8
"""Values of a body before those of its family."""


class Cosignature(NamedTuple):
    """One more signature over the same body."""

    key: bytes
    signature: bytes


class Transaction:
    """One transaction, decoded and checked as far as no state is needed. Never changed."""

    __slots__ = (
        "account",
        "body",
        "created_ms",
        "device",
        "fields",
        "id",
        "is_batch",
        "kind",
        "network_id",
        "number",
        "raw",
        "signers",
        "valid_until_ms",
        "version",
        "work",
    )

    raw: bytes
    id: bytes
    """H("tx", raw): over all signed bytes, signatures included."""
    network_id: bytes
    kind: str
    version: int
    created_ms: int
    valid_until_ms: int
    account: bytes
    device: bytes
    number: int
    fields: Fields
    """What the family says: a typed value, e.g. `ledger.payments.Payment`."""
    signers: tuple[Cosignature, ...]
    """The device's signature first, then the others in the order of their keys."""
    body: bytes
    work: int
    """Units of `block_work_max` that it takes."""
    is_batch: bool
    """Whether it is one of those that get half a block's work while others wait."""

    def __repr__(self) -> str:
        return f"Transaction({self.kind}, {self.id.hex()[:16]}, number={self.number})"


def is_of_network(body: bytes, network_id: bytes) -> bool:
    """Whether a transaction's body was made for this network. Bytes that are none were for none."""
    try:
        values = decode(body)
    except Refused:
        return False
    hint = values[2] if type(values) is tuple and len(values) >= COMMON_FIELDS else None
    return hint == network_id[:NETWORK_HINT_BYTES]


def is_raw_of_network(raw: bytes, network_id: bytes) -> bool:
    """The same for all bytes of a transaction, signed."""
    try:
        values = decode(raw)
    except Refused:
        return False
    body = values[2] if type(values) is tuple and len(values) > 2 else None
    return type(body) is bytes and is_of_network(body, network_id)


def open_envelope(
    raw: bytes, network_id: bytes, bytes_max: int, kinds: Mapping[str, int]
) -> tuple[Transaction, tuple[Value, ...]]:
    """A transaction without its `fields` and `work`, and the body's values as they came.

    `kinds` are those that may come, with their versions. Raises `Refused`:
    `transaction_too_large`, `encoding_not_canonical`, `kind_unknown`, `version_unknown`,
    `network_mismatch`, `number_out_of_window`.
    """
    if type(raw) is not bytes or len(raw) > bytes_max:
        raise Refused("transaction_too_large", f"more than {bytes_max} bytes")
    envelope = decode(raw)
    if type(envelope) is not tuple or len(envelope) < 2:
        raise wrong_shape("transaction")
    if envelope[0] != ENVELOPE_TAG:
        raise Refused("kind_unknown", "these bytes are no transaction")
    version = envelope[1]
    if type(version) is not int or version != ENVELOPE_VERSION:
        raise Refused("version_unknown", "an envelope of an unknown version")
    if len(envelope) != 5:
        raise wrong_shape("transaction")
    body = envelope[2]
    if type(body) is not bytes:
        raise wrong_shape("body")
    values = decode(body)
    if type(values) is not tuple or len(values) < COMMON_FIELDS:
        raise wrong_shape("body")
    transaction = Transaction()
    transaction.raw = raw
    transaction.body = body
    transaction.network_id = network_id
    transaction.id = hash_bytes("tx", raw)
    _read_kind(transaction, values[0], values[1], kinds)
    _read_common(transaction, values, envelope[3], envelope[4])
    return transaction, values


def _read_kind(
    transaction: Transaction, kind: Value, version: Value, known: Mapping[str, int]
) -> None:
    if type(kind) is not str:
        raise wrong_shape("kind")
    if type(version) is not int:
        raise wrong_shape("version")
    if kind not in known:
        raise Refused("kind_unknown", f"{kind[:40]!r}", field="kind")
    if version != known[kind]:
        raise Refused("version_unknown", f"{kind} of version {version}", field="version")
    transaction.kind = kind
    transaction.version = version


def _read_common(
    transaction: Transaction, values: tuple[Value, ...], signature: Value, others: Value
) -> None:
    hint, created_ms, valid_until_ms, account, device, number = values[2:8]
    if type(hint) is not bytes or len(hint) != NETWORK_HINT_BYTES:
        raise wrong_shape("network")
    if hint != transaction.network_id[:NETWORK_HINT_BYTES]:
        raise Refused("network_mismatch", "made for another network")
    if type(created_ms) is not int or not 0 <= created_ms <= AMOUNT_MINOR_MAX:
        raise wrong_shape("created_ms")
    if type(valid_until_ms) is not int or not 0 <= valid_until_ms <= AMOUNT_MINOR_MAX:
        raise wrong_shape("valid_until_ms")
    if type(account) is not bytes or len(account) != ID_BYTES:
        raise wrong_shape("account")
    if type(device) is not bytes or len(device) != KEY_BYTES:
        raise wrong_shape("device")
    if type(number) is not int:
        raise wrong_shape("number")
    if type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
        raise wrong_shape("signature")
    if type(others) is not tuple:
        raise wrong_shape("signers")
    if not 1 <= number <= AMOUNT_MINOR_MAX:
        raise Refused("number_out_of_window", "numbers are 1 … 2^53 − 1", field="number")
    transaction.created_ms = created_ms
    transaction.valid_until_ms = valid_until_ms
    transaction.account = account
    transaction.device = device
    transaction.number = number
    first = Cosignature(device, signature)
    transaction.signers = (first, *_read_cosigners(device, others)) if others else (first,)


def _read_cosigners(device: bytes, others: tuple[Value, ...]) -> list[Cosignature]:
    """The list beside the device's own signature: sorted by key, each once, never the device."""
    if len(others) > COSIGNERS_MAX:
        raise wrong_shape("signers")
    read: list[Cosignature] = []
    for entry in others:
        if type(entry) is not tuple or len(entry) != 2:
            raise wrong_shape("signers")
        key, signature = entry
        if type(key) is not bytes or len(key) != KEY_BYTES or key == device:
            raise wrong_shape("signers")
        if type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
            raise wrong_shape("signers")
        if read and key <= read[-1].key:
            raise wrong_shape("signers")
        read.append(Cosignature(key, signature))
    return read


def signed_by_device_alone(transaction: Transaction) -> Transaction:
    """The same without the signatures of others, where it matters only who hands it in."""
    alone = copy.copy(transaction)
    alone.signers = transaction.signers[:1]
    return alone


def signature_items(transaction: Transaction) -> list[tuple[bytes, bytes, bytes]]:
    """What must verify: `(public key, message, signature)` for each signer, the device first."""
    message = signed_message(SIGNATURE_TAG, transaction.network_id, transaction.body)
    return [(key, message, signature) for key, signature in transaction.signers]


def build_body(
    kind: str,
    network_id: bytes,
    *,
    created_ms: int,
    valid_until_ms: int,
    account: bytes,
    device: bytes,
    number: int,
    fields: Sequence[Value],
    version: int = 1,
) -> bytes:
    """The bytes that all signers sign. `fields` comes from the family's `…_fields` function.

    `account` (id of 20 bytes) and `device` (public key) name the lane, `number` its place in it.
    """
    return encode(
        (
            kind,
            version,
            network_id[:NETWORK_HINT_BYTES],
            created_ms,
            valid_until_ms,
            account,
            device,
            number,
            *fields,
        )
    )


def cosign(body: bytes, network_id: bytes, signing_key: SigningKey) -> Cosignature:
    """One signature over `body`, made where the key is and carried to who assembles."""
    message = signed_message(SIGNATURE_TAG, network_id, body)
    return Cosignature(signing_key.public_key, signing_key.sign(message))


def sign_transaction(
    body: bytes,
    network_id: bytes,
    signing_key: SigningKey,
    cosigners: Sequence[SigningKey | Cosignature] = (),
) -> bytes:
    """The raw transaction: `signing_key` is the device named in `body`.

    `cosigners` are the other signers, as keys at hand or as signatures made elsewhere.
    """
    others = [
        cosigner if isinstance(cosigner, Cosignature) else cosign(body, network_id, cosigner)
        for cosigner in cosigners
    ]
    return assemble(body, cosign(body, network_id, signing_key).signature, others)


def assemble(body: bytes, signature: bytes, cosignatures: Sequence[Cosignature] = ()) -> bytes:
    """The raw transaction out of signatures that were made elsewhere."""
    others = tuple([tuple(other) for other in sorted(cosignatures)])
    return encode((ENVELOPE_TAG, ENVELOPE_VERSION, body, signature, others))
