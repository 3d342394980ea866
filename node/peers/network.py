"""All connections to the other members: listening, dialing, one connection a pair.

Of two members the one with the lower voting key dials, again within a second when the connection
ends. A new connection of a peer takes the place of its old one: the old may be dead without
anyone having noticed.
"""

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from node.peers.certificates import issuer_of
from node.peers.connection import PeerConnection
from node.peers.frames import WIRE_VERSION, Frame, Hello, pack, pack_hello
from node.peers.handshakes import HANDSHAKE_SECONDS_MAX, HandshakeGate
from node.peers.tls import client_context, server_context
from primitives.errors import Refused

_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
_ACCEPT_PAUSE_SECONDS = 0.2
_BACKLOG = 64
_LOOK_UP_SECONDS = 300.0
# A peer whose machine lost power is noticed without us saying anything while all is quiet.
_KEEPALIVE_IDLE_SECONDS = 30
_UNACKNOWLEDGED_MS_MAX = 15_000


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """One other member: its authority, and where it listens."""

    voting_key: bytes
    authority_der: bytes
    host: str
    port: int


class PeerHandler(Protocol):
    """Who is told about peers."""

    def peer_connected(self, peer_key: bytes) -> None:
        """Said hello; frames may be sent."""

    def peer_disconnected(self, peer_key: bytes) -> None:
        """Gone, until `peer_connected` again."""

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        """A frame; raise Refused to close this connection."""


