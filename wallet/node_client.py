"""Asking nodes over HTTP: several in turn, each answer bounded, nothing believed.

What an answer *means* is checked by the callers against certificates and proofs. Here an answer is
only one of: data, a refusal with its code, or "this node could not be reached".
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.request_signing import NONCE_BYTES, authorization

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS = 3.0
ANSWER_TIMEOUT_SECONDS = 8.0
# A payroll or an import of thousands of lines is read, checked and written down before it answers.
WORK_TIMEOUT_SECONDS = 60.0
TRANSACTION_TYPE = "application/msgpack"
JSON_TYPE = "application/json"
_SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Answer:
    """What a node answered."""

    status: int
    content: Mapping[str, object]
    retry_after_ms: int = 0
    """When to try again, where it is busy; 0 if it does not say."""

    @property
    def code(self) -> str:
        """The refusal's code, or one that follows from the status."""
        code = self.content.get("code")
        if isinstance(code, str) and 0 < len(code) <= 64 and code.replace("_", "").isalnum():
            return code
        return {401: "request_unauthorized", 404: "not_found", 429: "node_busy"}.get(
            self.status, "node_busy" if self.status >= 500 else "node_answer_malformed"
        )

    def refusal(self) -> Refused:
        """The refusal that a caller raises for an answer that is not data."""
        detail = self.content.get("detail")
        return Refused(self.code, detail[:500] if isinstance(detail, str) else "")


class NodeUnreachable(Exception):
    """No answer came: whether the request arrived is not known."""


class NodeClient:
    """One HTTP session towards the nodes given, in the user's order."""

    def __init__(self, urls: Sequence[str], network_id: bytes) -> None:
        if not urls:
            raise Refused("node_unreachable", "no --node")
        self.urls = tuple(urls)
        self._network_id = network_id
        self.unreached: set[str] = set()
        """The nodes that did not answer."""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS
        )
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP session."""
        if self._session is None:
            raise RuntimeError("the node client is not open")
        return self._session

    def authorize(self, signing_key: SigningKey, method: str, path: str, body: bytes = b"") -> str:
        """A fresh `Authorization` header."""
        return authorization(
            signing_key,
            self._network_id,
            method,
            path,
            body,
            time_ms=time.time_ns() // 1_000_000,
            nonce=secrets.token_bytes(NONCE_BYTES),
        )

    async def get_from(
        self, url: str, path: str, signing_key: SigningKey | None = None, *, reason: str = ""
    ) -> Answer:
        """`GET` from one node; staff say their reason. Raises `NodeUnreachable`."""
        headers = {"Democite-Reason": reason} if reason else {}
        if signing_key is not None:
            headers["Authorization"] = self.authorize(signing_key, "GET", path)
        return await self._ask(url, "GET", path, headers, b"", ANSWER_TIMEOUT_SECONDS)

    async def get_bytes_from(self, url: str, path: str) -> tuple[int, bytes]:
        """`GET` a public MessagePack answer from one node: status and bytes, at most
        `ANSWER_BYTES_MAX`. Raises `NodeUnreachable`."""
        headers = {"Accept": TRANSACTION_TYPE}
        status, _, raw = await self._read(url, "GET", path, headers, b"", ANSWER_TIMEOUT_SECONDS)
        return status, raw

    async def get(self, path: str, signing_key: SigningKey | None = None) -> Mapping[str, object]:
        """`GET` from the first node that has an answer.

        Raises `Refused` with the last node's code, or `node_unreachable` when none answers.
        """
        refusal = Refused("node_unreachable", ", ".join(self.urls))
        for url in self.urls:
            try:
                answer = await self.get_from(url, path, signing_key)
            except NodeUnreachable:
                continue
            if answer.status == 200:
                return answer.content
            refusal = answer.refusal()
        raise refusal

    async def get_signed(
        self, url: str, path: str, signing_key: SigningKey, *, reason: str = ""
    ) -> Answer:
        """`GET` from one node, signed. Raises `NodeUnreachable`."""
        return await self.get_from(url, path, signing_key, reason=reason)

    async def post_signed(
        self,
        url: str,
        path: str,
        signing_key: SigningKey | None,
        content: Mapping[str, object],
        *,
        reason: str = "",
        wait_ms: int = 0,
    ) -> Answer:
        """`POST` a JSON object to one node, its bytes signed with the request.

        Without a key the request is not signed: what it carries is. Raises `NodeUnreachable`.
        """
        if wait_ms:
            path = f"{path}{'&' if '?' in path else '?'}wait_ms={wait_ms}"
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": JSON_TYPE}
        if reason:
            headers["Democite-Reason"] = reason
        if signing_key is not None:
            headers["Authorization"] = self.authorize(signing_key, "POST", path, body)
        timeout_seconds = WORK_TIMEOUT_SECONDS + wait_ms / 1000
        return await self._ask(url, "POST", path, headers, body, timeout_seconds)

    async def post_transaction(self, url: str, raw: bytes, wait_ms: int = 0) -> Answer:
        """Send a transaction's bytes to one node. Raises `NodeUnreachable`."""
        path = f"/v1/transactions?wait_ms={wait_ms}" if wait_ms else "/v1/transactions"
        headers = {"Content-Type": TRANSACTION_TYPE}
        timeout_seconds = ANSWER_TIMEOUT_SECONDS + wait_ms / 1000
        return await self._ask(url, "POST", path, headers, raw, timeout_seconds)

    async def _ask(
        self,
        url: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Answer:
        status, retry_after, raw = await self._read(
            url, method, path, headers, body, timeout_seconds
        )
        content = _object(raw)
        return Answer(status, content, _retry_after_ms(content, retry_after))

    async def _read(
        self,
        url: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> tuple[int, str, bytes]:
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                self.session.request(
                    method, url + path, headers=headers, data=body or None, allow_redirects=False
                ) as response,
            ):
                raw = await _read_bounded(response)
                return response.status, response.headers.get("Retry-After", ""), raw
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.unreached.add(url)
            raise NodeUnreachable(f"{url}: {type(error).__name__}") from error


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in response.content.iter_chunked(65_536):
        parts += part
        if len(parts) > ANSWER_BYTES_MAX:
            raise ValueError("answer too large")
    return bytes(parts)


def _object(raw: bytes) -> dict[str, object]:
    """The JSON object in an answer; anything else reads as an empty one."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after_ms(content: Mapping[str, object], header: str) -> int:
    """As the problem says it, else as the header does, which a proxy may have written."""
    told = content.get("retry_after_ms")
    if type(told) is int and told >= 0:
        return told
    return int(header) * 1_000 if _SECONDS.fullmatch(header) else 0
