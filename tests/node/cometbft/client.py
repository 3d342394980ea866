"""CometBFT's side of ABCI, in Python: writes requests, reads responses, in order."""

import asyncio
from pathlib import Path
from typing import Any

from node.engines.cometbft.descriptors import message_class
from node.engines.cometbft.frames import FrameReader, frame

PATIENCE_SECONDS = 240
RESPONSE_BYTES_MAX = 32 * 1024 * 1024


class AbciClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._frames = FrameReader(RESPONSE_BYTES_MAX)
        self._came: list[Any] = []

    @classmethod
    async def connect(cls, path: Path) -> "AbciClient":
        """Connect to a server."""
        return cls(*await asyncio.open_unix_connection(path))

    def send(self, name: str, **fields: Any) -> None:
        """Write a request; read its answer with `receive`."""
        request = message_class("abci.Request")()
        place = getattr(request, name)
        place.SetInParent()
        place.MergeFrom(type(place)(**fields))
        self.send_raw(frame(request.SerializeToString()))

    def send_raw(self, raw: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(raw)

    async def receive(self) -> tuple[str, Any]:
        """The next response: its name and its fields. Raises EOFError once there are no more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self._came:
                data = await self._reader.read(65536)
                if not data:
                    raise EOFError
                for raw in self._frames.feed(data):
                    self._came.append(message_class("abci.Response").FromString(raw))
        response = self._came.pop(0)
        name = response.WhichOneof("value")
        return name, getattr(response, name)

    async def ask(self, name: str, **fields: Any) -> Any:
        """Send, flush, and check that the answer is of its kind."""
        self.send(name, **fields)
        self.send("flush")
        answer, found = await self.receive()
        if answer != "exception":
            assert answer == name
            assert (await self.receive())[0] == "flush"
        return found

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
