"""Signed requests: how a wallet shows a node that it may read what it asks for.

`Authorization: Democite key="HEX", time_ms="N", nonce="HEX", signature="HEX"`, the signature over
the canonical encoding of `["request", network id, method, path with query, SHA-256 of the body,
time_ms, nonce]` (`interface.md`, HTTP). It is bound to one network, path and moment, and a nonce
is taken once.
"""

import hashlib

from primitives import encoding
from primitives.signatures import SigningKey

NONCE_BYTES = 16


def authorization(
    signing_key: SigningKey,
    network_id: bytes,
    method: str,
    path: str,
    body: bytes,
    *,
    time_ms: int,
    nonce: bytes,
) -> str:
    """The value of the header `Authorization`. `path` is as sent, with its query."""
    digest = hashlib.sha256(body).digest()
    content = encoding.encode(["request", network_id, method, path, digest, time_ms, nonce])
    return (
        f'Democite key="{signing_key.public_key.hex()}", time_ms="{time_ms}", '
        f'nonce="{nonce.hex()}", signature="{signing_key.sign(content).hex()}"'
    )
