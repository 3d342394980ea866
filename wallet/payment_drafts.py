"""A payment that several keys of its account must sign, as a file that goes from device to device.

It carries the body and the signatures so far. Who signs next reads what the bytes say; the note is
shown because the file opens its commitment, and the address because it is the account's that the
bytes name. Who holds the file can do nothing with it that was not signed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.envelope import SIGNATURE_TAG, Cosignature, assemble, cosign
from ledger.fields import Payment
from ledger.transaction import Transaction, decode_transaction
from primitives.addresses import parse_address
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify
from primitives.versions import check_version
from wallet.atomic_files import write_file
from wallet.light.commitments import commitment
from wallet.light.trust import TrustedNetwork
from wallet.notes import check_note
from wallet.outbox_entry import Entry

FILE_KIND = "payment_draft"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 * 1024
COSIGNATURES_MAX = 15


@dataclass(frozen=True)
class PaymentDraft:
    """See the module's docstring."""

    body: bytes
    signature: bytes
    cosignatures: tuple[Cosignature, ...]
    payee: str
    note: str
    note_salt: bytes

    @classmethod
    def from_entry(cls, entry: Entry, network_id: bytes, signing_key: SigningKey) -> "PaymentDraft":
        """The draft of a payment that this device's outbox holds."""
        private = entry.private
        return cls(
            entry.body,
            cosign(entry.body, network_id, signing_key).signature,
            (),
            str(private.get("counterparty", "")),
            str(private.get("note", "")),
            bytes.fromhex(str(private.get("note_salt", ""))),
        )

    def raw(self) -> bytes:
        """The transaction with the signatures so far."""
        return assemble(self.body, self.signature, self.cosignatures)

    def read(self, network: TrustedNetwork) -> tuple[Transaction, Payment]:
        """What it says: every signature, the address and the note checked. Raises `Refused`:
        `request_malformed`, `signature_invalid`, `network_mismatch`, `note_malformed`, …."""
        # It is shown beside what it is for: several lines could show another payment below.
        check_note(self.note)
        transaction = decode_transaction(self.raw(), network.network_id, network.rules)
        payment = transaction.fields
        if not isinstance(payment, Payment):
            raise Refused("request_malformed", transaction.kind)
        message = signed_message(SIGNATURE_TAG, network.network_id, self.body)
        for key, signature in transaction.signers:
            if not verify(key, message, signature):
                raise Refused("signature_invalid", key.hex())
        if parse_address(self.payee).account_id != payment.payee:
            raise Refused("request_malformed", "another account than the address names")
        opened = commitment("note", self.note_salt, self.note) if self.note else None
        if payment.note_commitment != opened:
            raise Refused("request_malformed", "another note than was signed", field="note")
        return transaction, payment

    def cosigned(self, network_id: bytes, key: SigningKey) -> "PaymentDraft":
        """With one more signature; a key signs once."""
        added = cosign(self.body, network_id, key)
        others = [one for one in self.cosignatures if one.key != added.key]
        return replace(self, cosignatures=(*others, added))

    def write(self, file: Path) -> None:
        """Write the file. Raises `FileExistsError`."""
        content = {
            "kind": FILE_KIND,
            "version": FILE_VERSION,
            "body": self.body.hex(),
            "signature": self.signature.hex(),
            "cosignatures": [[one.key.hex(), one.signature.hex()] for one in self.cosignatures],
            "payee": self.payee,
            "note": self.note,
            "note_salt": self.note_salt.hex(),
        }
        write_file(file, json.dumps(content, indent=1).encode() + b"\n", replace=False)


def read_payment_draft(file: Path) -> PaymentDraft:
    """Read such a file. Raises `Refused`: `request_malformed`, `version_unknown`."""
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
        if not isinstance(content, Mapping) or content.get("kind") != FILE_KIND:
            raise Refused("request_malformed", file=str(file))
        check_version(content.get("version"), FILE_VERSION)
        if len(content["cosignatures"]) > COSIGNATURES_MAX:
            raise Refused("request_malformed", field="cosignatures", file=str(file))
        return PaymentDraft(
            bytes.fromhex(content["body"]),
            bytes.fromhex(content["signature"]),
            tuple(
                Cosignature(bytes.fromhex(key), bytes.fromhex(signature))
                for key, signature in content["cosignatures"]
            ),
            str(content["payee"]),
            str(content["note"]),
            bytes.fromhex(content["note_salt"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("request_malformed", file=str(file)) from None
