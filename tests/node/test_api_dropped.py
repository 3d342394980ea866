"""Who sends many requests and goes leaves nothing behind, though garbage is not looked for."""

import asyncio
import gc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import StreamReader

from tests.node.api_town import ApiTown, play
from tests.patience import PATIENCE_SECONDS

CLIENTS = 10
REQUEST = (
    b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
    b"Content-Length: 400\r\n\r\n" + bytes(400)
)


def readers() -> int:
    """How many requests' bodies there are."""
    return sum(type(one) is StreamReader for one in gc.get_objects())


@pytest.mark.parametrize("waits", [False, True])
def test_requests_of_lost_connections_are_freed(tmp_path: Path, waits: bool) -> None:
    async def scenario(served: ApiTown) -> None:
        address = urlsplit(served.url)
        gc.collect()
        gc.disable()
        try:
            before = readers()
            for _ in range(CLIENTS):
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
                writer.write(REQUEST * 50)
                await writer.drain()
                if waits:
                    await reader.read(1)
                writer.transport.abort()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while readers() > before + CLIENTS:
                    await asyncio.sleep(0.1)
            assert readers() <= before + CLIENTS
        finally:
            gc.enable()

    play(tmp_path, scenario)
