"""Who asks: signed requests, fresh and never seen before (`interface.md`, HTTP).

Checks go from cheap to dear: form, age, the nonce, then the signature. Only a good signature
takes a place among the nonces, so a stranger can't fill that table.
"""

import hashlib
import re
from collections.abc import Callable

from primitives import signatures
from primitives.encoding import encode
from primitives.errors import Refused

STALE_MS = 60_000
NONCES_MAX = 200_000
HEADER_CHARACTERS_MAX = 512
_HEADER = re.compile(
    r'Democite key="([0-9a-f]{64})", time_ms="(\d{1,16})", nonce="([0-9a-f]{32})", '
    r'signature="([0-9a-f]{128})"',
    re.ASCII,
)


class RequestVerifier:
    """Verifies signed requests of one network; remembers nonces for as long as they are fresh."""

    def __init__(self, network_id: bytes, now_ms: Callable[[], int]) -> None:
        self._network_id = network_id
        self._now_ms = now_ms
        self._nonces: dict[tuple[bytes, bytes], int] = {}

    def verify(self, header: str | None, method: str, path: str, body: bytes = b"") -> bytes:
        """The key that signed. Raises `Refused`: `request_unauthorized`, `request_stale`,
        `request_replayed`, `node_busy`."""
        if header is None or len(header) > HEADER_CHARACTERS_MAX:
            raise Refused("request_unauthorized", "this path needs a signed request")
        match = _HEADER.fullmatch(header)
        if match is None:
            raise Refused("request_unauthorized", "the Authorization header can't be read")
        key, nonce = bytes.fromhex(match[1]), bytes.fromhex(match[3])
        time_ms, now = int(match[2]), self._now_ms()
        if abs(now - time_ms) > STALE_MS:
            raise Refused("request_stale", f"this node's clock says {now}")
        if (key, nonce) in self._nonces:
            raise Refused("request_replayed")
        digest = hashlib.sha256(body).digest()
        content = encode(("request", self._network_id, method, path, digest, time_ms, nonce))
        if not signatures.verify(key, content, bytes.fromhex(match[4])):
            raise Refused("request_unauthorized", "the signature does not fit the request")
        self._remember(key, nonce, time_ms, now)
        return key

    def _remember(self, key: bytes, nonce: bytes, time_ms: int, now: int) -> None:
        nonces = self._nonces
        while nonces:
            oldest = next(iter(nonces))
            if nonces[oldest] >= now:
                break
            del nonces[oldest]
        if len(nonces) >= NONCES_MAX:
            raise Refused("node_busy", "too many signed requests")
        # Kept until a request of that time is stale whatever order they come in.
        nonces[key, nonce] = now + 2 * STALE_MS + 1
