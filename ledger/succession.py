"""A network that takes the place of one that lost more members than it bears.

Its genesis names the predecessor, the highest final header of it that anybody holds, and the state
after that header's block, which goes on as it is. The recovery keys of the last member set that a
boundary of the predecessor committed to stand under it, more than half of them. They are no part of
the network id: one draft is one network, whoever endorsed it.

What the certificate says is for `consensus.succession` to check: here it is bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.founders import (
    TERRITORIES_MAX,
    Territory,
    invalid,
    territory_from_json,
    territory_to_json,
)
from ledger.json_fields import JsonFields, hex_bytes
from ledger.shapes import HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify

HEADER_BYTES_MAX = 512
BETWEEN_MAX = 1_024
CERTIFICATE_BYTES_MAX = 1 << 17
ENDORSEMENT_TAG = "succession"


class FormerMember(NamedTuple):
    """A member of the predecessor's last set, as the set's hash has it."""

    voting_key: bytes
    recovery_key: bytes
    prefix: str


class Endorsement(NamedTuple):
    """One recovery key's yes to a new genesis."""

    recovery_key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Succession:
    """What a genesis takes over from its predecessor.

    `epoch` is the first epoch of the new network and `height` the one that its blocks go on from:
    both count on. `header`, `between` and `certificate` prove the predecessor's last final header;
    `state_root` is the root after its block. `members` is the set whose recovery keys endorse;
    `signers` the one that signed the certificate of a boundary, which is the one before: else None.
    `former` are territories of the state that are no members of the new network.

    Raises `Refused("genesis_invalid")`.
    """

    predecessor: bytes
    epoch: int
    height: int
    header: bytes
    between: tuple[bytes, ...]
    certificate: bytes
    state_root: bytes
    members: tuple[FormerMember, ...]
    signers: tuple[FormerMember, ...] | None
    former: tuple[Territory, ...]

    def __post_init__(self) -> None:
        if not (1 <= self.epoch <= AMOUNT_MINOR_MAX and 1 <= self.height <= AMOUNT_MINOR_MAX):
            raise invalid("succession", "epoch or height out of range")
        if len(self.predecessor) != HASH_BYTES or len(self.state_root) != HASH_BYTES:
            raise invalid("succession", "a hash is 32 bytes")
        if len(self.between) > BETWEEN_MAX or any(
            len(raw) > HEADER_BYTES_MAX for raw in (self.header, *self.between)
        ):
            raise invalid("between", "too many headers, or one too large")
        if len(self.certificate) > CERTIFICATE_BYTES_MAX:
            raise invalid("certificate", "too large")
        for rows in (self.members, self.signers or self.members):
            _check_rows(rows)
        if len(self.former) > TERRITORIES_MAX:
            raise invalid("former", f"at most {TERRITORIES_MAX}")

    @property
    def endorsements_needed(self) -> int:
        """More than half of the set."""
        return len(self.members) // 2 + 1

    def value(self) -> Value:
        """The encoded form, as it stands in the genesis."""
        return (
            "succession",
            1,
            self.predecessor,
            self.epoch,
            self.height,
            self.header,
            self.between,
            self.certificate,
            self.state_root,
            tuple([tuple(row) for row in self.members]),
            None if self.signers is None else tuple([tuple(row) for row in self.signers]),
            tuple([territory.value() for territory in self.former]),
        )

    def to_json(self) -> dict[str, object]:
        """The form in a genesis file."""
        return {
            "predecessor": self.predecessor.hex(),
            "epoch": self.epoch,
            "height": self.height,
            "header": self.header.hex(),
            "between": [raw.hex() for raw in self.between],
            "certificate": self.certificate.hex(),
            "state_root": self.state_root.hex(),
            "members": _rows_to_json(self.members),
            "signers": None if self.signers is None else _rows_to_json(self.signers),
            "former": [territory_to_json(territory) for territory in self.former],
        }

    @staticmethod
    def from_json(reader: JsonFields) -> Succession:
        """Read it. Raises `Refused`: `genesis_malformed`, `genesis_invalid`."""
        return Succession(
            reader.bytes("predecessor", HASH_BYTES),
            reader.integer("epoch"),
            reader.integer("height"),
            reader.bytes("header", None),
            tuple([hex_bytes(raw, "between", None) for raw in reader.items("between")]),
            reader.bytes("certificate", None),
            reader.bytes("state_root", HASH_BYTES),
            _rows_from_json(reader, "members"),
            None if reader.is_absent("signers") else _rows_from_json(reader, "signers"),
            tuple([territory_from_json(entry) for entry in reader.items("former")]),
        )


