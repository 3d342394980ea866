"""One transaction that this wallet signed, as it stands in the outbox."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from primitives.errors import Refused

EntryState = Literal["pending", "final", "refused", "absent"]
Reported = Literal["", "pending", "unknown", "final", "refused"]

ENTRY_STATES = ("pending", "final", "refused", "absent")
FILE_KIND = "outbox_entry"
FILE_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """A signed transaction and what became of it.

    - `number`: its lane number; `body`: what was signed; `raw`: all signed bytes, empty while
      signatures of others are still missing; `id`: of `raw`, or of whatever was found final.
    - `intent`: hash of what the user asked for. A retry of an unanswered command is known by it.
    - `idempotency`: hash of the user's idempotency key, or empty.
    - `state`: `pending` until the outcome is proved (`final`, `absent`) or a node refused it.
      A refusal is a node's word only; that is why its number is given to the next payment.
    - `reported`: what the user was last told. An entry leaves the pending folder once the user
      knows how it ended.
    - `private`: what only this wallet knows, such as the note and its salt.
    """

    number: int
    kind: str
    body: bytes
    raw: bytes
    created_ms: int
    valid_until_ms: int
    intent: str
    idempotency: str = ""
    id: bytes = b""
    state: EntryState = "pending"
    code: str = ""
    reported: Reported = ""
    height: int | None = None
    receipt_number: int | None = None
    private: dict[str, str | int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its file's name: number, idempotency key and body, so that a listing is an index."""
        body = hashlib.sha256(self.body).hexdigest()[:16]
        return f"{self.number:016d}-{self.idempotency or '-'}-{body}.json"

    @property
    def is_settled(self) -> bool:
        """Whether its outcome is known and the user was told."""
        return self.state != "pending" and self.reported == (
            "refused" if self.state == "absent" else self.state
        )

    @property
    def releases_number(self) -> bool:
        """Whether the next transaction may, and should, take this lane number."""
        return self.state in ("refused", "absent") and self.code != "number_used"

    def changed(self, **changes: object) -> "Entry":
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def to_json(self) -> bytes:
        """The entry as its file's content."""
        content = {
            "kind": FILE_KIND,
            "version": FILE_VERSION,
            "number": self.number,
            "transaction_kind": self.kind,
            "body": self.body.hex(),
            "raw": self.raw.hex(),
            "id": self.id.hex(),
            "created_ms": self.created_ms,
            "valid_until_ms": self.valid_until_ms,
            "intent": self.intent,
            "idempotency": self.idempotency,
            "state": self.state,
            "code": self.code,
            "reported": self.reported,
            "height": self.height,
            "receipt_number": self.receipt_number,
            "private": self.private,
        }
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def entry_from_json(raw: bytes, file: str) -> Entry:
    """Read an entry's file. Raises `Refused`: `outbox_malformed`, `version_unknown`."""
    try:
        content = json.loads(raw)
        if content["kind"] != FILE_KIND:
            raise Refused("outbox_malformed", file=file)
        version = content["version"]
        if type(version) is not int or version != FILE_VERSION:
            raise Refused("version_unknown", file=file)
        if content["state"] not in ENTRY_STATES:
            raise Refused("outbox_malformed", file=file)
        return Entry(
            number=int(content["number"]),
            kind=str(content["transaction_kind"]),
            body=bytes.fromhex(content["body"]),
            raw=bytes.fromhex(content["raw"]),
            id=bytes.fromhex(content["id"]),
            created_ms=int(content["created_ms"]),
            valid_until_ms=int(content["valid_until_ms"]),
            intent=str(content["intent"]),
            idempotency=str(content["idempotency"]),
            state=cast(EntryState, content["state"]),
            code=str(content["code"]),
            reported=cast(Reported, content["reported"]),
            height=content["height"],
            receipt_number=content["receipt_number"],
            private=dict(content["private"]),
        )
    except (KeyError, ValueError, TypeError, RecursionError):
        raise Refused("outbox_malformed", file=file) from None


def idempotency_hash(key: str) -> str:
    """The form in which an idempotency key stands in file names; empty for no key."""
    return hashlib.sha256(b"idempotency\0" + key.encode()).hexdigest()[:32] if key else ""


def intent_hash(*parts: str | int | bytes | None) -> str:
    """The name of what a user asked for: the same for a retry, different for anything else."""
    words = [part.hex() if isinstance(part, bytes) else part for part in parts]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]
