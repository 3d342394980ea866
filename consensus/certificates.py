"""Certificates: a quorum's votes for one thing, which anyone can check against the member set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from consensus.members import MemberSet
from consensus.votes import KINDS, NO_DIGEST, NULLIFY, Verifier, vote_message
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES

SCHEME_ED25519 = 1
MEMBERS_MAX = 1024
CERTIFICATE_BYTES_MAX = 128 + MEMBERS_MAX * 68
_DECODED_KEPT = 16
"""Several members pass the same certificate on."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """At least q signatures over one (epoch, view, kind, digest).

    `bitmap`: bit i, least significant first in each byte, is member i in key order; `signatures`
    are in that order.
    """

    epoch: int
    view: int
    kind: int
    digest: bytes
    bitmap: bytes
    signatures: tuple[bytes, ...]

    def value(self) -> Value:
        """The certificate as an array."""
        return (
            "certificate", 1, SCHEME_ED25519, self.epoch, self.view, self.kind, self.digest,
            self.bitmap, self.signatures,
        )  # fmt: skip

    def encode(self) -> bytes:
        """The canonical bytes."""
        return encode(self.value())

    @staticmethod
    @lru_cache(_DECODED_KEPT)
    def decode(raw: bytes) -> Certificate:
        """Read a certificate from anyone; what it claims is checked by `verify_certificate`."""
        return Certificate.from_value(decode(raw, bytes_max=CERTIFICATE_BYTES_MAX))

    @staticmethod
    def from_value(value: Value) -> Certificate:
        """Read a decoded certificate, checking shapes."""
        if not isinstance(value, tuple) or len(value) != 9 or value[0] != "certificate":
            raise Refused("encoding_not_canonical", "not a certificate")
        if type(value[1]) is not int or type(value[2]) is not int:  # true equals 1
            raise Refused("encoding_not_canonical", "version and scheme are numbers")
        if value[1] != 1 or value[2] != SCHEME_ED25519:
            raise Refused("version_unknown", f"certificate {value[1]!r}, scheme {value[2]!r}")
        epoch, view, kind, digest, bitmap, signatures = value[3:]
        if type(epoch) is not int or type(view) is not int or type(kind) is not int:
            raise Refused("encoding_not_canonical", "epoch, view and kind are numbers")
        if not 0 <= epoch < 2**53 or not 1 <= view < 2**53 or kind not in KINDS:
            raise Refused("encoding_not_canonical", "epoch, view or kind out of range")
        if type(digest) is not bytes or len(digest) != HASH_BYTES or type(bitmap) is not bytes:
            raise Refused("encoding_not_canonical", "digest or bitmap malformed")
        if (kind == NULLIFY) != (digest == NO_DIGEST):
            raise Refused("encoding_not_canonical", "a NULLIFY, and nothing else, has no digest")
        if not isinstance(signatures, tuple) or len(signatures) > MEMBERS_MAX:
            raise Refused("encoding_not_canonical", "signatures malformed")
        kept: list[bytes] = []
        for signature in signatures:
            if type(signature) is not bytes or len(signature) != 64:
                raise Refused("encoding_not_canonical", "a signature is 64 bytes")
            kept.append(signature)
        return Certificate(epoch, view, kind, digest, bitmap, tuple(kept))

    @staticmethod
    def from_votes(
        epoch: int, view: int, kind: int, digest: bytes, signatures: Mapping[int, bytes], size: int
    ) -> Certificate:
        """Gather `signatures` (by member index) of a set of `size` members."""
        bitmap = bytearray(-(-size // 8))
        for index in signatures:
            bitmap[index // 8] |= 1 << index % 8
        ordered = tuple(signatures[index] for index in sorted(signatures))
        return Certificate(epoch, view, kind, digest, bytes(bitmap), ordered)

    def signers(self, size: int) -> tuple[int, ...]:
        """Indices of those who signed; refuses a bitmap that does not fit `size` members."""
        if len(self.bitmap) != -(-size // 8):
            raise Refused("certificate_invalid", "the bitmap is not of the set's size")
        signers = tuple(i for i in range(len(self.bitmap) * 8) if self.bitmap[i // 8] >> i % 8 & 1)
        if signers and signers[-1] >= size:
            raise Refused("certificate_invalid", "a bit beyond the last member is set")
        return signers


def verify_certificate(
    certificate: Certificate, members: MemberSet, network_id: bytes, verify: Verifier
) -> None:
    """Return if at least q distinct members signed; raises Refused `certificate_invalid`."""
    signers = certificate.signers(len(members.members))
    if len(signers) != len(certificate.signatures):
        raise Refused("certificate_invalid", "as many signatures as bits, please")
    if len(signers) < members.quorum:
        raise Refused("certificate_invalid", f"{len(signers)} of {members.quorum} signatures")
    message = vote_message(
        network_id, certificate.epoch, certificate.view, certificate.kind, certificate.digest
    )
    for index, signature in zip(signers, certificate.signatures, strict=True):
        if not verify(members.members[index].voting_key, message, signature):
            raise Refused("certificate_invalid", f"the signature of member {index} is wrong")
