"""How many connections there may be, and how long one may be silent.

aiohttp waits for ever for a request that never comes, and for an answer that nobody reads. A
connection that has not begun a request within `FIRST_REQUEST_SECONDS`, or has been idle for
`IDLE_SECONDS`, is cut. Where there is no room left, whoever has kept us waiting the longest makes
room: for a request, for the rest of one, or with an answer unread. Only where nobody does, new ones
are told to come again.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

CONNECTIONS_MAX = 2_048
FIRST_REQUEST_SECONDS = 10.0
IDLE_SECONDS = 75.0
SWEEP_SECONDS = 1.0
FILES_RESERVED = 256
"""Descriptors left for the store, the journal and the other members."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def connections_allowed() -> int:
    """As many as the process may open files for, `CONNECTIONS_MAX` at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_RESERVED
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(CONNECTIONS_MAX, soft - FILES_RESERVED))


@dataclass(slots=True)
class _Turn:
    """Whose turn it is on one connection: the client's, unless a whole request is under way."""

    deadline: float | None
    """When it is cut; None while a request is worked on."""
    request: web.Request | None = None
    transport: asyncio.Transport | None = None

    @property
    def is_clients(self) -> bool:
        """Whether it is we who wait."""
        return self.request is None or not self.request.content.is_eof()


class ConnectionGate:
    """Makes aiohttp's protocols, as long as there is room; cuts those that waste it."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._server: web.Server | None = None
        self._turns: dict[web.RequestHandler, _Turn] = {}
        """Those whose turn changed longest ago first."""
        self._timer: asyncio.TimerHandle | None = None
        self.turned_away = 0

    def open(self, server: web.Server) -> None:
        """Begin to serve with this server, and to sweep."""
        self._server = server
        self._sweep()

    def close(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()

    def __call__(self) -> asyncio.BaseProtocol:
        """The protocol of a new connection; given to `loop.create_server`."""
        if self._server is None or not self._has_room(self._server):
            self.turned_away += 1
            return _Busy()
        handler = self._server()
        self._turns[handler] = _first_turn()
        return handler

    @property
    def count(self) -> int:
        """How many connections are open."""
        return 0 if self._server is None else len(self._server.connections)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """While a request is worked on, its connection is not idle."""
        protocol = request.protocol
        turn = self._turns.pop(protocol, None) or _first_turn()
        self._turns[protocol] = turn
        turn.deadline, turn.request, turn.transport = None, request, request.transport
        try:
            return await handler(request)
        finally:
            # Now it is for the client to read the answer, and to ask again.
            turn.deadline, turn.request = asyncio.get_running_loop().time() + IDLE_SECONDS, None
            is_known = self._turns.pop(protocol, None) is not None
            if protocol.transport is None:
                _let_go(protocol)
            elif is_known:
                self._turns[protocol] = turn

    def _has_room(self, server: web.Server) -> bool:
        if len(server.connections) < self._connections_max:
            return True
        for handler, turn in self._turns.items():
            if turn.is_clients and (handler.transport or turn.transport):
                self._cut(handler)
                return True
        return False

    def _cut(self, handler: web.RequestHandler) -> None:
        """Drop also what was not sent: closing would wait for a client that does not read."""
        turn = self._turns.pop(handler)
        transport = handler.transport or turn.transport
        if transport is not None:
            transport.abort()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        live = [] if self._server is None else self._server.connections
        known = self._turns.keys() & set(live)
        for gone in self._turns.keys() - known:
            _let_go(gone)
        self._turns = {one: turn for one, turn in self._turns.items() if one in known}
        for one in live:
            turn = self._turns.setdefault(one, _first_turn())
            if turn.deadline is not None and turn.deadline < loop.time():
                self._cut(one)
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep)


def _first_turn() -> _Turn:
    return _Turn(asyncio.get_running_loop().time() + FIRST_REQUEST_SECONDS)


def _let_go(handler: web.RequestHandler) -> None:
    """Drop the requests that a lost connection had waiting. aiohttp keeps them, each with a way
    back to the connection, so that a hundred kilobytes for each who sends many and goes would
    stay until garbage is looked for, which is seldom (`node.imports`)."""
    handler._messages.clear()


class _Busy(asyncio.Protocol):
    """Says that there is no room, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(_BUSY)
        transport.close()
