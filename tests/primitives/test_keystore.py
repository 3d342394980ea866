"""Encrypted keystore files. Tests derive with little memory; real files take the defaults."""

import json
from typing import Any

import pytest

from primitives import keystore
from primitives.encoding import Value
from primitives.errors import InvariantBroken, Refused
from primitives.keystore import seal, unseal

PAYLOAD: Value = ("voting", 1, b"s" * 32)


def sealed(passphrase: str = "cheval exact pile agrafe", payload: Value = PAYLOAD) -> bytes:
    return seal(
        payload,
        passphrase,
        salt=b"s" * 16,
        nonce=b"n" * 24,
        opslimit=1,
        memlimit_bytes=8192,
    )


def changed(**fields: Any) -> bytes:
    content = json.loads(sealed())
    content.update(fields)
    return json.dumps(content).encode()


def assert_refused(code: str, raw: bytes, passphrase: str = "cheval exact pile agrafe") -> None:
    with pytest.raises(Refused) as refusal:
        unseal(raw, passphrase)
    assert refusal.value.code == code


def test_only_the_passphrase_opens_it() -> None:
    raw = sealed()
    assert unseal(raw, "cheval exact pile agrafe") == PAYLOAD
    for wrong in ("", "cheval exact pile agrafe ", "Cheval exact pile agrafe"):
        assert_refused("passphrase_wrong", raw, wrong)
    assert b"s" * 32 not in raw


def test_the_defaults_can_be_opened_too() -> None:
    raw = seal(PAYLOAD, "x", salt=b"s" * 16, nonce=b"n" * 24)
    assert json.loads(raw)["memlimit_bytes"] == 64 << 20
    assert unseal(raw, "x") == PAYLOAD


def test_accents_open_it_however_they_were_typed() -> None:
    assert unseal(sealed("été\udce9"), "e\u0301te\u0301\udce9") == PAYLOAD


def test_a_changed_ciphertext_salt_or_nonce_does_not_open() -> None:
    ciphertext = bytearray.fromhex(json.loads(sealed())["ciphertext"])
    ciphertext[-1] ^= 1
    assert_refused("passphrase_wrong", changed(ciphertext=ciphertext.hex()))
    assert_refused("passphrase_wrong", changed(ciphertext=""))
    assert_refused("passphrase_wrong", changed(salt="00" * 16))
    assert_refused("passphrase_wrong", changed(nonce="00" * 24))
    assert_refused("passphrase_wrong", changed(opslimit=2))


@pytest.mark.parametrize(
    "fields",
    [
        {"opslimit": 0},
        {"opslimit": 9},
        {"opslimit": True},
        {"opslimit": 2.0},
        {"memlimit_bytes": 8191},
        {"memlimit_bytes": 1 << 40},
        {"memlimit_bytes": "8192"},
        {"kind": "wallet"},
        {"version": 0},
        {"version": True},
        {"kdf": "scrypt"},
        {"salt": "00"},
        {"salt": None},
        {"nonce": "zz" * 24},
        {"ciphertext": 5},
        {"comment": "more"},
    ],
)
def test_other_files_are_malformed_before_anything_is_derived(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = changed(**fields)
    monkeypatch.setattr(keystore, "_derive", None)
    assert_refused("keystore_malformed", raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"\xff", b"nul", b"[" * 200_000, b"9" * 5_000, b" " * (2 << 20)]
)
def test_other_bytes_are_malformed(raw: bytes) -> None:
    assert_refused("keystore_malformed", raw)


def test_what_a_newer_program_sealed_is_named_so() -> None:
    assert_refused("version_unknown", changed(version=2))


def test_content_that_is_no_value_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "encode", lambda payload: b"\xc1")
    raw = sealed()
    assert_refused("keystore_malformed", raw)


def test_misuse_when_sealing() -> None:
    with pytest.raises(Refused, match="passphrase_empty"):
        sealed("")
    for salt, nonce, opslimit in (
        (b"s", b"n" * 24, 1),
        (b"s" * 16, b"n", 1),
        (b"s" * 16, b"n" * 24, 9),
    ):
        with pytest.raises(InvariantBroken):
            seal(PAYLOAD, "x", salt=salt, nonce=nonce, opslimit=opslimit)
