"""The territory's own node, which alone keeps its registry: asked until it answers.

Payments go through any territory's node. What a town hall knows of people, hours and wages is in
one place, so a client that cannot reach it waits a while rather than ask elsewhere. Every request
may be repeated: the node knows its own bytes, rows and runs again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.line_refusals import LineRefusal, LinesRefused
from wallet.node_client import Answer, NodeClient, NodeUnreachable
from wallet.pauses import pause_seconds

PATIENCE_MS = 10_000
RETRY_SECONDS = 0.4
REFUSALS_MAX = 10_000
REQUEST_BYTES_MAX = 8 * 1024 * 1024
_BUSY_CODES = ("node_busy", "node_not_ready", "mempool_full")
_ABOUT_FIELDS = ("person", "programme", "activity", "employee")


class HomeNode:
    """Signed requests to the node of one territory; `key` None for what carries its signature."""

    def __init__(
        self, client: NodeClient, key: SigningKey | None, *, patience_ms: int = PATIENCE_MS
    ) -> None:
        self.client = client
        self._key = key
        self._patience_ms = patience_ms

    async def get(self, path: str, *, reason: str = "") -> Mapping[str, object]:
        """What the node has there. Raises `Refused`, `LinesRefused`."""

        async def ask(url: str) -> Answer:
            return await self.client.get_from(url, path, self._key, reason=reason)

        return await self._until_answered(ask)

    async def post(
        self, path: str, content: Mapping[str, object], *, reason: str = "", wait_ms: int = 0
    ) -> Mapping[str, object]:
        """What the node made of it. Raises `Refused`, `LinesRefused`."""

        async def ask(url: str) -> Answer:
            return await self.client.post_signed(
                url, path, self._key, content, reason=reason, wait_ms=wait_ms
            )

        return await self._until_answered(ask)

    async def _until_answered(
        self, ask: Callable[[str], Awaitable[Answer]]
    ) -> Mapping[str, object]:
        deadline = time.monotonic() + self._patience_ms / 1000
        while True:
            refusal: Refused | None = None
            told_ms = 0
            for url in self.client.urls:
                try:
                    answer = await ask(url)
                except NodeUnreachable:
                    continue
                if answer.status in (200, 202):
                    return answer.content
                if answer.status == 404:
                    # Another territory's node says the same of what it does not keep.
                    refusal = refusal or answer.refusal()
                elif answer.status >= 500 or answer.code in _BUSY_CODES:
                    told_ms = max(told_ms, answer.retry_after_ms)
                else:
                    raise problem_of(answer)
            if refusal is not None:
                raise refusal
            pause = max(RETRY_SECONDS, pause_seconds(told_ms, 1))
            if time.monotonic() + pause > deadline:
                raise Refused("node_unreachable", ", ".join(self.client.urls))
            await asyncio.sleep(pause)


def problem_of(answer: Answer) -> Refused | LinesRefused:
    """What a failed answer says: refusals of lines if it lists any, else one refusal."""
    listed = answer.content.get("refusals")
    if isinstance(listed, list):
        refusals = refusals_from_json(listed)
        if refusals:
            return LinesRefused(refusals)
    return answer.refusal()


def refusals_from_json(listed: list[object]) -> list[LineRefusal]:
    """Refusals as a node lists them. What is malformed is left out: it only explains."""
    found: list[LineRefusal] = []
    for one in listed[:REFUSALS_MAX]:
        if not isinstance(one, dict):
            continue
        code, detail, field = one.get("code"), one.get("detail"), one.get("field")
        line, allowed_minor = one.get("line"), one.get("allowed_minor")
        if not isinstance(code, str) or not code.replace("_", "").isalnum() or len(code) > 64:
            continue
        found.append(
            LineRefusal(
                code,
                line if type(line) is int else None,
                field[:60] if isinstance(field, str) else None,
                detail[:300] if isinstance(detail, str) else "",
                allowed_minor if type(allowed_minor) is int else None,
                about={
                    name: str(one[name])[:80] for name in _ABOUT_FIELDS if one.get(name) is not None
                },
            )
        )
    return found
