"""Clients that are slow, many, or no clients at all: the node goes on, within its bounds."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.node.api_town import ApiTown, api_town
from tests.node.town import until

Scenario = Callable[[ApiTown], Awaitable[None]]
POST = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"


def play(folder: Path, scenario: Scenario, connections_max: int = 100) -> None:
    """Run a scenario against a served node."""

    async def run() -> None:
        async with (
            asyncio.timeout(60),
            api_town(folder, connections_max=connections_max) as served,
        ):
            await scenario(served)
            assert (await served.ask("GET", "/health/live")).status == 200

    asyncio.run(run())


async def connect(served: ApiTown) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection."""
    host, port = served.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def say(served: ApiTown, raw: bytes) -> bytes:
    """Send bytes, read until the node closes; what is left open counts as a failure."""
    reader, writer = await connect(served)
    writer.write(raw)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_garbage(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        for raw in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1_000 + b"\r\n",
            POST + b"Content-Length: -1\r\n\r\n",
            POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ):
            answer = await say(served, raw)
            assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), raw[:40]

    play(tmp_path, scenario)


def test_a_body_without_end_is_not_kept(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        reader, writer = await connect(served)
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        sent = 0
        try:
            while sent < 64 << 20:
                writer.write(chunk)
                sent += len(chunk)
                async with asyncio.timeout(2):
                    await writer.drain()
        except (ConnectionError, TimeoutError):
            pass
        answer = b""
        try:
            async with asyncio.timeout(5):
                answer = await reader.read(65_536)
        except ConnectionError:
            pass
        assert answer == b"" or b"transaction_too_large" in answer
        writer.close()

    play(tmp_path, scenario)


def test_a_declared_body_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        reader, writer = await connect(served)
        writer.write(POST + b"Content-Length: 9999999999\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 422 " in await reader.readline()
        writer.close()

    play(tmp_path, scenario)


def test_a_compressed_body_is_taken_as_it_is(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        bomb = zlib.compress(bytes(8 << 20))
        headers = {"Content-Type": "application/msgpack", "Content-Encoding": "deflate"}
        reply = await served.ask("POST", "/v1/transactions", headers, bomb)
        assert (reply.status, reply.code) == (422, "encoding_not_canonical")

    play(tmp_path, scenario)


def test_a_slow_body_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.submissions.BODY_SECONDS_MAX", 0.2)

    async def scenario(served: ApiTown) -> None:
        reader, writer = await connect(served)
        writer.write(POST + b"Content-Length: 100\r\n\r\nabc")
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()

    play(tmp_path, scenario)


def test_large_bodies_are_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.submissions.LARGE_MAX", 1)

    async def scenario(served: ApiTown) -> None:
        _, slow = await connect(served)
        slow.write(POST + b"Content-Length: 100000\r\n\r\n" + bytes(50_000))
        await slow.drain()
        await asyncio.sleep(0.2)
        reply = await served.post(bytes(100_000))
        assert (reply.status, reply.code) == (429, "node_busy")
        assert (await served.post(bytes(100))).code == "encoding_not_canonical"
        slow.close()
        await asyncio.sleep(0.2)
        assert (await served.post(bytes(100_000))).code == "encoding_not_canonical"

    play(tmp_path, scenario)


def test_connections_are_counted_and_silent_ones_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.api.connections.FIRST_REQUEST_SECONDS", 1.5)
    monkeypatch.setattr("node.api.connections.SWEEP_SECONDS", 0.1)

    async def scenario(served: ApiTown) -> None:
        silent = [await connect(served) for _ in range(4)]
        silent[0][1].write(b"GET /health/live HTT")
        await until(lambda: served.api.gate.count == 5)
        answer = await say(served, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After" in answer
        assert served.api.gate.turned_away == 1
        for reader, writer in silent:
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()
        await until(lambda: served.api.gate.count <= 1)

    play(tmp_path, scenario, connections_max=5)
