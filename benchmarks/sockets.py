"""A WebSocket that costs its sender little: frames are made before they are sent, many at once.

For a load generator that shares its processors with the nodes it loads: what it uses, they have
not. It speaks what nodes speak (RFC 6455, no extensions, no fragments from the other side) and
nothing more.
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from wallet.node_stream import EVENTS_PATH

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL, _MASKED = 0x80, 0x80
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODE = 0x0F
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Lengths that say in how many bytes the length follows."""


def binary_frame(content: bytes) -> bytes:
    """A client's frame of these bytes, ready to be sent on any socket."""
    return _frame(_BINARY, content)


def _frame(opcode: int, content: bytes) -> bytes:
    size = len(content)
    if size < _TWO_BYTES:
        length = bytes([_MASKED | size])
    elif size < 1 << 16:
        length = bytes([_MASKED | _TWO_BYTES]) + size.to_bytes(2, "big")
    else:
        length = bytes([_MASKED | _EIGHT_BYTES]) + size.to_bytes(8, "big")
    mask = secrets.token_bytes(4)
    over_all = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    masked = (int.from_bytes(content, "big") ^ over_all).to_bytes(size, "big")
    return bytes([_FINAL | opcode]) + length + mask + masked


class FrameSocket:
    """An open socket to one node."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, frames: list[bytes]) -> None:
        """Send these, made by `binary_frame`; waits while the node does not read."""
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def texts(self) -> AsyncIterator[bytes]:
        """Texts as they come, until the connection ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, length = await self._reader.readexactly(2)
                if length == _TWO_BYTES:
                    length = int.from_bytes(await self._reader.readexactly(2), "big")
                elif length == _EIGHT_BYTES:
                    length = int.from_bytes(await self._reader.readexactly(8), "big")
                content = await self._reader.readexactly(length)
                opcode = first & _OPCODE
                if opcode == _TEXT:
                    yield content
                elif opcode == _PING:
                    self._writer.write(_frame(_PONG, content))
                elif opcode == _CLOSE:
                    return


@contextlib.asynccontextmanager
async def frame_socket(url: str) -> AsyncIterator[FrameSocket]:
    """The events of the node at this URL. Raises ConnectionError when it takes no socket."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        key = base64.b64encode(secrets.token_bytes(16))
        writer.write(
            f"GET {EVENTS_PATH} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key.decode()}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        accepted = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        if not answer.startswith(b"HTTP/1.1 101 ") or accepted not in answer:
            raise ConnectionError(f"{url}: {answer[:80]!r}")
        yield FrameSocket(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
