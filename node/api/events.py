"""`GET /v1/events`: a WebSocket on which final headers come and transactions go.

One frame is one transaction, and none has a task of its own: answers are gathered per turn of the
loop. What a client has not read is bounded; beyond that it is dropped. What it has sent and was
not answered yet is bounded too; beyond that its socket is not read for a while.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

import structlog
from aiohttp import WSMsgType, web

from ledger.genesis import Genesis
from node.answers import FinalBlock, Submission
from node.api.entitlements import Entitlements
from node.api.reads import header_model, proof_model
from node.api.signed_requests import RequestVerifier
from node.clock import now_ms
from node.territory import TerritoryNode
from primitives.addresses import parse_address
from primitives.errors import Refused

SOCKETS_MAX = 1_000
"""Above it, who has shown nothing yet goes, the first of them first: no account of its own, and no
transaction that was taken. Where all have, newcomers are told to come again."""
UNSENT_BYTES_MAX = 8 << 20
UNSENT_TOGETHER_BYTES_MAX = 128 << 20
"""For all sockets: who lets it pass this is dropped, unless it has read nearly all."""
UNSENT_SMALL_BYTES = 64 << 10
UNANSWERED_MAX = 4_096
REST_SECONDS_MIN = 0.05
"""After a refusal for want of room a socket is not read for so long: what comes meanwhile is read,
judged and answered together, for a fraction of what it costs one by one."""

REST_SECONDS_EACH = 0.000_1
"""For each that was refused, where that is longer. To refuse takes a few microseconds: who sends on
unheeding has a tenth of the loop's time at most, and TCP keeps what is above that at its sender's.
"""

READ_SECONDS = 0.002
"""So long after its rest, what TCP held meanwhile has been read."""

AWAITED_MAX = 32_768
ACCOUNTS_MAX = 64
TEXT_BYTES_MAX = 4_096
REFUSED_TEXTS_MAX = 16
HEARTBEAT_SECONDS = 30.0
CLOSE_SECONDS = 1.0
EVENTS_PATH = "/v1/events"

_RESULT_BYTES = 100
"""About what one result takes on the wire."""


@dataclass(slots=True)
class Unsent:
    """What waits to be sent on all sockets together."""

    size: int = 0


class Subscriber:
    """One open socket: what is waiting to be sent on it, and what it is told of."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
        together: Unsent,
        retry_after_ms: Callable[[], int],
    ) -> None:
        self.socket = socket
        self._retry_after_ms = retry_after_ms
        self._together = together
        self.abort = abort
        self.accounts: dict[bytes, bytes] = {}
        """Account id to the key that may read it."""
        self.addresses: dict[str, bytes] = {}
        """Account ids by address, as this client writes it."""
        self.refused_texts = 0
        self.is_stranger = True
        self._awaited: dict[bytes, None] = {}
        self._unanswered = 0
        self._has_room = asyncio.Event()
        self._results: list[tuple[str, str]] = []
        self._has_busy = False
        """Whether one of these results is refused for now alone."""
        self._refused_unrested = 0
        self._frames: list[str] = []
        self._unsent_bytes = 0
        self._wake = asyncio.Event()

    def put(self, frame: str) -> None:
        """Send a frame, after those before it; drop a client that has left too much unread."""
        self._frames.append(frame)
        self._count_unsent(len(frame))

    def put_result(self, submission: Submission) -> None:
        """Tell what became of a transaction, together with others of this turn."""
        word = submission.state if submission.refusal is None else submission.refusal.code
        self._unanswered -= 1
        if self._unanswered < UNANSWERED_MAX:
            self._has_room.set()
        if submission.refusal is None:
            self.is_stranger = False
            self._await(submission.id)
        elif submission.state == "busy":
            self._has_busy = True
            self._refused_unrested += 1
        self._results.append((submission.id.hex(), word))
        self._count_unsent(_RESULT_BYTES)

    def _await(self, transaction_id: bytes) -> None:
        # The oldest went another way long ago: refused by the state, or never proposed.
        if len(self._awaited) >= AWAITED_MAX:
            del self._awaited[next(iter(self._awaited))]
        self._awaited[transaction_id] = None

    def _count_unsent(self, size: int) -> None:
        self._sent(-size)
        is_small = self._unsent_bytes <= UNSENT_SMALL_BYTES
        if self._unsent_bytes > UNSENT_BYTES_MAX or (
            self._together.size > UNSENT_TOGETHER_BYTES_MAX and not is_small
        ):
            self.abort()
        self._wake.set()

    def _sent(self, size: int) -> None:
        self._unsent_bytes -= size
        self._together.size -= size

    def forget(self) -> None:
        """It is closed: nothing of it waits any more."""
        self._results, self._frames = [], []
        self._sent(self._unsent_bytes)

    def submitted(self) -> bool:
        """Count a transaction that was handed in; False if no more should be for now."""
        self._unanswered += 1
        if self._unanswered < UNANSWERED_MAX:
            return True
        self._has_room.clear()
        return False

    async def room(self) -> None:
        """Until enough of what was handed in is answered."""
        await self._has_room.wait()

    def rest_seconds(self) -> float:
        """For how long it is not to be read, for what was refused since this was asked."""
        refused, self._refused_unrested = self._refused_unrested, 0
        return max(REST_SECONDS_MIN, refused * REST_SECONDS_EACH) if refused else 0.0

    def settle(self, ids: Set[bytes]) -> list[bytes]:
        """Those of `ids` that were sent on this socket; they are not waited for any more."""
        awaited = self._awaited
        # Many sockets wait for few: the shorter side is walked.
        if len(awaited) < len(ids):
            mine = [one for one in awaited if one in ids]
        else:
            mine = [one for one in ids if one in awaited]
        for one in mine:
            del self._awaited[one]
        return mine

    async def write_for_ever(self) -> None:
        """The only place that writes to the socket."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            results, has_busy = self._results, self._has_busy
            self._results, self._has_busy = [], False
            frames, self._frames = self._frames, []
            if results:
                content: dict[str, object] = {"type": "submitted", "results": results}
                if has_busy:
                    content["retry_after_ms"] = self._retry_after_ms()
                await self.socket.send_str(_text(content))
                self._sent(_RESULT_BYTES * len(results))
            for frame in frames:
                await self.socket.send_str(frame)
                self._sent(len(frame))


class Events:
    """All sockets of one node."""

    def __init__(
        self,
        node: TerritoryNode,
        genesis: Genesis,
        verifier: RequestVerifier,
        entitlements: Entitlements,
        sockets_max: int = SOCKETS_MAX,
    ) -> None:
        self._node = node
        self._sockets_max = sockets_max
        self._bytes_max = genesis.parameters.transaction_bytes_max
        self._verifier = verifier
        self._entitlements = entitlements
        self._subscribers: dict[Subscriber, None] = {}
        self._unsent = Unsent()
        self._closing = False
        self._log = structlog.get_logger("api")
        self._stop_listening = node.on_final(self._on_final)

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._subscribers)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it closes."""
        if self._closing or not self._has_room():
            raise Refused("node_busy", "too many open sockets")
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            max_msg_size=max(self._bytes_max, TEXT_BYTES_MAX) + 1,
            heartbeat=HEARTBEAT_SECONDS,
            compress=False,
        )
        await socket.prepare(request)
        transport = request.transport

        def abort() -> None:
            if transport is not None:
                transport.abort()

        subscriber = Subscriber(socket, abort, self._unsent, self._node.retry_after_ms)
        self._subscribers[subscriber] = None
        writer = asyncio.create_task(subscriber.write_for_ever())
        try:
            await self._read(subscriber, request.protocol)
        except ConnectionError:
            pass
        except Exception:
            self._log.exception("socket_failed")
        finally:
            self._subscribers.pop(subscriber, None)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
            await self._close_one(subscriber)
            subscriber.forget()
        return socket

    def _has_room(self) -> bool:
        if len(self._subscribers) < min(SOCKETS_MAX, self._sockets_max):
            return True
        stranger = next((one for one in self._subscribers if one.is_stranger), None)
        if stranger is None:
            return False
        del self._subscribers[stranger]
        stranger.abort()
        return True

    async def _read(self, subscriber: Subscriber, protocol: web.RequestHandler) -> None:
        async for message in subscriber.socket:
            if message.type is WSMsgType.BINARY:
                rest_seconds = subscriber.rest_seconds()
                if rest_seconds:
                    protocol.pause_reading()
                    await asyncio.sleep(rest_seconds)
                    protocol.resume_reading()
                    await asyncio.sleep(READ_SECONDS)
                goes_on = subscriber.submitted()
                self._node.submit(message.data, subscriber.put_result)
                if not goes_on:
                    await subscriber.room()
            elif message.type is WSMsgType.TEXT and len(message.data) <= TEXT_BYTES_MAX:
                self._on_text(subscriber, message.data)
                # What stands in the buffer comes without a wait, and each text costs as much as a
                # proof or a signature: everybody else has a turn between two of them.
                await asyncio.sleep(0)
                if subscriber.refused_texts > REFUSED_TEXTS_MAX:
                    return
            else:
                return

    def _on_text(self, subscriber: Subscriber, text: str) -> None:
        try:
            content = _read_text(text)
            kind, address = content.get("type"), content.get("address")
            if not isinstance(address, str) or kind not in ("authorize", "account"):
                raise Refused("request_malformed")
            if kind == "authorize":
                frame = self._authorize(subscriber, address, content.get("authorization"))
            else:
                frame = self._account(subscriber, address)
        except Refused as refusal:
            subscriber.refused_texts += 1
            frame = _text({"type": "refused", "code": refusal.code})
        subscriber.put(frame)

    def _authorize(self, subscriber: Subscriber, address: str, authorization: object) -> str:
        """Subscribe to an account. Raises `Refused`."""
        if not isinstance(authorization, str):
            raise Refused("request_malformed")
        parsed = parse_address(address)
        if len(subscriber.accounts) >= ACCOUNTS_MAX:
            raise Refused("node_busy", "too many accounts on one socket")

        def check(key: bytes) -> bool:
            return self._entitlements.check_account(parsed, key, "", now_ms())

        key = self._verifier.grant_signed(authorization, "GET", EVENTS_PATH, check)
        subscriber.accounts[parsed.account_id] = key
        subscriber.addresses[address] = parsed.account_id
        subscriber.is_stranger = False
        return _text({"type": "authorized", "address": address})

    def _account(self, subscriber: Subscriber, address: str) -> str:
        """An account that this socket is subscribed to, with its proof. Raises `Refused`."""
        account_id = subscriber.addresses.get(address)
        key = None if account_id is None else subscriber.accounts.get(account_id)
        if account_id is None or key is None:
            parse_address(address)
            raise Refused("request_unauthorized", "this socket has not signed for that account")
        if not self._entitlements.is_on(account_id, key):
            del subscriber.accounts[account_id]
            raise Refused("request_unauthorized", "its key is on the account no longer")
        proved = proof_model(self._node.account_with_proof(account_id, None))
        return _text({"type": "account", "address": address, **proved.model_dump()})

    def _on_final(self, block: FinalBlock) -> None:
        if not self._subscribers:
            return
        header = (
            '{"type":"header",'
            + header_model(block.certified).model_dump_json(exclude_unset=True)[1:]
        )
        ids = frozenset(block.transaction_ids)
        for subscriber in tuple(self._subscribers):
            mine = subscriber.settle(ids)
            if mine:
                told = [one.hex() for one in mine]
                subscriber.put(_text({"type": "final", "height": block.height, "ids": told}))
            for frame in self._account_frames(subscriber, block):
                subscriber.put(frame)
            subscriber.put(header)

    def _account_frames(self, subscriber: Subscriber, block: FinalBlock) -> Iterable[str]:
        for account in subscriber.accounts.keys() & block.touched.keys():
            # A key that was taken off the account since may no longer listen.
            if not self._entitlements.is_on(account, subscriber.accounts[account]):
                del subscriber.accounts[account]
                continue
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
        """Close every socket; those that do not answer are cut."""
        self._closing = True
        self._stop_listening()
        await asyncio.gather(*(self._close_one(one, 1001) for one in tuple(self._subscribers)))

    @staticmethod
    async def _close_one(subscriber: Subscriber, code: int = 1000) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await subscriber.socket.close(code=code)
        except (ConnectionError, TimeoutError):
            subscriber.abort()


def _read_text(text: str) -> dict[str, object]:
    """The object in a client's text. Raises `Refused`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refused("request_malformed")
    return content


def _text(content: dict[str, object]) -> str:
    return json.dumps(content, separators=(",", ":"))
