"""A holder's signed wish to give money up for euros, for the issuer to complete.

A file that carries the body, the holder's signature and those of the issuer's keys so far. Who
holds it can read amount and account, and can do nothing with it that the holder did not sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger.envelope import SIGNATURE_TAG, Cosignature, assemble, cosign
from ledger.fields import Redemption
from ledger.transaction import decode_transaction
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify
from primitives.versions import check_version
from wallet.light.commitments import commitment
from wallet.notes import check_note
from wallet.outbox_entry import Entry

FILE_KIND = "redeem_request"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 * 1024
COSIGNATURES_MAX = 15


@dataclass(frozen=True)
class RedeemRequest:
    """See the module's docstring. `reference` says where the euros go; its salt opens the
    commitment in the body."""

    network_id: bytes
    body: bytes
    signature: bytes
    cosignatures: tuple[Cosignature, ...]
    reference: str
    reference_salt: bytes

    @classmethod
    def from_entry(
        cls, entry: Entry, network_id: bytes, signing_key: SigningKey
    ) -> "RedeemRequest":
        """The request for an outbox entry that its holder signs."""
        return cls(
            network_id=network_id,
            body=entry.body,
            signature=cosign(entry.body, network_id, signing_key).signature,
            cosignatures=(),
            reference=str(entry.private.get("reference", "")),
            reference_salt=bytes.fromhex(str(entry.private.get("reference_salt", ""))),
        )

    def raw(self) -> bytes:
        """The transaction's bytes with the signatures so far."""
        return assemble(self.body, self.signature, self.cosignatures)

    def redemption(self) -> tuple[bytes, Redemption]:
        """The holder's account id and what they ask, the signatures and the reference checked.

        Raises `Refused`: `signature_invalid`, `request_malformed`, `network_mismatch`,
        `note_malformed`, ….
        """
        check_note(self.reference)
        transaction = decode_transaction(self.raw(), self.network_id)
        if not isinstance(transaction.fields, Redemption):
            raise Refused("request_malformed", transaction.kind)
        message = signed_message(SIGNATURE_TAG, self.network_id, self.body)
        for key, signature in transaction.signers:
            if not verify(key, message, signature):
                raise Refused("signature_invalid", key.hex())
        expected = commitment("payout", self.reference_salt, self.reference)
        if transaction.fields.commitment != expected:
            raise Refused("request_malformed", field="reference")
        return transaction.account, transaction.fields

    def cosigned(self, signing_key: SigningKey) -> "RedeemRequest":
        """The request with one more of the issuer's signatures; a key signs once."""
        added = cosign(self.body, self.network_id, signing_key)
        others = [one for one in self.cosignatures if one.key != added.key]
        return replace(self, cosignatures=(*others, added))

    def to_json(self) -> dict[str, object]:
        """The request as a file's content."""
        return {
            "kind": FILE_KIND,
            "version": FILE_VERSION,
            "network_id": self.network_id.hex(),
            "body": self.body.hex(),
            "signature": self.signature.hex(),
            "cosignatures": [[one.key.hex(), one.signature.hex()] for one in self.cosignatures],
            "reference": self.reference,
            "reference_salt": self.reference_salt.hex(),
        }


def redeem_request_from_json(content: Mapping[str, object]) -> RedeemRequest:
    """Read such a file's content. Raises `Refused`: `request_malformed`, `version_unknown`."""
    if content.get("kind") != FILE_KIND:
        raise Refused("request_malformed", field="kind")
    check_version(content.get("version"), FILE_VERSION)
    cosignatures = content.get("cosignatures")
    if not isinstance(cosignatures, list) or len(cosignatures) > COSIGNATURES_MAX:
        raise Refused("request_malformed", field="cosignatures")
    try:
        return RedeemRequest(
            network_id=_bytes(content["network_id"]),
            body=_bytes(content["body"]),
            signature=_bytes(content["signature"]),
            cosignatures=tuple(
                Cosignature(_bytes(key), _bytes(signature)) for key, signature in cosignatures
            ),
            reference=str(content["reference"]),
            reference_salt=_bytes(content["reference_salt"]),
        )
    except (KeyError, ValueError, TypeError):
        raise Refused("request_malformed") from None


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("bytes are written as hex")
    return bytes.fromhex(value)
