"""Votes: what a member promises about a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES
from primitives.signatures import signed_message

NOTARIZE = 1
NULLIFY = 2
FINALIZE = 3
KINDS = (NOTARIZE, NULLIFY, FINALIZE)
NO_DIGEST = bytes(HASH_BYTES)
"""What a NULLIFY carries in the place of a digest."""


class Signer(Protocol):
    """Signs with this member's voting key."""

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`."""


class Verifier(Protocol):
    """Checks a member's signature."""

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public_key`'s over `message`."""


def vote_message(network_id: bytes, epoch: int, view: int, kind: int, digest: bytes) -> bytes:
    """The bytes that a vote signs (`docs/protocol.md` §4)."""
    return signed_message("vote", network_id, encode((epoch, view, kind, digest)))


@dataclass(frozen=True, slots=True)
class Vote:
    """One member's signed vote."""

    epoch: int
    view: int
    kind: int
    digest: bytes
    signer: bytes
    signature: bytes

    def value(self) -> Value:
        """The vote as an array."""
        return (
            "vote",
            1,
            self.epoch,
            self.view,
            self.kind,
            self.digest,
            self.signer,
            self.signature,
        )

    @staticmethod
    def from_value(value: Value) -> Vote:
        """Read a decoded vote, checking shapes but not the signature."""
        if not isinstance(value, tuple) or len(value) != 8 or value[0] != "vote":
            raise Refused("encoding_not_canonical", "not a vote")
        if type(value[1]) is not int or value[1] != 1:  # true equals 1, and is another form
            raise Refused("version_unknown", f"vote version {value[1]!r}")
        epoch, view, kind, digest, signer, signature = value[2:]
        if type(epoch) is not int or type(view) is not int or type(kind) is not int:
            raise Refused("encoding_not_canonical", "epoch, view and kind are numbers")
        if not 0 <= epoch < 2**53 or not 1 <= view < 2**53 or kind not in KINDS:
            raise Refused("encoding_not_canonical", "epoch, view or kind out of range")
        if type(digest) is not bytes or type(signer) is not bytes or type(signature) is not bytes:
            raise Refused("encoding_not_canonical", "digest, signer and signature are bytes")
        if len(digest) != HASH_BYTES or len(signer) != 32 or len(signature) != 64:
            raise Refused("encoding_not_canonical", "digest, signer or signature of wrong length")
        if (kind == NULLIFY) != (digest == NO_DIGEST):
            raise Refused("encoding_not_canonical", "a NULLIFY, and nothing else, has no digest")
        return Vote(epoch, view, kind, digest, signer, signature)

    def is_signed(self, network_id: bytes, verify: Verifier) -> bool:
        """Whether the signature is the signer's."""
        message = vote_message(network_id, self.epoch, self.view, self.kind, self.digest)
        return verify(self.signer, message, self.signature)
