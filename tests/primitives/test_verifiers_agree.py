"""What checks signatures (ed25519-dalek) and libsodium, whose equation is the rule, say the same:
of good signatures, of spoilt ones, and of those that only a hostile owner of a key could make."""

import hashlib
import itertools
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nacl import bindings
from nacl.exceptions import BadSignatureError

import primitives.signatures
from primitives.signatures import SigningKey, verify

FIELD_PRIME = 2**255 - 19
SIGN_BIT = 1 << 255
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = [
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
]
"""The eight points whose order divides the cofactor, in their canonical form."""

NOT_CANONICAL = [
    ((y + FIELD_PRIME) | sign).to_bytes(32, "little") for y in range(19) for sign in (0, SIGN_BIT)
] + [bytes([1, *[0] * 30, 0x80]), bytes([0xEC, *[0xFF] * 31])]
"""All that are read as a point though it has another form, as far as they are one; "-0" last."""

scalars = st.integers(1, GROUP_ORDER - 1)
small_points = st.sampled_from(SMALL_ORDER)
messages = st.binary(max_size=64)


def libsodium(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """The rule's own word."""
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def scalar(value: int) -> bytes:
    return (value % GROUP_ORDER).to_bytes(32, "little")


def times_base(value: int) -> bytes:
    return bytes(bindings.crypto_scalarmult_ed25519_base_noclamp(scalar(value)))


def plus(point: bytes, small: bytes) -> bytes:
    """The sum; libsodium adds points of any order."""
    return bytes(bindings.crypto_core_ed25519_add(point, small))


def signed(secret: int, nonce: int, key: bytes, r: bytes, message: bytes) -> bytes:
    """The signature that the owner of `secret` makes with this R, whatever its order."""
    digest = hashlib.sha512(r + key + message).digest()
    challenge = int.from_bytes(digest, "little") % GROUP_ORDER
    return r + scalar(nonce + challenge * secret)


@given(st.binary(min_size=32, max_size=32), messages, st.integers(0, 96 * 8 - 1))
def test_of_good_and_of_spoilt_signatures(seed: bytes, message: bytes, bit: int) -> None:
    key = SigningKey.from_seed(seed)
    signature = key.sign(message)
    assert verify(key.public_key, message, signature)
    spoilt = bytearray(key.public_key + signature)
    spoilt[bit // 8] ^= 1 << bit % 8
    public_key, signature = bytes(spoilt[:32]), bytes(spoilt[32:])
    assert verify(public_key, message, signature) == libsodium(public_key, message, signature)


@given(st.binary(min_size=32, max_size=32), messages, st.binary(min_size=64, max_size=64))
def test_of_anything_at_all(public_key: bytes, message: bytes, signature: bytes) -> None:
    assert verify(public_key, message, signature) == libsodium(public_key, message, signature)


@settings(max_examples=400)
@given(scalars, scalars, small_points, small_points, messages)
@example(5, 7, SMALL_ORDER[0], SMALL_ORDER[0], b"m")
def test_of_keys_and_nonces_with_a_part_of_small_order(
    secret: int, nonce: int, in_key: bytes, in_nonce: bytes, message: bytes
) -> None:
    key, r = plus(times_base(secret), in_key), plus(times_base(nonce), in_nonce)
    signature = signed(secret, nonce, key, r, message)
    assert verify(key, message, signature) == libsodium(key, message, signature)
    if in_key == in_nonce == SMALL_ORDER[0]:
        assert verify(key, message, signature)


def test_parts_of_small_order_give_both_answers() -> None:
    """The test above would say little if everything it makes were refused."""
    key = plus(times_base(5), SMALL_ORDER[4])
    answers = {
        verify(key, bytes([number]), signed(5, 7, key, times_base(7), bytes([number])))
        for number in range(64)
    }
    assert answers == {True, False}


@pytest.mark.parametrize("key", [*SMALL_ORDER, *NOT_CANONICAL], ids=bytes.hex)
def test_of_every_key_and_r_of_small_order_or_of_another_form(key: bytes) -> None:
    secrets = (0, 1, 8)
    for r, secret, message in itertools.product(
        [*SMALL_ORDER, *NOT_CANONICAL, times_base(3)], secrets, (b"", b"m")
    ):
        for signature in (signed(secret, 0, key, r, message), signed(secret, 3, key, r, message)):
            assert verify(key, message, signature) is False
            assert libsodium(key, message, signature) is False


@given(scalars, scalars, messages, st.integers(1, 15))
def test_of_s_beyond_the_group_order(secret: int, nonce: int, message: bytes, times: int) -> None:
    key, r = times_base(secret), times_base(nonce)
    signature = signed(secret, nonce, key, r, message)
    assert verify(key, message, signature)
    s = int.from_bytes(signature[32:], "little") + times * GROUP_ORDER
    malleable = signature[:32] + (s % 2**256).to_bytes(32, "little")
    assert verify(key, message, malleable) is libsodium(key, message, malleable) is False


@pytest.mark.parametrize("key", NOT_CANONICAL[:-2], ids=bytes.hex)
def test_a_key_of_another_form_is_no_key(key: bytes) -> None:
    """Nobody knows a secret for one, so only this tells whether it would be taken."""
    assert primitives.signatures._point(key) is None


@pytest.mark.parametrize("size", [300, 2_001, 4_097, 262_144])
def test_of_long_messages(size: int) -> None:
    key, message = SigningKey.from_seed(bytes(32)), bytes(size)
    signature = key.sign(message)
    assert verify(key.public_key, message, signature)
    assert not verify(key.public_key, message[:-1] + b"x", signature)


class OtherBytes(bytes):
    """What no decoder makes: bytes that say of themselves what they like."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(bytes(self))


@pytest.mark.parametrize("kind", [bytearray, memoryview, OtherBytes])
def test_nothing_but_bytes_is_looked_at(kind: type) -> None:
    key = SigningKey.from_seed(bytes(32))
    items = (key.public_key, b"m", key.sign(b"m"))
    assert verify(*items)
    for changed in range(3):
        assert not verify(*[kind(one) if at == changed else one for at, one in enumerate(items)])


def test_the_answer_does_not_depend_on_which_keys_were_seen() -> None:
    key = SigningKey.from_seed(bytes(32))
    signature = key.sign(b"m")
    for _ in range(2):
        assert verify(key.public_key, b"m", signature)
        assert not verify(key.public_key, b"x", signature)
        assert not verify(NOT_CANONICAL[0], b"m", signature)
    primitives.signatures._point.cache_clear()
    assert not verify(key.public_key, b"x", signature)
    assert verify(key.public_key, b"m", signature)
    assert primitives.signatures._point.cache_info().maxsize == 16_384


LIBRARIES = {
    "takes everything": "pass",
    "refuses everything": "raise module.SignatureException('no')",
    "takes S + L": (
        "s = int.from_bytes(signature[32:], 'little')\n"
        "        while s >= 2**252 + 27742317777372353535851937790883648493:\n"
        "            s -= 2**252 + 27742317777372353535851937790883648493\n"
        "        self.real.verify_signature(message, module.Ed25519Signature.from_base64("
        "b64(signature[:32] + s.to_bytes(32, 'little'))))"
    ),
    "takes a key of small order": (
        "if self.key[0] != 1: self.real.verify_signature(message, "
        "module.Ed25519Signature.from_base64(b64(signature)))"
    ),
    "takes what the cofactor takes": (
        "if self.key[0] != 0xcd: self.real.verify_signature(message, "
        "module.Ed25519Signature.from_base64(b64(signature)))"
    ),
    "is the one that is locked": (
        "self.real.verify_signature(message, module.Ed25519Signature.from_base64(b64(signature)))"
    ),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_program_starts_with_no_other_equation(name: str) -> None:
    program = f"""
import base64, sys, types
import vodozemac as module
def b64(raw): return base64.b64encode(raw).rstrip(b"=").decode()
def unb64(text): return base64.b64decode(text + "==")
class Key:
    def __init__(self, text):
        self.key, self.real = unb64(text), module.Ed25519PublicKey.from_base64(text)
    from_base64 = classmethod(lambda cls, text: cls(text))
    def verify_signature(self, message, signature):
        {LIBRARIES[name]}
class Signature:
    from_base64 = staticmethod(unb64)
stub = types.ModuleType("vodozemac")
stub.Ed25519PublicKey, stub.Ed25519Signature = Key, Signature
stub.KeyException, stub.SignatureException = module.KeyException, module.SignatureException
sys.modules["vodozemac"] = stub
import primitives.signatures
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if name == "is the one that is locked":
        assert done.returncode == 0, done.stderr
    else:
        assert "InvariantBroken: vodozemac judges signatures by another equation" in done.stderr
