"""Bodies of requests, bounded before they are read: in size, in time, and large ones in number."""

import asyncio

from aiohttp import web

from primitives.errors import Refused

BODY_SECONDS_MAX = 10.0
LARGE_BYTES = 16_384


class BodyReader:
    """So many bodies above `LARGE_BYTES` are read at a time: a bound on memory."""

    def __init__(self, large_max: int, too_large_code: str) -> None:
        self._large_max = large_max
        self._too_large_code = too_large_code
        self._large = 0

    async def read(self, request: web.Request, bytes_max: int) -> bytes:
        """The whole body as it was sent. Raises `Refused`: the reader's code for one that is too
        large, `node_busy`; and aiohttp's own for one that comes too slowly."""
        if request.content_length is not None and request.content_length > bytes_max:
            raise Refused(self._too_large_code, f"{request.content_length} bytes")
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await self._read_bounded(request, bytes_max)
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason="the body comes too slowly") from None

    async def _read_bounded(self, request: web.Request, bytes_max: int) -> bytes:
        raw = bytearray()
        is_large = False
        try:
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > bytes_max:
                    raise Refused(self._too_large_code, f"more than {bytes_max} bytes")
                if not is_large and len(raw) > LARGE_BYTES:
                    if self._large >= self._large_max:
                        raise Refused("node_busy", "too many large bodies at once")
                    is_large = True
                    self._large += 1
        finally:
            self._large -= is_large
        return bytes(raw)
