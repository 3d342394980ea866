"""The format of an encrypted keystore file. Pure: salt, nonce and bytes are given by the caller.

A small JSON object (kind, version, how the key is derived, nonce, ciphertext). The key comes from
the passphrase by argon2id, the payload is `enc(payload)` sealed with XSalsa20-Poly1305
(libsodium's secretbox). What a file asks of the derivation is bounded before it is done, since a
file may come from anyone.
"""

import json
import unicodedata
from typing import NamedTuple

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused

KIND = "keystore"
VERSION = 1
SALT_BYTES: int = argon2id.SALTBYTES
NONCE_BYTES: int = bindings.crypto_secretbox_NONCEBYTES
FILE_BYTES_MAX = 1 << 20

# RFC 9106's second recommendation: three passes over 64 MiB, about 0.2 s.
OPSLIMIT = 3
MEMLIMIT_BYTES = 64 << 20

# The most a file may ask for: a few seconds of one core, memory that every machine has.
OPSLIMIT_MAX = 8
MEMLIMIT_BYTES_MAX = 256 << 20
_MEMLIMIT_BYTES_MIN: int = argon2id.MEMLIMIT_MIN

_KEY_BYTES: int = bindings.crypto_secretbox_KEYBYTES
_FIELDS = {"kind", "version", "kdf", "opslimit", "memlimit_bytes", "salt", "nonce", "ciphertext"}


class _Sealed(NamedTuple):
    opslimit: int
    memlimit_bytes: int
    salt: bytes
    nonce: bytes
    ciphertext: bytes


def seal(
    payload: Value,
    passphrase: str,
    *,
    salt: bytes,
    nonce: bytes,
    opslimit: int = OPSLIMIT,
    memlimit_bytes: int = MEMLIMIT_BYTES,
) -> bytes:
    """The file's bytes: `payload` readable only with `passphrase`.

    `salt` (16 bytes) and `nonce` (24 bytes) must be fresh and random. Refuses an empty passphrase
    (`passphrase_empty`).
    """
    if not passphrase:
        raise Refused("passphrase_empty")
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise InvariantBroken("salt or nonce of the wrong length")
    if not _limits_fit(opslimit, memlimit_bytes):
        raise InvariantBroken("nothing could open a keystore with these limits")
    key = _derive(passphrase, salt, opslimit, memlimit_bytes)
    ciphertext = bindings.crypto_secretbox(encode(payload), nonce, key)
    content = {
        "kind": KIND,
        "version": VERSION,
        "kdf": "argon2id",
        "opslimit": opslimit,
        "memlimit_bytes": memlimit_bytes,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "ciphertext": ciphertext.hex(),
    }
    return (json.dumps(content, indent=1) + "\n").encode("ascii")


def unseal(raw: bytes, passphrase: str) -> Value:
    """The payload. Refuses `passphrase_wrong` (or a ciphertext that was changed: the two cannot
    be told apart), `keystore_malformed`, and `version_unknown` for what a newer program sealed."""
    sealed = _parse(raw)
    key = _derive(passphrase, sealed.salt, sealed.opslimit, sealed.memlimit_bytes)
    try:
        content = bindings.crypto_secretbox_open(sealed.ciphertext, sealed.nonce, key)
    except CryptoError:
        raise Refused("passphrase_wrong") from None
    try:
        return decode(content)
    except Refused as refusal:
        raise _malformed(f"its content: {refusal.detail}") from None


def reseal(raw: bytes, passphrase: str, new_passphrase: str, *, salt: bytes, nonce: bytes) -> bytes:
    """The file's bytes with the same payload under another passphrase. Raises as `unseal` and
    `seal`; InvariantBroken if what was sealed does not open again."""
    payload = unseal(raw, passphrase)
    sealed = seal(payload, new_passphrase, salt=salt, nonce=nonce)
    if unseal(sealed, new_passphrase) != payload:
        raise InvariantBroken("a keystore that was sealed again does not open")
    return sealed


def _derive(passphrase: str, salt: bytes, opslimit: int, memlimit_bytes: int) -> bytes:
    # One keyboard writes é as one character, another as two. A surrogate stands for a byte that
    # was not UTF-8.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return argon2id.kdf(_KEY_BYTES, secret, salt, opslimit=opslimit, memlimit=memlimit_bytes)


def _limits_fit(opslimit: object, memlimit_bytes: object) -> bool:
    return (
        type(opslimit) is int
        and type(memlimit_bytes) is int
        and 1 <= opslimit <= OPSLIMIT_MAX
        and _MEMLIMIT_BYTES_MIN <= memlimit_bytes <= MEMLIMIT_BYTES_MAX
    )


def _parse(raw: bytes) -> _Sealed:
    if len(raw) > FILE_BYTES_MAX:
        raise _malformed(f"longer than {FILE_BYTES_MAX} bytes")
    try:
        content = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _malformed("not a JSON object") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise _malformed("not a keystore")
    version = content.get("version")
    if type(version) is int and version > VERSION:
        raise Refused("version_unknown", f"a keystore of version {version}")
    if type(version) is not int or version != VERSION:
        raise _malformed("its version is not known")
    if set(content) != _FIELDS or content["kdf"] != "argon2id":
        raise _malformed("its fields are not those of version 1")
    opslimit, memlimit_bytes = content["opslimit"], content["memlimit_bytes"]
    if not _limits_fit(opslimit, memlimit_bytes):
        raise _malformed("it asks for more work or memory than allowed")
    salt, nonce = _hex(content["salt"]), _hex(content["nonce"])
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise _malformed("salt or nonce of the wrong length")
    return _Sealed(opslimit, memlimit_bytes, salt, nonce, _hex(content["ciphertext"]))


def _hex(text: object) -> bytes:
    if not isinstance(text, str):
        raise _malformed("bytes are written as hex")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _malformed("bytes are written as hex") from None


def _malformed(detail: str) -> Refused:
    return Refused("keystore_malformed", detail)
