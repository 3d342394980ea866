"""One WebSocket to one node (`GET /v1/events`): transactions out, final headers and results in.

Only reads and writes frames; what a frame claims is checked by whoever uses it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from primitives.errors import Refused
from wallet.light.bundles import HeaderBundle, bundle_from_json

FRAME_BYTES_MAX = 16 * 1024 * 1024
HEARTBEAT_SECONDS = 10.0
CONNECT_SECONDS = 3.0
EVENTS_PATH = "/v1/events"


class StreamClosed(Exception):
    """The connection is gone; what was sent last may or may not have arrived."""


@dataclass(frozen=True, slots=True)
class HeaderEvent:
    """A block became final, the node says."""

    height: int
    bundle: HeaderBundle


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the node says of transactions sent: id and `accepted`, `known` or a refusal's code; and
    when those that it is too busy for may come again, 0 if it does not say."""

    results: tuple[tuple[bytes, str], ...]
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class FinalIds:
    """Transactions sent over this socket that stand in the final block `height`."""

    height: int
    ids: tuple[bytes, ...]


StreamEvent = HeaderEvent | Submitted | FinalIds


class NodeStream:
    """An open WebSocket. Use as `async with NodeStream(session, url) as stream`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._session = session
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._socket = await self._session.ws_connect(
                    self.url + EVENTS_PATH,
                    max_msg_size=FRAME_BYTES_MAX,
                    heartbeat=HEARTBEAT_SECONDS,
                    compress=0,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StreamClosed(f"{self.url}: {type(error).__name__}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def send(self, raws: Sequence[bytes]) -> None:
        """Send transactions, one frame each. Raises `StreamClosed`."""
        socket = self._open()
        try:
            for raw in raws:
                await socket.send_bytes(raw)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise StreamClosed(f"{self.url}: {type(error).__name__}") from error

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Frames as they come, until the connection ends. Frames of unknown types are skipped.

        Raises `StreamClosed` at the end, `Refused("node_answer_malformed")`.
        """
        socket = self._open()
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise StreamClosed(f"{self.url}: {message.type.name}")
            event = _event(message.data)
            if event is not None:
                yield event

    def _open(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            raise StreamClosed(self.url)
        return self._socket


def _event(text: str) -> StreamEvent | None:
    try:
        content = json.loads(text)
        kind = content["type"]
        if kind == "submitted":
            results = tuple([(bytes.fromhex(id), str(word)) for id, word in content["results"]])
            return Submitted(results, _count(content.get("retry_after_ms", 0), "retry_after_ms"))
        if kind == "final":
            ids = tuple([bytes.fromhex(id) for id in content["ids"]])
            return FinalIds(_count(content["height"], "height"), ids)
        if kind == "header":
            return HeaderEvent(_count(content["height"], "height"), bundle_from_json(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("node_answer_malformed", type(error).__name__) from None
    return None


def _count(value: object, field: str) -> int:
    if type(value) is not int or value < 0:
        raise Refused("node_answer_malformed", field=field)
    return value
