"""A backup's bytes: sealed with a passphrase, in chunks that can't be changed, swapped or cut off.

A magic line, then the length and the encoding of (`kind`, version, opslimit, memlimit, salt,
stream header), then chunks, each its length and libsodium's secretstream (XChaCha20-Poly1305) over
at most 1 MiB. The first lines are authenticated with every chunk; the last chunk is marked, so a
file that ends early is refused. The key comes from the passphrase by argon2id.
"""

import unicodedata
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.keystore import MEMLIMIT_BYTES, MEMLIMIT_BYTES_MAX, OPSLIMIT, OPSLIMIT_MAX

MAGIC = b"democite node backup\n"
KIND = "node_backup"
VERSION = 1
SALT_BYTES: int = argon2id.SALTBYTES
CHUNK_BYTES = 1 << 20
HEAD_BYTES_MAX = 1_024

_STREAM_HEADER_BYTES: int = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_KEY_BYTES: int = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
_OVERHEAD_BYTES: int = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE: int = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_LAST: int = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MEMLIMIT_BYTES_MIN: int = argon2id.MEMLIMIT_MIN
_LENGTH_BYTES = 4


class _Head(NamedTuple):
    opslimit: int
    memlimit_bytes: int
    salt: bytes
    stream_header: bytes


def seal(
    content: bytes,
    passphrase: str,
    *,
    salt: bytes,
    opslimit: int = OPSLIMIT,
    memlimit_bytes: int = MEMLIMIT_BYTES,
) -> Iterator[bytes]:
    """The file, piece by piece. `salt` is 16 fresh random bytes. Refuses `passphrase_empty`."""
    if not passphrase:
        raise Refused("passphrase_empty")
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    key = _derive(passphrase, salt, opslimit, memlimit_bytes)
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    head = encode((KIND, VERSION, opslimit, memlimit_bytes, salt, header))
    yield MAGIC + _framed(head)
    chunks = max(1, -(-len(content) // CHUNK_BYTES))
    view = memoryview(content)
    for number in range(chunks):
        chunk = bytes(view[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
        tag = _LAST if number == chunks - 1 else _MESSAGE
        yield _framed(
            bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, MAGIC + head, tag)
        )


def unseal(stream: BinaryIO, passphrase: str) -> bytes:
    """The content of a whole file.

    Refuses `backup_malformed`, `version_unknown`, and `passphrase_wrong` (or a first chunk that
    was changed: the two cannot be told apart).
    """
    if stream.read(len(MAGIC)) != MAGIC:
        raise _malformed("not a backup")
    raw_head = _read_framed(stream, HEAD_BYTES_MAX)
    head = _parse(raw_head)
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    key = _derive(passphrase, head.salt, head.opslimit, head.memlimit_bytes)
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, head.stream_header, key)
    content = bytearray()
    is_first = True
    while True:
        sealed = _read_framed(stream, CHUNK_BYTES + _OVERHEAD_BYTES)
        try:
            chunk, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
                state, sealed, MAGIC + raw_head
            )
        except (CryptoError, RuntimeError, ValueError):
            if is_first:
                raise Refused("passphrase_wrong") from None
            raise _malformed("a part was changed") from None
        is_first = False
        content += chunk
        if tag == _LAST:
            break
    if stream.read(1):
        raise _malformed("something follows its end")
    return bytes(content)


def _derive(passphrase: str, salt: bytes, opslimit: int, memlimit_bytes: int) -> bytes:
    # As for keystores: one keyboard writes é as one character, another as two.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return argon2id.kdf(_KEY_BYTES, secret, salt, opslimit=opslimit, memlimit=memlimit_bytes)


def _parse(raw: bytes) -> _Head:
    try:
        values = decode(raw)
    except Refused:
        raise _malformed("its head cannot be read") from None
    if not isinstance(values, tuple) or len(values) < 2 or values[0] != KIND:
        raise _malformed("not a backup")
    if values[1] != VERSION:
        raise Refused("version_unknown", "a backup of another version")
    if len(values) != 6:
        raise _malformed("its head is not that of version 1")
    _, _, opslimit, memlimit_bytes, salt, header = values
    # What a file asks of the derivation is bounded before it is done.
    if type(opslimit) is not int or type(memlimit_bytes) is not int:
        raise _malformed("its head is not that of version 1")
    if not 1 <= opslimit <= OPSLIMIT_MAX or not (
        _MEMLIMIT_BYTES_MIN <= memlimit_bytes <= MEMLIMIT_BYTES_MAX
    ):
        raise _malformed("it asks for more work or memory than allowed")
    if not isinstance(salt, bytes) or len(salt) != SALT_BYTES:
        raise _malformed("its salt")
    if not isinstance(header, bytes) or len(header) != _STREAM_HEADER_BYTES:
        raise _malformed("its stream's header")
    return _Head(opslimit, memlimit_bytes, salt, header)


def _framed(piece: bytes) -> bytes:
    return len(piece).to_bytes(_LENGTH_BYTES, "big") + piece


def _read_framed(stream: BinaryIO, bytes_max: int) -> bytes:
    raw_length = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(raw_length, "big")
    if len(raw_length) != _LENGTH_BYTES or length > bytes_max:
        raise _malformed("it ends early, or a length was changed")
    piece = stream.read(length)
    if len(piece) != length:
        raise _malformed("it ends early")
    return piece


def _malformed(detail: str) -> Refused:
    return Refused("backup_malformed", detail)
