"""Ed25519 with libsodium's strict equation, which is part of the rules.

Accepted: canonical A and R, S < L, neither A nor R of small order, cofactorless. Another verifier
may only take its place if it agrees on every public vector (`docs/protocol.md` §1).
"""

from nacl import bindings
from nacl.exceptions import BadSignatureError

from primitives.errors import InvariantBroken
from primitives.hashing import tag_prefix

PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64

# The base point plus the point of order two: on the curve, canonical, and outside the prime-order
# subgroup. Some releases of libsodium (CVE-2025-69277) take it for a member.
_MIXED_ORDER_POINT = bytes.fromhex(
    "9599999999999999999999999999999999999999999999999999999999999999"
)


def signed_message(tag: str, network_id: bytes, content: bytes) -> bytes:
    """What is signed: byte(len(tag)) ‖ tag ‖ network id ‖ content."""
    return tag_prefix(tag) + network_id + content


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` over `message` is by `public_key`. Never raises."""
    # The library reads 32 bytes at the key whatever its length, so this check guards memory too.
    if not (isinstance(public_key, bytes) and len(public_key) == PUBLIC_KEY_BYTES):
        return False
    if not (isinstance(signature, bytes) and len(signature) == SIGNATURE_BYTES):
        return False
    if not isinstance(message, bytes):
        return False
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def is_registrable(public_key: bytes) -> bool:
    """Whether a key may be registered: a canonical point of the prime-order subgroup.

    Then only the key's owner could make a signature on which two verifiers differ.
    """
    if not (isinstance(public_key, bytes) and len(public_key) == PUBLIC_KEY_BYTES):
        return False
    return bindings.crypto_core_ed25519_is_valid_point(public_key)


class SigningKey:
    """A secret key. Its text form shows the public part only."""

    __slots__ = ("_secret", "public_key", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InvariantBroken(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = bytes(seed)
        self.public_key, self._secret = bindings.crypto_sign_seed_keypair(self.seed)

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key whose seed (RFC 8032's secret key) is these 32 bytes."""
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, 64 bytes, the same every time."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey({self.public_key.hex()})"


if is_registrable(_MIXED_ORDER_POINT):
    raise InvariantBroken(
        "libsodium takes keys outside the prime-order subgroup: PyNaCl 1.6.2 or later is needed"
    )
