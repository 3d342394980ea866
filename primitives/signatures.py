"""Ed25519 with libsodium's strict equation, which is part of the rules.

Accepted: canonical A and R, S < L, neither A nor R of small order, cofactorless. libsodium signs,
and judges which keys may be registered; ed25519-dalek checks signatures, by the same equation in
two thirds of the time (ADR 0034). Another verifier may only take its place if it agrees on every
public vector (`docs/protocol.md` §1).
"""

from binascii import b2a_base64
from functools import lru_cache

from nacl import bindings
from vodozemac import Ed25519PublicKey, Ed25519Signature, KeyException, SignatureException

from primitives.errors import InvariantBroken
from primitives.hashing import tag_prefix

PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
FIELD_PRIME = 2**255 - 19
SIGN_BIT = 1 << 255
KEYS_KEPT = 16_384
"""Keys whose points are kept for their next signature: at most 8 MB, and a tenth of each check."""

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
    # No kind of bytes whose length, equality or hash may be its own: keys are looked up by them.
    if not (type(public_key) is type(message) is type(signature) is bytes):
        return False
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    key = _point(public_key)
    if key is None:
        return False
    try:
        key.verify_signature(message, Ed25519Signature.from_base64(_base64(signature)))
    except SignatureException:
        return False
    return True


@lru_cache(KEYS_KEPT)
def _point(public_key: bytes) -> Ed25519PublicKey | None:
    """The key ready for use; None if these bytes are no point, or not a point's only form."""
    # dalek takes y and y + p for the same point, where libsodium refuses the second.
    if int.from_bytes(public_key, "little") & ~SIGN_BIT >= FIELD_PRIME:
        return None
    try:
        return Ed25519PublicKey.from_base64(_base64(public_key))
    except KeyException:
        return None


def _base64(raw: bytes) -> str:
    """The library takes nothing but unpadded base64; this costs a fiftieth of the check."""
    return b2a_base64(raw, newline=False).rstrip(b"=").decode("ascii")


def is_registrable(public_key: bytes) -> bool:
    """Whether a key may be registered: a canonical point of the prime-order subgroup.

    Then only the key's owner could make a signature on which two verifiers differ.
    """
    if not (isinstance(public_key, bytes) and len(public_key) == PUBLIC_KEY_BYTES):
        return False
    # libsodium reads 32 bytes at the key whatever its length: the check above guards memory too.
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

# What tells the rule's equation from others: a good signature (RFC 8032, test 1), the same with
# S + L, one that any message has unless orders are checked, and one that only the equation with the
# cofactor takes (ed25519-speccheck, case 4).
_GOOD_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
_GOOD_R = bytes.fromhex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
_GOOD_S = bytes.fromhex("5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
_GOOD_S_PLUS_L = bytes.fromhex("4c8c7872aa064e049dbb3013fbf29380d25bf5f0595bbe24655141438e7a101b")
_JUDGED: tuple[tuple[bytes, bytes, bytes, bool], ...] = (
    (_GOOD_KEY, b"", _GOOD_R + _GOOD_S, True),
    (_GOOD_KEY, b"", _GOOD_R + _GOOD_S_PLUS_L, False),
    (b"\x01" + bytes(31), b"", b"\x01" + bytes(63), False),
    (
        bytes.fromhex("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"),
        bytes.fromhex("e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c"),
        bytes.fromhex(
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
            "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09"
        ),
        False,
    ),
)
if any(verify(*item) is not is_sound for *item, is_sound in _JUDGED):
    raise InvariantBroken(
        "vodozemac judges signatures by another equation than the rules: install 0.10, as locked"
    )
