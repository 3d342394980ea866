"""Sockets between nodes: listening, connecting, and noticing that the other end is gone."""

import asyncio
import contextlib
import errno
import socket

from primitives.errors import Refused

# A peer whose machine lost power is noticed without us saying anything while all is quiet.
_KEEPALIVE_IDLE_SECONDS = 30
UNACKNOWLEDGED_MS_MAX = 15_000


async def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """Bound and listening. Refuses `port_in_use`, `address_unusable`."""
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (
        await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused("port_in_use", f"{host}:{port}") from error
        raise Refused("address_unusable", f"{host}:{port}: {error}") from error
    return listener


async def connected_socket(host: str, port: int) -> socket.socket:
    """A socket of ours, tuned before it connects: a peer that vanishes must be noticed on this end
    too, or it would retransmit ever more rarely into a path that has healed long since."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    dialed = socket.socket(family, kind, protocol)
    try:
        dialed.setblocking(False)
        tune(dialed)
        await loop.sock_connect(dialed, address)
    except BaseException:
        dialed.close()
        raise
    return dialed


def tune(connected: socket.socket) -> None:
    """Send at once, and notice a peer whose machine lost power."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(AttributeError, OSError):  # Linux has these two
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS_MAX)