class PeerNetwork:
    """See the module's docstring."""

    def __init__(
        self,
        voting_key: bytes,
        transport_key_pem: bytes,
        transport_certificate_pem: bytes,
        peers: Mapping[bytes, PeerAddress],
        hello: Callable[[], Hello],
        handler: PeerHandler,
        *,
        frame_bytes_max: int,
    ) -> None:
        self._own_key = voting_key
        self._peers = dict(peers)
        self._hello = hello
        self._handler = handler
        self._frame_bytes_max = frame_bytes_max
        authorities = [peer.authority_der for peer in self._peers.values()]
        self._alone = not authorities
        if not self._alone:
            identity = (transport_key_pem, transport_certificate_pem, authorities)
            self._server_context = server_context(*identity)
            self._client_context = client_context(*identity)
        self._gate = HandshakeGate({key: peer.host for key, peer in self._peers.items()})
        self._connections: dict[bytes, PeerConnection] = {}
        self._unproven: set[PeerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._closing = False
        self._log = structlog.get_logger("peers")
        self._bytes_of_closed = [0, 0]
        self.dropped = 0

    # -- beginning and end --------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Listen (refuses `port_in_use`) and begin to dial; returns the port."""
        loop = asyncio.get_running_loop()
        family, kind, protocol, _, address = (
            await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                raise Refused("port_in_use", f"{host}:{port}") from error
            raise Refused("address_unusable", f"{host}:{port}: {error}") from error
        self._listener = listener
        if not self._alone:
            self._spawn(self._accept_all(listener))
            self._spawn(self._look_up_for_ever())
            for key in self._peers:
                if self._own_key < key:
                    self._spawn(self._dial_for_ever(self._peers[key]))
        bound: int = listener.getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close all; no handler is called any more."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        for connection in [*self._connections.values(), *self._unproven]:
            connection.close("stopping")
        self._connections.clear()

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- sending ------------------------------------------------------------------------------

    @property
    def connected(self) -> frozenset[bytes]:
        """Voting keys of the peers that frames reach now."""
        return frozenset(self._connections)

    def heights(self) -> list[int]:
        """Newest final heights that connected peers named when they introduced themselves."""
        return [c.hello.height for c in self._connections.values() if c.hello is not None]

    def bytes_counted(self) -> tuple[int, int]:
        """(sent, received) in frames, since the start."""
        live = self._connections.values()
        return (
            self._bytes_of_closed[0] + sum(c.bytes_sent for c in live),
            self._bytes_of_closed[1] + sum(c.bytes_received for c in live),
        )

    def send(self, peer_key: bytes, frame_type: int, content: bytes) -> bool:
        """To one peer; False if it is not connected."""
        connection = self._connections.get(peer_key)
        if connection is None:
            return False
        connection.send(frame_type, content)
        return True

    def broadcast(self, frame_type: int, content: bytes) -> None:
        """To all that are connected."""
        if self._connections:
            packed = pack(frame_type, content)
            for connection in self._connections.values():
                connection.send_packed(packed)

    def drop(self, peer_key: bytes, reason: str) -> None:
        """Close the connection of a peer that misbehaved; it may come again."""
        connection = self._connections.get(peer_key)
        if connection is not None:
            connection.close(reason)

    # -- connecting ---------------------------------------------------------------------------

    async def _accept_all(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                stranger, address = await loop.sock_accept(listener)
            except OSError as error:
                # No descriptors left, most likely: those we have go on working.
                self._log.warning("accept_failed", error=str(error))
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            host = str(address[0])
            if not self._gate.enter(host):
                stranger.close()
                continue
            self._spawn(self._shake_hands(stranger, host))

    async def _shake_hands(self, stranger: socket.socket, host: str) -> None:
        try:
            _tune(stranger)
            # Not the protocol that the call returns: uvloop gives its own TLS layer there.
            connection = PeerConnection(self)
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection,
                    stranger,
                    ssl=self._server_context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
                )
                await _introduced(connection)
            self._gate.came_from(connection.peer_key, host)
        except (OSError, TimeoutError, Refused) as error:
            self._log.debug("handshake_failed", host=host, error=str(error))
            stranger.close()
        finally:
            self._gate.leave(host)

    async def _look_up_for_ever(self) -> None:
        """Where members are who have a name: their handshakes have places of their own."""
        loop = asyncio.get_running_loop()
        while True:
            for key, peer in self._peers.items():
                with contextlib.suppress(OSError, UnicodeError):
                    found = await loop.getaddrinfo(peer.host, None, type=socket.SOCK_STREAM)
                    self._gate.expect(key, {str(place[0]) for *_, place in found})
            await asyncio.sleep(_LOOK_UP_SECONDS)

    async def _dial_for_ever(self, peer: PeerAddress) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            connection = PeerConnection(self, expected_key=peer.voting_key)
            try:
                async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                    await loop.create_connection(
                        functools.partial(_same, connection),
                        sock=await _connected_socket(peer.host, peer.port),
                        ssl=self._client_context,
                        server_hostname="",
                        ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
                    )
                    await _introduced(connection)
                attempt = 0
                await connection.closed
            except (OSError, TimeoutError, ValueError, Refused) as error:  # ValueError: the host
                if attempt == 0:
                    self._log.info(
                        "peer_unreachable", peer=peer.voting_key.hex()[:16], error=str(error)
                    )
            await asyncio.sleep(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)])
            attempt += 1

    # -- what connections tell ----------------------------------------------------------------

    def connection_opened(self, connection: PeerConnection) -> None:
        """See `ConnectionOwner`."""
        self._unproven.add(connection)
        leaf = connection.peer_certificate()
        key = issuer_of(leaf, frozenset(self._peers)) if leaf else None
        expected = connection.expected_key
        if key is None or (expected is not None and key != expected):
            raise Refused("peer_unknown", "the certificate is not of the expected member")
        if expected is None and self._own_key < key:
            raise Refused("peer_unknown", "it is for us to dial this member")
        connection.peer_key = key
        connection.send_packed(pack_hello(self._hello()))

    def hello_received(self, connection: PeerConnection, hello: Hello) -> None:
        """See `ConnectionOwner`."""
        ours = self._hello()
        if hello.wire_version != WIRE_VERSION:
            raise Refused("peer_of_other_version", f"wire version {hello.wire_version}")
        if hello.network_id != ours.network_id:
            raise Refused("peer_of_other_network", hello.network_id.hex()[:16])
        if hello.engine != ours.engine:
            raise Refused("peer_of_other_engine", hello.engine[:20])
        self._unproven.discard(connection)
        key = connection.peer_key
        old = self._connections.pop(key, None)
        if old is not None:
            self._forget(old)
            old.close("replaced by a newer connection")
            self._handler.peer_disconnected(key)
        connection.accept_frames(self._frame_bytes_max)
        self._connections[key] = connection
        self._log.info("peer_connected", peer=key.hex()[:16], height=hello.height)
        self._handler.peer_connected(key)

    def frame_received(self, connection: PeerConnection, frame: Frame) -> None:
        """See `ConnectionOwner`."""
        if self._connections.get(connection.peer_key) is connection:
            self._handler.peer_frame(connection.peer_key, frame)

    def connection_closed(self, connection: PeerConnection, reason: str) -> None:
        """See `ConnectionOwner`."""
        self._unproven.discard(connection)
        key = connection.peer_key
        if self._connections.get(key) is connection:
            del self._connections[key]
            self._forget(connection)
            self.dropped += 1
            if not self._closing:
                self._log.info("peer_disconnected", peer=key.hex()[:16], reason=reason)
                self._handler.peer_disconnected(key)

    def _forget(self, connection: PeerConnection) -> None:
        self._bytes_of_closed[0] += connection.bytes_sent
        self._bytes_of_closed[1] += connection.bytes_received


async def _connected_socket(host: str, port: int) -> socket.socket:
    """A socket of ours, tuned before it connects: a peer that vanishes must be noticed on this end
    too, or it would retransmit ever more rarely into a path that has healed long since."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    dialed = socket.socket(family, kind, protocol)
    try:
        dialed.setblocking(False)
        _tune(dialed)
        await loop.sock_connect(dialed, address)
    except BaseException:
        dialed.close()
        raise
    return dialed


def _same(connection: PeerConnection) -> PeerConnection:
    return connection


async def _introduced(connection: PeerConnection) -> None:
    """Until hellos agreed; what does not come so far is closed."""
    try:
        await connection.introduced
    except BaseException:
        connection.close("not introduced")
        raise


def _tune(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(AttributeError, OSError):  # Linux has these two
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS_MAX)
