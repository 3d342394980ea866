"""All connections to the other nodes: listening, dialing, one connection a pair.

Of two members the one with the lower voting key dials, again within a second when the connection
ends; a node that is no member dials all members. A new connection of a peer takes the place of its
old one: the old may be dead without anyone having noticed.

Who is a peer changes while this runs (`set_peers`): members come and go, observers are added.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Mapping

import structlog

from node.peers.address import PeerAddress
from node.peers.certificates import issuer_of
from node.peers.connection import PeerConnection
from node.peers.frames import (
    WIRE_VERSION,
    Frame,
    Hello,
    check_hello,
    pack,
    pack_hello,
)
from node.peers.handler import PeerHandler
from node.peers.handshakes import HANDSHAKE_SECONDS_MAX, HandshakeGate
from node.peers.identity import Identity
from node.peers.sockets import connected_socket, listening_socket, tune
from primitives.errors import Refused

_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
_ACCEPT_PAUSE_SECONDS = 0.2
ANYONE = b""
"""Dialed where it is not known who is there."""
_BACKLOG = 64
_LOOK_UP_SECONDS = 300.0


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
        is_member: bool = True,
        anyone_at: tuple[str, int] | None = None,
    ) -> None:
        self._identity = Identity(voting_key, transport_key_pem, transport_certificate_pem)
        self._hello = hello
        self._handler = handler
        self._frame_bytes_max = frame_bytes_max
        self._is_member = is_member
        self._anyone_at = anyone_at
        self._peers: dict[bytes, PeerAddress] = {}
        self._gate = HandshakeGate({})
        self._dialing: dict[bytes, asyncio.Task[None]] = {}
        self._connections: dict[bytes, PeerConnection] = {}
        self._unproven: set[PeerConnection] = set()
        self._wire_spoken: dict[bytes, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._closing = False
        self._log = structlog.get_logger("peers")
        self._bytes_of_closed = [0, 0]
        self.dropped = 0
        self.set_peers(peers, is_member=is_member)

    # -- who is there -------------------------------------------------------------------------

    @property
    def peers(self) -> Mapping[bytes, PeerAddress]:
        """Those that are trusted now, by voting key."""
        return self._peers

    def set_peers(self, peers: Mapping[bytes, PeerAddress], *, is_member: bool) -> None:
        """Trust exactly these from now on. Who is there no more is disconnected; connections of the
        others go on. `is_member`: whether this node itself is one."""
        self._peers = {key: peer for key, peer in peers.items() if key != self._identity.voting_key}
        self._is_member = is_member
        self._gate.set_places({key: peer.host for key, peer in self._peers.items()})
        self._identity.trust(peer.authority_der for peer in self._peers.values())
        for key in [key for key in self._connections if key not in self._peers]:
            self.drop(key, "it is no peer any more")
        if self._listener is not None:
            self._dial_all()

    def set_identity(self, voting_key: bytes, key_pem: bytes, certificate_pem: bytes) -> None:
        """Show this certificate from now on. Every connection is made anew: the others know this
        node by the voting key that vouches for it. Refuses `keystore_malformed`."""
        self._peers.pop(voting_key, None)
        self._identity.show(voting_key, key_pem, certificate_pem)
        for key in list(self._connections):
            self.drop(key, "this node shows another certificate")
        if self._listener is not None:
            self._dial_all()

    def _dials(self, peer: PeerAddress) -> bool:
        """Whether it is for us to open the connection."""
        if self._is_member == peer.is_observer:
            return not self._is_member  # of a member and another, the other dials
        return self._identity.voting_key < peer.voting_key

    def _dial_all(self) -> None:
        for key, task in list(self._dialing.items()):
            if key not in self._peers or not self._dials(self._peers[key]):
                del self._dialing[key]
                task.cancel()
        for key, peer in self._peers.items():
            if key not in self._dialing and self._dials(peer):
                self._dialing[key] = self._spawn(self._dial_for_ever(key))

    # -- beginning and end --------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Listen (refuses `port_in_use`) and begin to dial; returns the port."""
        listener = await listening_socket(host, port, _BACKLOG)
        self._listener = listener
        self._spawn(self._accept_all(listener))
        self._spawn(self._look_up_for_ever())
        self._dial_all()
        if self._anyone_at is not None:
            self._spawn(self._dial_anyone(*self._anyone_at))
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

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- sending ------------------------------------------------------------------------------

    @property
    def connected(self) -> frozenset[bytes]:
        """Voting keys of the peers that frames reach now."""
        return frozenset(self._connections)

    @property
    def members_connected(self) -> frozenset[bytes]:
        """Those among them that have a vote."""
        return frozenset([key for key in self._connections if self._is_of_member(key)])

    def epoch_of(self, peer_key: bytes) -> int:
        """The epoch that a connected peer named when it introduced itself."""
        connection = self._connections.get(peer_key)
        return 0 if connection is None or connection.hello is None else connection.hello.epoch

    def allow_frames(self, bytes_max: int) -> None:
        """From now on frames may be of this size."""
        self._frame_bytes_max = bytes_max
        for connection in self._connections.values():
            connection.accept_frames(bytes_max)

    def heights(self) -> list[int]:
        """Newest final heights that connected members named when they introduced themselves."""
        return [
            connection.hello.height
            for key, connection in self._connections.items()
            if connection.hello is not None and self._is_of_member(key)
        ]

    def _is_of_member(self, key: bytes) -> bool:
        peer = self._peers.get(key)
        return peer is not None and not peer.is_observer

    def bytes_counted(self) -> tuple[int, int]:
        """(sent, received) in frames, since the start."""
        live = self._connections.values()
        return (
            self._bytes_of_closed[0] + sum(c.bytes_sent for c in live),
            self._bytes_of_closed[1] + sum(c.bytes_received for c in live),
        )

    def wire_version(self, peer_key: bytes) -> int:
        """What is spoken with this peer; 0 if it is not connected."""
        connection = self._connections.get(peer_key)
        return 0 if connection is None else connection.wire_version

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
            if self._identity.contexts is None or not self._gate.enter(host):
                stranger.close()
                continue
            self._spawn(self._shake_hands(stranger, host, self._identity.contexts[0]))

    async def _shake_hands(
        self, stranger: socket.socket, host: str, context: ssl.SSLContext
    ) -> None:
        try:
            tune(stranger)
            # Not the protocol that the call returns: uvloop gives its own TLS layer there.
            connection = PeerConnection(self)
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection,
                    stranger,
                    ssl=context,
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
                    if key in self._peers:
                        self._gate.expect(key, {str(place[0]) for *_, place in found})
            await asyncio.sleep(_LOOK_UP_SECONDS)

    async def _dial_anyone(self, host: str, port: int) -> None:
        """Some member is there, whichever; only while nobody is connected."""
        while True:
            if not self._connections and self._identity.contexts:
                with contextlib.suppress(OSError, TimeoutError, ValueError, Refused):
                    await self._dial(host, port, ANYONE, self._identity.contexts[1])
            await asyncio.sleep(_BACKOFF_SECONDS[-1])

    async def _dial(self, host: str, port: int, key: bytes, tls: ssl.SSLContext) -> PeerConnection:
        connection = PeerConnection(self, expected_key=key)
        async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
            await asyncio.get_running_loop().create_connection(
                functools.partial(_same, connection),
                sock=await connected_socket(host, port),
                ssl=tls,
                server_hostname="",
                ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
            )
            await _introduced(connection)
        return connection

    async def _dial_for_ever(self, key: bytes) -> None:
        attempt = 0
        while (peer := self._peers.get(key)) is not None and self._identity.contexts is not None:
            standing = self._connections.get(key)
            if standing is not None:  # opened by the other end, by the rule of before
                await standing.closed
                continue
            try:
                connection = await self._dial(peer.host, peer.port, key, self._identity.contexts[1])
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
        if key is None or (expected not in (None, ANYONE) and key != expected):
            raise Refused("peer_unknown", "the certificate is not of the expected member")
        standing = self._connections.get(key)
        if standing is not None and self._outranks(standing, connection, key):
            raise Refused("peer_unknown", "it is for the other end to dial, and it did")
        connection.peer_key = key
        # A peer of the version before refuses ours, but has said its own: next time we say that.
        ours = self._hello()
        connection.wire_version = self._wire_spoken.get(key, ours.wire_version)
        connection.send_packed(pack_hello(ours._replace(wire_version=connection.wire_version)))

    def hello_received(self, connection: PeerConnection, hello: Hello) -> None:
        """See `ConnectionOwner`."""
        check_hello(self._hello(), hello)
        self._unproven.discard(connection)
        key = connection.peer_key
        if key not in self._peers:
            raise Refused("peer_unknown", "it is no peer any more")
        self._wire_spoken[key] = min(hello.wire_version, WIRE_VERSION)
        connection.wire_version = min(hello.wire_version, connection.wire_version)
        old = self._connections.get(key)
        if old is not None and self._outranks(old, connection, key):
            raise Refused("peer_unknown", "it is for the other end to dial, and it did")
        if old is not None:
            del self._connections[key]
            self._forget(old)
            old.close("replaced by a newer connection")
            self._handler.peer_disconnected(key)
        connection.accept_frames(self._frame_bytes_max)
        self._connections[key] = connection
        self._log.info("peer_connected", peer=key.hex()[:16], height=hello.height)
        self._handler.peer_connected(key)

    def _outranks(self, standing: PeerConnection, newer: PeerConnection, key: bytes) -> bool:
        """Whether a connection stays although another one to the same peer came. Two ends that do
        not know the same terms may each think that it is for them to dial: then both keep the one
        that the lower key opened. Of two that the same end opened, the newer replaces the older."""
        dialers = [
            key if each.expected_key is None else self._identity.voting_key
            for each in (standing, newer)
        ]
        return dialers[0] < dialers[1]

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


def _same(connection: PeerConnection) -> PeerConnection:
    return connection


async def _introduced(connection: PeerConnection) -> None:
    """Until hellos agreed; what does not come so far is closed."""
    try:
        await connection.introduced
    except BaseException:
        connection.close("not introduced")
        raise
