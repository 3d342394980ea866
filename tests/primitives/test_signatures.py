"""Strict Ed25519."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from primitives.errors import InvariantBroken
from primitives.signatures import SigningKey, is_registrable, signed_message, verify

KEY = SigningKey.from_seed(bytes(range(32)))
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
ORDER_TWO = bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")


def test_rfc_8032_test_1() -> None:
    key = SigningKey.from_seed(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert key.public_key.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_is_signed_verifies_and_the_key_can_be_registered(seed: bytes, message: bytes) -> None:
    key = SigningKey.from_seed(seed)
    assert key.seed == seed
    assert verify(key.public_key, message, key.sign(message))
    assert is_registrable(key.public_key)


@given(st.binary(max_size=40), st.integers(0, 8 * 64 - 1))
def test_any_flipped_bit_is_noticed(message: bytes, bit: int) -> None:
    signature = bytearray(KEY.sign(message))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify(KEY.public_key, message, bytes(signature))
    assert not verify(KEY.public_key, message + b"x", KEY.sign(message))


def test_s_above_the_group_order_is_refused() -> None:
    signature = KEY.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not verify(KEY.public_key, b"m", signature[:32] + s.to_bytes(32, "little"))


def test_verifying_never_raises() -> None:
    signature = KEY.sign(b"m")
    for arguments in (
        (b"", b"m", signature),
        (KEY.public_key[:31], b"m", signature),
        (KEY.public_key + b"\x00", b"m", signature),
        (KEY.public_key, b"m", signature[:63]),
        (KEY.public_key, b"m", b""),
        (KEY.public_key, b"", signature + b"m"),
        (None, b"m", signature),
        (KEY.public_key, "m", signature),
        (KEY.public_key, b"m", 5),
    ):
        assert verify(*arguments) is False


def test_keys_outside_the_prime_order_subgroup_cannot_be_registered() -> None:
    mixed = bindings.crypto_core_ed25519_add(KEY.public_key, ORDER_TWO)
    for key in (mixed, ORDER_TWO, bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"", b"\x02" * 31):
        assert not is_registrable(key)
    assert not is_registrable(None)  # type: ignore[arg-type]


def test_what_is_signed_names_its_use_and_its_network() -> None:
    assert signed_message("tx", b"n" * 32, b"body") == b"\x02tx" + b"n" * 32 + b"body"


def test_a_key_does_not_show_its_secret() -> None:
    assert repr(KEY) == f"SigningKey({KEY.public_key.hex()})"
    with pytest.raises(InvariantBroken):
        SigningKey(b"short")
