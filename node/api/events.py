"""`GET /v1/events`: a WebSocket on which final headers come and transactions go.

One frame is one transaction, and none has a task of its own: answers are gathered per turn of the
loop. What a slow client has not read is bounded; beyond that it is dropped.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable

from aiohttp import WSMsgType, web

from ledger.genesis import Genesis
from node.answers import FinalBlock, Submission
from node.api.entitlements import Entitlements
from node.api.reads import header_model
from node.api.signed_requests import RequestVerifier
from node.engines.simplex import now_ms
from node.territory import TerritoryNode
from primitives.addresses import parse_address
from primitives.errors import Refused

SOCKETS_MAX = 1_000
UNSENT_BYTES_MAX = 8 << 20
AWAITED_MAX = 65_536
ACCOUNTS_MAX = 64
TEXT_BYTES_MAX = 4_096
HEARTBEAT_SECONDS = 30.0
EVENTS_PATH = "/v1/events"


class Subscriber:
    """One open socket: what is waiting to be sent on it, and what it is told of."""

    def __init__(self, socket: web.WebSocketResponse, drop: Callable[[], object]) -> None:
        self.socket = socket
        self.accounts: set[bytes] = set()
        self.awaited: set[bytes] = set()
        self._results: list[tuple[str, str]] = []
        self._frames: list[str] = []
        self._unsent_bytes = 0
        self._wake = asyncio.Event()
        self._drop = drop

    def put(self, frame: str) -> None:
        """Send a frame, after those before it."""
        self._frames.append(frame)
        self._unsent_bytes += len(frame)
        if self._unsent_bytes > UNSENT_BYTES_MAX:
            self._drop()
        self._wake.set()

    def put_result(self, submission: Submission) -> None:
        """Tell what became of a transaction, together with others of this turn."""
        word = submission.state if submission.refusal is None else submission.refusal.code
        if submission.refusal is not None:
            self.awaited.discard(submission.id)
        elif len(self.awaited) < AWAITED_MAX:
            self.awaited.add(submission.id)
        self._results.append((submission.id.hex(), word))
        self._wake.set()

    async def write_for_ever(self) -> None:
        """The only place that writes to the socket."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            results, self._results = self._results, []
            frames, self._frames = self._frames, []
            if results:
                await self.socket.send_str(_text({"type": "submitted", "results": results}))
            for frame in frames:
                await self.socket.send_str(frame)
                self._unsent_bytes -= len(frame)


class Events:
    """All sockets of one node."""

    def __init__(
        self,
        node: TerritoryNode,
        genesis: Genesis,
        verifier: RequestVerifier,
        entitlements: Entitlements,
    ) -> None:
        self._node = node
        self._bytes_max = genesis.parameters.transaction_bytes_max
        self._verifier = verifier
        self._entitlements = entitlements
        self._subscribers: set[Subscriber] = set()
        self.stop_listening = node.on_final(self._on_final)

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._subscribers)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it closes."""
        if len(self._subscribers) >= SOCKETS_MAX:
            raise Refused("node_busy", "too many open sockets")
        socket = web.WebSocketResponse(
            max_msg_size=max(self._bytes_max, TEXT_BYTES_MAX) + 1,
            heartbeat=HEARTBEAT_SECONDS,
            compress=False,
        )
        await socket.prepare(request)
        reader = asyncio.current_task()
        subscriber = Subscriber(socket, lambda: reader.cancel() if reader else None)
        self._subscribers.add(subscriber)
        writer = asyncio.create_task(subscriber.write_for_ever())
        try:
            await self._read(subscriber)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._subscribers.discard(subscriber)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
            await socket.close()
        return socket

    async def _read(self, subscriber: Subscriber) -> None:
        async for message in subscriber.socket:
            if message.type is WSMsgType.BINARY:
                self._node.submit(message.data, subscriber.put_result)
            elif message.type is WSMsgType.TEXT and len(message.data) <= TEXT_BYTES_MAX:
                self._on_text(subscriber, message.data)
            else:
                return

    def _on_text(self, subscriber: Subscriber, text: str) -> None:
        try:
            content = json.loads(text)
            if content["type"] != "authorize":
                raise ValueError
            address = parse_address(str(content["address"]))
            key = self._verifier.verify(str(content["authorization"]), "GET", EVENTS_PATH)
            self._entitlements.check_account(address, key, "", now_ms())
            if len(subscriber.accounts) >= ACCOUNTS_MAX:
                raise Refused("node_busy", "too many accounts on one socket")
        except Refused as refusal:
            subscriber.put(_text({"type": "refused", "code": refusal.code}))
        except (ValueError, KeyError, TypeError, RecursionError):
            subscriber.put(_text({"type": "refused", "code": "request_malformed"}))
        else:
            subscriber.accounts.add(address.account_id)
            subscriber.put(_text({"type": "authorized", "address": content["address"]}))

    def _on_final(self, block: FinalBlock) -> None:
        if not self._subscribers:
            return
        header = '{"type":"header",' + header_model(block.certified).model_dump_json()[1:]
        ids = set(block.transaction_ids)
        for subscriber in tuple(self._subscribers):
            mine = subscriber.awaited & ids if ids else ids
            if mine:
                subscriber.awaited -= mine
                told = [one.hex() for one in block.transaction_ids if one in mine]
                subscriber.put(_text({"type": "final", "height": block.height, "ids": told}))
            for frame in self._account_frames(subscriber, block):
                subscriber.put(frame)
            subscriber.put(header)

    @staticmethod
    def _account_frames(subscriber: Subscriber, block: FinalBlock) -> Iterable[str]:
        for account in subscriber.accounts & block.touched.keys():
            for position in block.touched[account]:
                yield _text(
                    {
                        "type": "transaction",
                        "height": block.height,
                        "id": block.transaction_ids[position].hex(),
                        "number": block.first_number + position,
                    }
                )

    async def close(self) -> None:
        """Close every socket."""
        self.stop_listening()
        for subscriber in tuple(self._subscribers):
            with contextlib.suppress(ConnectionError):
                await subscriber.socket.close(code=1001)


def _text(content: dict[str, object]) -> str:
    return json.dumps(content, separators=(",", ":"))
