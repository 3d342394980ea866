"""Who asks: signed requests, fresh and never seen before (`interface.md`, HTTP).

Checks go from cheap to dear: form, age, the nonce, then the signature. Strangers, who can make as
many keys as they like, can't crowd out those who may read: nonces of keys that stand on no account
here go into a small table of their own, where the newest drive out the oldest.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from node.api.rates import KeyRates
from primitives import signatures
from primitives.encoding import encode
from primitives.errors import Refused

STALE_MS = 60_000
HEADER_CHARACTERS_MAX = 512
NONCES_MAX = 200_000
NONCES_OF_STRANGERS_MAX = 20_000
_NO_BODY = hashlib.sha256(b"").digest()
"""Only `GET` is signed so far, and it has no body."""

_HEADER = re.compile(
    r'Democite key="([0-9a-f]{64})", time_ms="(\d{1,16})", nonce="([0-9a-f]{32})", '
    r'signature="([0-9a-f]{128})"',
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request whose signature holds."""

    key: bytes
    nonce: bytes


class RequestVerifier:
    """Verifies signed requests of one network; remembers nonces for as long as they are fresh."""

    def __init__(self, network_id: bytes, now_ms: Callable[[], int]) -> None:
        self._network_id = network_id
        self._now_ms = now_ms
        self._known = _Nonces(NONCES_MAX, makes_room=False)
        self._strangers = _Nonces(NONCES_OF_STRANGERS_MAX, makes_room=True)
        self._rates = KeyRates(now_ms)

    def grant(self, request: web.Request, check: Callable[[bytes], bool]) -> bytes:
        """Let a request without a body through, or raise `Refused`; see `grant_signed`."""
        if request.body_exists:
            raise Refused("request_malformed", "this request has no body")
        # The path as it was sent: another spelling of it was not signed.
        header = request.headers.get("Authorization")
        return self.grant_signed(header, request.method, request.raw_path, check)

    def grant_signed(
        self, header: str | None, method: str, path: str, check: Callable[[bytes], bool]
    ) -> bytes:
        """The key that signed, if `check` lets it; the nonce is used up either way.

        `check` raises `Refused` for who is not entitled, and gives whether the key stands on an
        account here. Raises `Refused` besides: `request_unauthorized`, `request_stale`,
        `request_replayed`, `node_busy`.
        """
        signed = self._verify(header, method, path)
        is_known = False
        try:
            is_account = check(signed.key)
            # Before its nonce takes a place: one key alone could else fill the table for all.
            self._rates.take(signed.key)
            is_known = is_account
        finally:
            if not is_known:
                self._strangers.add(signed, self._now_ms())
        if is_known:
            self._known.add(signed, self._now_ms())
        return signed.key

    def _verify(self, header: str | None, method: str, path: str) -> SignedRequest:
        if header is None or len(header) > HEADER_CHARACTERS_MAX:
            raise Refused("request_unauthorized", "this path needs a signed request")
        match = _HEADER.fullmatch(header)
        if match is None:
            raise Refused("request_unauthorized", "the Authorization header can't be read")
        signed = SignedRequest(bytes.fromhex(match[1]), bytes.fromhex(match[3]))
        time_ms, now = int(match[2]), self._now_ms()
        if abs(now - time_ms) > STALE_MS:
            raise Refused("request_stale", f"this node's clock says {now}")
        if signed in self._known or signed in self._strangers:
            raise Refused("request_replayed")
        content = encode(
            ("request", self._network_id, method, path, _NO_BODY, time_ms, signed.nonce)
        )
        if not signatures.verify(signed.key, content, bytes.fromhex(match[4])):
            raise Refused("request_unauthorized", "the signature does not fit the request")
        return signed


class _Nonces:
    """Nonces seen, oldest first, each kept until no request of its time could be fresh."""

    def __init__(self, count_max: int, *, makes_room: bool) -> None:
        self._count_max = count_max
        self._makes_room = makes_room
        self._until: dict[SignedRequest, int] = {}

    def __contains__(self, signed: SignedRequest) -> bool:
        return signed in self._until

    def add(self, signed: SignedRequest, now: int) -> None:
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] >= now:
                break
            del self._until[oldest]
        if len(self._until) >= self._count_max:
            if not self._makes_room:
                raise Refused("node_busy", "too many signed requests")
            del self._until[next(iter(self._until))]
        # A request may be dated a minute ahead and then stay fresh for a minute more.
        self._until[signed] = now + 2 * STALE_MS + 1
