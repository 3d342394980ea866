"""The load generator's socket, beside aiohttp's: what the one sends the other reads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from benchmarks.sockets import binary_frame, frame_socket
from wallet.node_stream import EVENTS_PATH

SIZES = (0, 1, 125, 126, 300, 65_535, 65_536, 200_000)
"""On both sides of where a length takes more bytes."""


@contextlib.asynccontextmanager
async def _served(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get(EVENTS_PATH, handler)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


def test_frames_and_texts_of_all_lengths_arrive() -> None:
    contents = [bytes(number % 251 for number in range(size)) for size in SIZES]
    received: list[bytes] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping(b"who")
        while len(received) < len(contents):
            message = await socket.receive()
            if message.type is WSMsgType.PONG:
                assert message.data == b"who"
                continue
            received.append(message.data)
            await socket.send_str("x" * len(message.data))
        await socket.close()
        return socket

    async def scenario() -> None:
        async with _served(serve) as url, frame_socket(url) as socket:
            await socket.send([binary_frame(content) for content in contents])
            assert [len(text) async for text in socket.texts()] == list(SIZES)

    asyncio.run(scenario())
    assert received == contents


def test_who_takes_no_socket_is_an_error() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=429)

    async def scenario() -> None:
        async with _served(refuse) as url:
            with pytest.raises(ConnectionError, match="429"):
                async with frame_socket(url):
                    pass

    asyncio.run(scenario())
