"""A commit: one signature place for each validator of a set, in the set's order.

`tendermint.types.Commit` and `CommitSig` (`types/block.go`). A place is absent, for the block, or
for nil; each signature is over its own time.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.cometbft import merkle
from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.headers import ADDRESS_BYTES
from consensus.cometbft.timestamps import ZERO_TIME_NS, decode_time, encode_time
from consensus.cometbft.validators import VALIDATORS_MAX
from consensus.cometbft.votes import PRECOMMIT, sign_bytes
from consensus.cometbft.wire import (
    BYTES,
    VARINT,
    Message,
    bytes_field,
    check_canonical,
    check_size,
    message_field,
    not_canonical,
    number_field,
)

ABSENT = 1
FOR_BLOCK = 2
FOR_NIL = 3
SIGNATURE_BYTES_MAX = 64
COMMIT_BYTES_MAX = 94 + VALIDATORS_MAX * 111
"""As CometBFT's `MaxCommitBytes`: 109 bytes a signature and two before it."""
_ROUND_MAX = 2**31 - 1
_SIGNATURE_SIZES = frozenset(range(SIGNATURE_BYTES_MAX + 1))
_ADDRESS_SIZES = frozenset({0, ADDRESS_BYTES})
_KINDS = {1: VARINT, 2: VARINT, 3: BYTES, 4: BYTES}
_SIGNATURE_KINDS = {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES}


@dataclass(frozen=True, slots=True)
class CommitSignature:
    """One validator's place. `flag` is ABSENT, FOR_BLOCK or FOR_NIL; an absent one has neither
    address nor signature, and Go's zero time."""

    flag: int = ABSENT
    address: bytes = b""
    time_ns: int = ZERO_TIME_NS
    signature: bytes = b""

    @property
    def is_well_formed(self) -> bool:
        """As CometBFT's `CommitSig.ValidateBasic`."""
        if self.flag == ABSENT:
            return not (self.address or self.signature) and self.time_ns == ZERO_TIME_NS
        return self.flag in (FOR_BLOCK, FOR_NIL) and bool(self.address and self.signature)

    def encode(self) -> bytes:
        """The content of a `CommitSig`."""
        return (
            number_field(1, self.flag)
            + bytes_field(2, self.address)
            + message_field(3, encode_time(self.time_ns))
            + bytes_field(4, self.signature)
        )

    @staticmethod
    def decode(raw: bytes) -> CommitSignature:
        """Read one. Raises `Refused("encoding_not_canonical")`."""
        message = Message(raw, _SIGNATURE_KINDS, "a signature")
        found = CommitSignature(
            message.number(1),
            message.raw(2, _ADDRESS_SIZES),
            decode_time(message.message(3)),
            message.raw(4, _SIGNATURE_SIZES),
        )
        if not found.is_well_formed:
            raise not_canonical("a signature's place is neither empty nor whole")
        return found


@dataclass(frozen=True, slots=True)
class Commit:
    """The precommits of one height and round for one block."""

    height: int
    round: int
    block_id: BlockId
    signatures: tuple[CommitSignature, ...]

    def sign_bytes(self, chain_id: str, place: int) -> bytes:
        """What the signature at this place is over."""
        one = self.signatures[place]
        block_id = self.block_id if one.flag == FOR_BLOCK else BlockId()
        return sign_bytes(chain_id, PRECOMMIT, self.height, self.round, block_id, one.time_ns)

    def hash(self) -> bytes:
        """What the next header's `last_commit_hash` is (`Commit.Hash`)."""
        return merkle.root([one.encode() for one in self.signatures])

    def encode(self) -> bytes:
        """The content of a `tendermint.types.Commit`."""
        places = [message_field(4, one.encode()) for one in self.signatures]
        return b"".join(
            [
                number_field(1, self.height),
                number_field(2, self.round),
                message_field(3, self.block_id.encode()),
                *places,
            ]
        )

    @staticmethod
    def decode(raw: bytes) -> Commit:
        """Read a commit from anyone; what it claims is checked in `light`. Raises
        `Refused("encoding_not_canonical")`."""
        check_size(raw, COMMIT_BYTES_MAX, "a commit")
        message = Message(raw, _KINDS, "a commit", repeated=4)
        commit = Commit(
            message.number(1, least=1),
            message.number(2, most=_ROUND_MAX),
            BlockId.decode(message.message(3)),
            tuple([CommitSignature.decode(one) for one in message.messages(4, VALIDATORS_MAX)]),
        )
        if not commit.block_id.is_complete or not commit.signatures:
            raise not_canonical("a commit is for a block, and signed")
        check_canonical(raw, commit.encode(), "a commit")
        return commit
