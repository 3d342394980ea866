"""How many connections there may be, and how long one may be silent.

aiohttp waits for ever for a request that never comes. A connection that has not begun a request
within `FIRST_REQUEST_SECONDS`, or has been idle for `IDLE_SECONDS`, is closed; above the limit,
new ones are told to come again.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable

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


class ConnectionGate:
    """Makes aiohttp's protocols, as long as there is room; closes those that waste it."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._server: web.Server | None = None
        self._deadlines: dict[object, float] = {}
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
        if self._server is None or len(self._server.connections) >= self._connections_max:
            self.turned_away += 1
            return _Busy()
        handler = self._server()
        self._deadlines[handler] = asyncio.get_running_loop().time() + FIRST_REQUEST_SECONDS
        return handler

    @property
    def count(self) -> int:
        """How many connections are open."""
        return 0 if self._server is None else len(self._server.connections)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """While a request is worked on, its connection is not idle."""
        self._deadlines.pop(request.protocol, None)
        try:
            return await handler(request)
        finally:
            if self._server is not None:
                deadline = asyncio.get_running_loop().time() + IDLE_SECONDS
                self._deadlines[request.protocol] = deadline

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        live = [] if self._server is None else self._server.connections
        deadlines = self._deadlines
        self._deadlines = {one: deadlines[one] for one in live if one in deadlines}
        for one in live:
            if self._deadlines.get(one, now) < now:
                one.force_close()
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep)


class _Busy(asyncio.Protocol):
    """Says that there is no room, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(_BUSY)
        transport.close()
