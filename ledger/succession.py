"""A network that takes the place of one that lost more members than it bears.

Its genesis names the predecessor, the highest final header of it that anybody holds, and the state
after that header's block, which goes on as it is. The recovery keys of the last member set that a
header of the predecessor committed to stand under it, more than half of them. They are no part of
the network id: one draft is one network, whoever endorsed it.

Under the built-in engine a boundary names that set by its hash. CometBFT's headers name voting keys
alone, so there the object `network` comes along, with the proof that it stands under the state root
of the last header (docs/adr/0026).

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
from ledger.network_objects import NETWORK_TREE_KEY, NetworkRecord
from ledger.proofs import PROOF_BYTES_MAX, StateProof
from ledger.shapes import HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify

HEADER_BYTES_MAX = 512
COMETBFT_HEADER_BYTES_MAX = 626
NETWORK_BYTES_MAX = 1 << 20
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


class ProvedNetwork(NamedTuple):
    """What a predecessor's last header leaves open where CometBFT ordered it.

    `validators` are the keys whose set signed the commit, ascending. `network` is that object of
    the state with the root that the header names, and `proof` shows that it stands there.
    """

    validators: tuple[bytes, ...]
    network: bytes
    proof: bytes

    @property
    def members(self) -> tuple[FormerMember, ...]:
        """Those that vote by this object, whose recovery keys endorse. Raises `Refused`."""
        if len(self.network) > NETWORK_BYTES_MAX:
            raise invalid("network", "too large")
        active = NetworkRecord.decode(self.network).terms.active
        rows = [FormerMember(one.voting_key, one.recovery_key, one.prefix) for one in active]
        return tuple(sorted(rows))

    def holds_under(self, root: bytes) -> bool:
        """Whether the object stands in the state with this root. Raises `Refused` for bytes that
        are no proof at all."""
        return StateProof.decode(self.proof).verify(root, NETWORK_TREE_KEY, self.network)

    def check(self) -> None:
        """Its own bounds. Raises `Refused("genesis_invalid")`."""
        keys = self.validators
        if not 1 <= len(keys) <= TERRITORIES_MAX or any(len(key) != KEY_BYTES for key in keys):
            raise invalid("validators", f"1 to {TERRITORIES_MAX} keys of 32 bytes")
        if list(keys) != sorted(set(keys)):
            raise invalid("validators", "keys stand in their order, each once")
        if len(self.proof) > PROOF_BYTES_MAX:
            raise invalid("proof", "too large")


@dataclass(frozen=True, slots=True)
class Succession:
    """What a genesis takes over from its predecessor.

    `epoch` is the first epoch of the new network and `height` the one that its blocks go on from:
    both count on. `header`, `between` and `certificate` prove the predecessor's last final header;
    `state_root` is the root after its block. `members` is the set whose recovery keys endorse;
    `signers` the one that signed the certificate of a boundary, which is the one before: else None.
    `former` are territories of the state that are no members of the new network.

    Of a predecessor that CometBFT ordered, `header` and `certificate` are its header and the commit
    for this very header, nothing is between, and `proved` says who signed and who the members are.

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
    proved: ProvedNetwork | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.epoch <= AMOUNT_MINOR_MAX and 1 <= self.height <= AMOUNT_MINOR_MAX):
            raise invalid("succession", "epoch or height out of range")
        if len(self.predecessor) != HASH_BYTES or len(self.state_root) != HASH_BYTES:
            raise invalid("succession", "a hash is 32 bytes")
        bytes_max = HEADER_BYTES_MAX if self.proved is None else COMETBFT_HEADER_BYTES_MAX
        if len(self.between) > BETWEEN_MAX or any(
            len(raw) > bytes_max for raw in (self.header, *self.between)
        ):
            raise invalid("between", "too many headers, or one too large")
        if len(self.certificate) > CERTIFICATE_BYTES_MAX:
            raise invalid("certificate", "too large")
        for rows in (self.members, self.signers or self.members):
            _check_rows(rows)
        if len(self.former) > TERRITORIES_MAX:
            raise invalid("former", f"at most {TERRITORIES_MAX}")
        if self.proved is not None:
            self.proved.check()
            if self.between or self.signers is not None:
                raise invalid("between", "a commit is for the last header itself")
            if self.members != self.proved.members:
                raise invalid("members", "not those of the object that is proved")

    @property
    def endorsements_needed(self) -> int:
        """More than half of the set."""
        return len(self.members) // 2 + 1

    def value(self) -> Value:
        """The encoded form, as it stands in the genesis."""
        former = tuple([territory.value() for territory in self.former])
        if self.proved is not None:
            return (
                "succession",
                2,
                self.predecessor,
                self.epoch,
                self.height,
                self.header,
                self.certificate,
                self.state_root,
                *self.proved,
                former,
            )
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
            former,
        )

    def to_json(self) -> dict[str, object]:
        """The form in a genesis file."""
        content: dict[str, object] = {
            "predecessor": self.predecessor.hex(),
            "epoch": self.epoch,
            "height": self.height,
            "header": self.header.hex(),
        }
        if self.proved is None:
            content["between"] = [raw.hex() for raw in self.between]
        content["certificate"] = self.certificate.hex()
        content["state_root"] = self.state_root.hex()
        if self.proved is None:
            content["members"] = _rows_to_json(self.members)
            content["signers"] = None if self.signers is None else _rows_to_json(self.signers)
        else:
            content["validators"] = [key.hex() for key in self.proved.validators]
            content["network"] = self.proved.network.hex()
            content["proof"] = self.proved.proof.hex()
        content["former"] = [territory_to_json(territory) for territory in self.former]
        return content

    @staticmethod
    def proved_from_json(reader: JsonFields) -> Succession:
        """Read one whose predecessor CometBFT ordered. Raises as `from_json`."""
        keys = [hex_bytes(raw, "validators", KEY_BYTES) for raw in reader.items("validators")]
        network, proof = reader.bytes("network", None), reader.bytes("proof", None)
        proved = ProvedNetwork(tuple(keys), network, proof)
        try:
            members = proved.members
        except Refused as refusal:
            raise invalid("network", f"it can't be read: {refusal}") from None
        return Succession(
            reader.bytes("predecessor", HASH_BYTES),
            reader.integer("epoch"),
            reader.integer("height"),
            reader.bytes("header", None),
            (),
            reader.bytes("certificate", None),
            reader.bytes("state_root", HASH_BYTES),
            members,
            None,
            tuple([territory_from_json(entry) for entry in reader.items("former")]),
            proved,
        )

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
