"""A CometBFT header with what makes it final, and a change of the set: what nodes serve, wallets
check and receipts keep (docs/protocol.md, section 6).

For a node: take header and commit of a height from CometBFT (`rpc_json.signed_header_from_json`
reads its RPC's `/commit`), make `CertifiedHeader(header, commit)`, and answer
`GET /v1/headers/{h}` with `to_json()` as JSON, or `encode()` as `application/msgpack`. `between` is
for a node that lacks a height's own commit, or whose commit has too few signatures that our
equation takes: then the headers above it, up to one whose commit holds. Wherever a header's
`next_validators_hash` is not its `validators_hash`, keep `SetChange(header, commit, the next set)`;
`GET /v1/sets?above=HEIGHT` is `write_set_changes` of those above that height, ascending, at most
`SET_CHANGES_AT_ONCE`, and fewer where they pass `SET_CHANGES_BYTES_MAX` // 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.cometbft.commits import COMMIT_BYTES_MAX, Commit
from consensus.cometbft.headers import HEADER_BYTES_MAX, Header
from consensus.cometbft.light import SignedHeader, verify_commit
from consensus.cometbft.validators import VALIDATORS_MAX, Validator, ValidatorSet
from consensus.votes import Verifier
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused

ENGINE = "cometbft"
CERTIFIED_KIND = "certified_header"
CERTIFIED_VERSION = 2
"""Version 1 is the built-in engine's."""
BETWEEN_MAX = 64
CERTIFIED_BYTES_MAX = COMMIT_BYTES_MAX + (BETWEEN_MAX + 2) * HEADER_BYTES_MAX
SET_CHANGES_AT_ONCE = 64
"""So many a node gives in one answer."""
SET_CHANGES_FOLLOWED_MAX = 10_000
"""So many a file may carry."""
SET_CHANGES_BYTES_MAX = 8 << 20


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """`commit` is for the last of `between`, or for `header` where there is none; `between` are
    the headers above `header`, ascending, each naming the one below as its last block."""

    header: Header
    commit: Commit
    between: tuple[Header, ...] = ()

    @property
    def certified(self) -> Header:
        """The header that the commit must be for."""
        return self.between[-1] if self.between else self.header

    def to_json(self) -> dict[str, object]:
        """The answer of `GET /v1/headers/{height}`."""
        return {
            "engine": ENGINE,
            "height": self.header.height,
            "header": self.header.encode().hex(),
            "certificate": self.commit.encode().hex(),
            "headers": [header.encode().hex() for header in self.between],
        }

    def encode(self) -> bytes:
        """The same answer as `application/msgpack`."""
        header, commit, between = self.header, self.commit, self.between
        rows = tuple([one.encode() for one in between])
        return encode((CERTIFIED_KIND, CERTIFIED_VERSION, header.encode(), commit.encode(), rows))

    @staticmethod
    def decode(raw: bytes) -> CertifiedHeader:
        """Read what `encode` gives. Raises `Refused`: `encoding_not_canonical`,
        `version_unknown`."""
        match decode(raw, bytes_max=CERTIFIED_BYTES_MAX):
            case ("certified_header", int(version), *_) if version != CERTIFIED_VERSION:
                raise Refused("version_unknown", f"certified header of version {version}")
            case ("certified_header", int(version), bytes(header), bytes(commit), tuple(rows)) if (
                type(version) is int
            ):
                return CertifiedHeader.of_bytes(header, commit, rows)
        raise _malformed("not a certified header")

    @staticmethod
    def of_bytes(header: bytes, commit: bytes, between: Sequence[Value]) -> CertifiedHeader:
        """Read the parts, as JSON holds them in hex. Raises `Refused("encoding_not_canonical")`."""
        rows = [one for one in between if isinstance(one, bytes)]
        if len(rows) != len(between) or len(rows) > BETWEEN_MAX:
            raise _malformed("headers between are none, or too many")
        return CertifiedHeader(
            Header.decode(header),
            Commit.decode(commit),
            tuple([Header.decode(one) for one in rows]),
        )


def verify_certified(certified: CertifiedHeader, validators: ValidatorSet, verify: Verifier) -> int:
    """That the header is final, under the set that is known to be the certified one's; how many of
    it signed.

    A block names the one below only after more than two thirds signed that, so whoever signs the
    upper one vouches for both. Raises `Refused("certificate_invalid")`.
    """
    below = certified.header
    for header in certified.between:
        if (header.height, header.chain_id) != (below.height + 1, below.chain_id) or (
            header.last_block_id.hash != below.hash
            or header.time_ns <= below.time_ns
            or header.validators_hash != below.next_validators_hash
        ):
            raise Refused("certificate_invalid", "the headers are no chain")
        below = header
    return verify_commit(SignedHeader(below, certified.commit), validators, verify)


@dataclass(frozen=True, slots=True)
class SetChange:
    """A final header that names another set for the next height, and that set.

    The commit is for this very header: one above it is signed by the set that is to be proved.
    """

    header: Header
    commit: Commit
    following: ValidatorSet

    def value(self) -> Value:
        """The form in `GET /v1/sets` and in receipts."""
        rows = tuple([(one.public_key, one.power) for one in self.following.validators])
        return (self.header.encode(), self.commit.encode(), rows)

    @staticmethod
    def from_value(value: Value) -> SetChange:
        """Read what `value` gives. Raises `Refused`: `encoding_not_canonical`,
        `members_malformed`; `certificate_invalid` where the set is not the one that is named."""
        match value:
            case (bytes(raw), bytes(commit), tuple(rows)) if len(rows) <= VALIDATORS_MAX:
                header = Header.decode(raw)
                following = ValidatorSet(tuple([_validator(row) for row in rows]))
                if following.hash != header.next_validators_hash:
                    raise Refused("certificate_invalid", "not the set that the header names")
                if header.next_validators_hash == header.validators_hash:
                    raise Refused("certificate_invalid", "the set does not change there")
                return SetChange(header, Commit.decode(commit), following)
        raise _malformed("not a change of the set")

    def verify(self, validators: ValidatorSet, verify: Verifier) -> int:
        """That the set which is known until this header signed it. Raises
        `Refused("certificate_invalid")`."""
        return verify_commit(SignedHeader(self.header, self.commit), validators, verify)


def write_set_changes(changes: Sequence[SetChange]) -> bytes:
    """What `read_set_changes` reads."""
    return encode(tuple([change.value() for change in changes]))


def read_set_changes(raw: bytes, *, count_max: int = SET_CHANGES_AT_ONCE) -> tuple[SetChange, ...]:
    """Read `GET /v1/sets`, or what a receipt carries; nothing is believed yet.

    Raises `Refused("node_answer_malformed")`.
    """
    try:
        value = decode(raw, bytes_max=SET_CHANGES_BYTES_MAX)
        if not isinstance(value, tuple) or len(value) > count_max:
            raise Refused("node_answer_malformed", field="sets")
        return tuple([SetChange.from_value(entry) for entry in value])
    except Refused as refusal:
        raise Refused("node_answer_malformed", str(refusal), field="sets") from None


def _validator(row: Value) -> Validator:
    match row:
        case (bytes(key), int(power)) if type(power) is int:
            return Validator(key, power)
    raise _malformed("not a validator")


def _malformed(detail: str) -> Refused:
    return Refused("encoding_not_canonical", detail)
