"""Who asks: signed requests, fresh and never seen before (`interface.md`, HTTP).

Checks go from cheap to dear: form, age, the nonce, then the signature. Strangers, who can make as
many keys as they like, can't crowd out those who may read: nonces of keys that stand on no account
here go into a small table of their own, where the newest drive out the oldest.

A body is part of what is signed. Who names its hash in `Content-Digest` (RFC 9530) is known before
it is read: large bodies of people known here have room of their own, which strangers can't fill.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from node.api.bodies import BodyReader
from node.api.rates import KeyRates
from primitives import signatures
from primitives.encoding import encode
from primitives.errors import Refused

STALE_MS = 60_000
HEADER_CHARACTERS_MAX = 512
NONCES_MAX = 200_000
NONCES_OF_STRANGERS_MAX = 20_000
DIGEST_HEADER = "Content-Digest"
LARGE_OF_KNOWN_MAX = 16
LARGE_OF_STRANGERS_MAX = 8
TOO_LARGE = "request_too_large"
_NO_BODY = hashlib.sha256(b"").digest()
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)

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


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the header says, before its signature was looked at."""

    signed: SignedRequest
    time_ms: int
    signature: bytes


class RequestVerifier:
    """Verifies signed requests of one network; remembers nonces for as long as they are fresh."""

    def __init__(self, network_id: bytes, now_ms: Callable[[], int]) -> None:
        self._network_id = network_id
        self._now_ms = now_ms
        self._known = _Nonces(NONCES_MAX, makes_room=False)
        self._strangers = _Nonces(NONCES_OF_STRANGERS_MAX, makes_room=True)
        self._rates = KeyRates(now_ms)
        self._known_bodies = BodyReader(LARGE_OF_KNOWN_MAX, TOO_LARGE)
        self._strangers_bodies = BodyReader(LARGE_OF_STRANGERS_MAX, TOO_LARGE)

    def grant(self, request: web.Request, check: Callable[[bytes], bool]) -> bytes:
        """Let a request without a body through, or raise `Refused`; see `grant_signed`."""
        if request.body_exists:
            raise Refused("request_malformed", "this request has no body")
        # The path as it was sent: another spelling of it was not signed.
        header = request.headers.get("Authorization")
        return self.grant_signed(header, request.method, request.raw_path, check)

    async def grant_body(
        self,
        request: web.Request,
        bytes_max: int,
        is_known: Callable[[bytes], bool],
        check: Callable[[bytes, bytes], bool],
    ) -> tuple[bytes, bytes]:
        """The key that signed and the body, if `check` lets that key say that; see `grant_signed`.

        `is_known` tells of a key, cheaply, whether it is somebody's here. Raises besides
        `request_too_large`.
        """
        header = request.headers.get("Authorization")
        method, path = request.method, request.raw_path
        claim = self._claim(header)
        bodies = self._strangers_bodies
        digest = _announced(request.headers.get(DIGEST_HEADER))
        if digest is not None:
            self._check_signature(claim, method, path, digest)
            if is_known(claim.signed.key):
                bodies = self._known_bodies
        body = await bodies.read(request, bytes_max)
        found = hashlib.sha256(body).digest()
        if digest is not None and digest != found:
            raise Refused("request_malformed", "the body is not the one announced")
        # All over again: the same request may have come twice while its body was read.
        key = self.grant_signed(header, method, path, lambda key: check(key, body), found)
        return key, body

    def grant_signed(
        self,
        header: str | None,
        method: str,
        path: str,
        check: Callable[[bytes], bool],
        digest: bytes = _NO_BODY,
    ) -> bytes:
        """The key that signed, if `check` lets it; the nonce is used up either way.

        `check` raises `Refused` for who is not entitled, and gives whether the key stands on an
        account here. Raises `Refused` besides: `request_unauthorized`, `request_stale`,
        `request_replayed`, `node_busy`.
        """
        claim = self._claim(header)
        self._check_signature(claim, method, path, digest)
        signed = claim.signed
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

    def _claim(self, header: str | None) -> _Claim:
        """Everything that can be checked without the signature."""
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
        return _Claim(signed, time_ms, bytes.fromhex(match[4]))

    def _check_signature(self, claim: _Claim, method: str, path: str, digest: bytes) -> None:
        nonce = claim.signed.nonce
        content = encode(("request", self._network_id, method, path, digest, claim.time_ms, nonce))
        if not signatures.verify(claim.signed.key, content, claim.signature):
            raise Refused("request_unauthorized", "the signature does not fit the request")


def _announced(header: str | None) -> bytes | None:
    """The hash of a body to come, if it is announced. Raises `Refused("request_malformed")`."""
    if header is None:
        return None
    match = _DIGEST.fullmatch(header)
    if match is None:
        raise Refused("request_malformed", "only sha-256 is known", field=DIGEST_HEADER)
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        raise Refused("request_malformed", "no hash in it", field=DIGEST_HEADER) from None


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
