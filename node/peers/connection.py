"""One connection to one peer: frames in, frames out, nothing unbounded.

What is sent within a turn of the loop leaves in one write. A peer that does not read is dropped
once more than `SEND_BYTES_MAX` wait for it.
"""

import asyncio
import ssl
from typing import Protocol, cast

from node.peers.frames import HELLO, Frame, FrameReader, Hello, pack, read_hello
from primitives.errors import Refused

SEND_BYTES_MAX = 32 << 20


class ConnectionOwner(Protocol):
    """Who is told what happens on a connection."""

    def connection_opened(self, connection: "PeerConnection") -> None:
        """The TLS handshake is done: set `peer_key`, or raise Refused to close."""

    def hello_received(self, connection: "PeerConnection", hello: Hello) -> None:
        """The peer introduced itself; raise Refused to close."""

    def frame_received(self, connection: "PeerConnection", frame: Frame) -> None:
        """A frame after the hello; raise Refused to close."""

    def connection_closed(self, connection: "PeerConnection", reason: str) -> None:
        """It is over; called once."""


class PeerConnection(asyncio.Protocol):
    """See the module's docstring.

    `peer_key` is set by the owner once the certificate is known. `introduced` is done once hellos
    agreed, or fails with what was wrong; `closed` is done when all is over.
    """

    def __init__(self, owner: ConnectionOwner, expected_key: bytes | None = None) -> None:
        self.owner = owner
        self.expected_key = expected_key
        """Whom we dialed; None for a connection that another opened."""
        self.peer_key = b""
        self.is_open = False
        self.bytes_sent = 0
        self.bytes_received = 0
        self.hello: Hello | None = None
        self.wire_version = 0
        """What we said; once hellos agreed, what is spoken."""
        loop = asyncio.get_running_loop()
        self.introduced: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flush_asked = False
        self._reason = ""

    # -- sending ------------------------------------------------------------------------------

    def send(self, frame_type: int, content: bytes) -> None:
        """Send a frame with this turn's others."""
        self.send_packed(pack(frame_type, content))

    def send_packed(self, packed: bytes) -> None:
        """Send a frame packed before, for several peers once."""
        if not self.is_open:
            return
        self._out.append(packed)
        self._out_bytes += len(packed)
        if self._out_bytes > SEND_BYTES_MAX:  # at once: one turn may answer many requests
            self.close("the peer asks for more than it reads")
            return
        if not self._flush_asked:
            self._flush_asked = True
            asyncio.get_running_loop().call_soon(self._flush)

    def waiting_bytes(self) -> int:
        """How much is not yet handed to the system."""
        transport = self._transport
        return self._out_bytes + (transport.get_write_buffer_size() if transport else 0)

    def _flush(self) -> None:
        self._flush_asked = False
        transport = self._transport
        if transport is None or not self.is_open:
            return
        if self.waiting_bytes() > SEND_BYTES_MAX:
            self.close("the peer does not read")
            return
        joined = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out, self._out_bytes = [], 0
        self.bytes_sent += len(joined)
        transport.write(joined)

    # -- receiving ----------------------------------------------------------------------------

    def accept_frames(self, bytes_max: int) -> None:
        """After the hello: frames of up to this size."""
        self._reader.bytes_max = bytes_max

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self.bytes_received += len(data)
        try:
            for frame in self._reader.feed(data):
                if not self.is_open:
                    return
                self._take(frame)
        except Refused as refusal:
            self.close(str(refusal))

    def _take(self, frame: Frame) -> None:
        if self.hello is not None:
            if frame.type == HELLO:
                raise Refused("peer_malformed", "a second hello")
            self.owner.frame_received(self, frame)
            return
        if frame.type != HELLO:
            raise Refused("peer_malformed", "no hello first")
        hello = read_hello(frame.content)
        self.hello = hello
        self.owner.hello_received(self, hello)
        if not self.introduced.done():
            self.introduced.set_result(None)

    # -- beginning and end --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the TLS handshake is done."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True
        try:
            self.owner.connection_opened(self)
        except Refused as refusal:
            self.close(str(refusal))

    def peer_certificate(self) -> bytes | None:
        """The certificate (DER) that the peer showed."""
        if self._transport is None:
            return None
        ssl_object: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return ssl_object.getpeercert(True) if ssl_object is not None else None

    def close(self, reason: str) -> None:
        """End it now; what was not sent is dropped."""
        if self.is_open:
            self._reason = reason
            self.is_open = False
            self._out.clear()
            self._out_bytes = 0
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over."""
        self.is_open = False
        self._out.clear()
        reason = self._reason or str(exc or "closed by the peer")
        if not self.introduced.done():
            self.introduced.set_exception(Refused("peer_malformed", reason))
            self.introduced.exception()  # nobody may be waiting for it
        if not self.closed.done():
            self.closed.set_result(None)
        self.owner.connection_closed(self, reason)
