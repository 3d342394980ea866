"""An act of the town hall that waits for a second signature, as a file that staff hand on.

It carries the body and the signatures so far. Who signs next reads what the bytes say, not what
somebody says of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.envelope import SIGNATURE_TAG, Cosignature, assemble, cosign
from ledger.power_fields import (
    FREEZE_REASONS,
    POWER_KINDS,
    Blocking,
    Decision,
    Escalation,
    Freezing,
    KeysChange,
    RequestAct,
    Unfreezing,
)
from ledger.transaction import Transaction, decode_transaction
from primitives.addresses import format_address
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify
from primitives.versions import check_version
from wallet.atomic_files import write_file
from wallet.light.trust import TrustedNetwork
from wallet.outbox_entry import Entry
from wallet.power_words import change_text, key_text, maker_text
from wallet.wording import time_text

FILE_KIND = "act_draft"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class ActDraft:
    """See the module's docstring."""

    body: bytes
    signature: bytes
    cosignatures: tuple[Cosignature, ...]

    @classmethod
    def of(
        cls, entry: Entry, network_id: bytes, first: SigningKey, others: tuple[SigningKey, ...]
    ) -> "ActDraft":
        """The draft of what an outbox holds, signed by who is there."""
        signature = cosign(entry.body, network_id, first).signature
        added = tuple([cosign(entry.body, network_id, key) for key in others])
        return cls(entry.body, signature, added)

    def raw(self) -> bytes:
        """The transaction with the signatures so far."""
        return assemble(self.body, self.signature, self.cosignatures)

    def read(self, network: TrustedNetwork) -> Transaction:
        """What it says, every signature checked. Raises `Refused`: `request_malformed`,
        `signature_invalid`, `network_mismatch`, …."""
        transaction = decode_transaction(self.raw(), network.network_id, network.rules)
        if transaction.kind not in POWER_KINDS:
            raise Refused("request_malformed", transaction.kind)
        message = signed_message(SIGNATURE_TAG, network.network_id, self.body)
        for key, signature in transaction.signers:
            if not verify(key, message, signature):
                raise Refused("signature_invalid", key.hex())
        return transaction

    def cosigned(self, network_id: bytes, key: SigningKey) -> "ActDraft":
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
        }
        write_file(file, json.dumps(content, indent=1).encode() + b"\n", replace=False)


def _check_version(content: Mapping[str, object], file: Path) -> None:
    try:
        check_version(content.get("version"), FILE_VERSION)
    except Refused as refusal:
        refusal.file = str(file)
        raise


def read_draft(file: Path) -> ActDraft:
    """Read such a file. Raises `Refused`: `request_malformed`, `version_unknown`."""
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
        if not isinstance(content, Mapping) or content.get("kind") != FILE_KIND:
            raise Refused("request_malformed", file=str(file))
        _check_version(content, file)
        return ActDraft(
            bytes.fromhex(content["body"]),
            bytes.fromhex(content["signature"]),
            tuple(
                Cosignature(bytes.fromhex(key), bytes.fromhex(signature))
                for key, signature in content["cosignatures"]
            ),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("request_malformed", file=str(file)) from None


def act_text(network: TrustedNetwork, prefix: str, transaction: Transaction) -> str:
    """What a draft's bytes say, in words."""
    fields = transaction.fields
    words = [transaction.kind]
    if isinstance(
        fields,
        Blocking | KeysChange | RequestAct | Escalation | Decision | Freezing | Unfreezing,
    ):
        words.append(format_address(prefix, fields.target))
    if isinstance(fields, Blocking):
        words.append(key_text(fields.key))
    elif isinstance(fields, KeysChange):
        words += [change_text(change) for change in fields.changes]
        words += [] if fields.due_ms is None else [time_text(fields.due_ms)]
    elif isinstance(fields, RequestAct | Escalation):
        words.append(maker_text(fields.maker))
    elif isinstance(fields, Decision):
        words += [maker_text(fields.maker), fields.other_prefix, "+" if fields.agree else "−"]
        words += [change_text(change) for change in fields.changes]
    elif isinstance(fields, Freezing):
        words += [FREEZE_REASONS[fields.reason], time_text(fields.until_ms)]
    return "  ".join(words)