def endorse(key: SigningKey, network_id: bytes, content: bytes) -> Endorsement:
    """A recovery key's yes to the genesis with this id, `content` being its encoding."""
    message = signed_message(ENDORSEMENT_TAG, network_id, content)
    return Endorsement(key.public_key, key.sign(message))


def check_endorsements(
    succession: Succession,
    network_id: bytes,
    content: bytes,
    endorsements: Sequence[Endorsement],
) -> tuple[str, ...]:
    """Whose recovery keys stand under a genesis: short names, sorted.

    Raises `Refused`: `endorsement_invalid` for a key twice, one of nobody in the set, or a
    signature over anything else; `endorsements_insufficient`.
    """
    names = {member.recovery_key: member.prefix for member in succession.members}
    message = signed_message(ENDORSEMENT_TAG, network_id, content)
    seen: set[bytes] = set()
    for key, signature in endorsements:
        if key not in names:
            raise Refused("endorsement_invalid", f"{key.hex()} is no recovery key of the last set")
        if key in seen:
            raise Refused("endorsement_invalid", f"{names[key]} stands twice")
        if not verify(key, message, signature):
            raise Refused("endorsement_invalid", f"{names[key]} signed something else")
        seen.add(key)
    if len(seen) < succession.endorsements_needed:
        raise Refused(
            "endorsements_insufficient",
            f"{len(seen)} of {succession.endorsements_needed} recovery keys",
        )
    return tuple(sorted([names[key] for key in seen]))


def endorsements_to_json(endorsements: Sequence[Endorsement]) -> list[dict[str, str]]:
    """The form in a genesis file."""
    return [
        {"recovery_key": one.recovery_key.hex(), "signature": one.signature.hex()}
        for one in endorsements
    ]


def endorsements_from_json(items: Sequence[object]) -> tuple[Endorsement, ...]:
    """Read them. Raises `Refused("genesis_malformed")`."""
    if len(items) > TERRITORIES_MAX:
        raise Refused("genesis_malformed", "too many", field="endorsements")
    found: list[Endorsement] = []
    for item in items:
        reader = JsonFields(item, "endorsements")
        key = reader.bytes("recovery_key", KEY_BYTES)
        found.append(Endorsement(key, reader.bytes("signature", SIGNATURE_BYTES)))
    return tuple(found)


def _check_rows(rows: Sequence[FormerMember]) -> None:
    if not 1 <= len(rows) <= TERRITORIES_MAX:
        raise invalid("members", f"1 to {TERRITORIES_MAX}")
    if len({row.recovery_key for row in rows}) != len(rows):
        raise invalid("members", "two members have this recovery key")
    if list(rows) != sorted(rows) or len({row.voting_key for row in rows}) != len(rows):
        raise invalid("members", "a set stands in the order of voting keys, each once")


def _rows_to_json(rows: Sequence[FormerMember]) -> list[dict[str, str]]:
    return [
        {
            "prefix": row.prefix,
            "voting_key": row.voting_key.hex(),
            "recovery_key": row.recovery_key.hex(),
        }
        for row in rows
    ]


def _rows_from_json(reader: JsonFields, name: str) -> tuple[FormerMember, ...]:
    rows: list[FormerMember] = []
    for item in reader.items(name):
        row = JsonFields(item, name)
        rows.append(
            FormerMember(
                row.bytes("voting_key", KEY_BYTES),
                row.bytes("recovery_key", KEY_BYTES),
                row.text("prefix"),
            )
        )
    return tuple(rows)
