"""Clients that are slow, many, or no clients at all: the node goes on, within its bounds."""

import asyncio
import contextlib
import random
import re
import socket
import zlib
from pathlib import Path

import pytest

from tests.node.api_town import ApiTown, address_of, play
from tests.node.town import Person, until
from tests.patience import PATIENCE_SECONDS

POST = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
UPGRADE = (
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def connect(served: ApiTown) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection."""
    host, port = served.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def say(served: ApiTown, raw: bytes, seconds: float = PATIENCE_SECONDS) -> bytes:
    """Send bytes and read until the node closes, or for so long."""
    reader, writer = await connect(served)
    answer = b""
    try:
        writer.write(raw)
        async with asyncio.timeout(seconds):
            while part := await reader.read(65_536):
                answer += part
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()
    return answer


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
            async with asyncio.timeout(PATIENCE_SECONDS):
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
        async with asyncio.timeout(PATIENCE_SECONDS):
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
    monkeypatch.setattr("node.api.bodies.BODY_SECONDS_MAX", 0.2)

    async def scenario(served: ApiTown) -> None:
        reader, writer = await connect(served)
        writer.write(POST + b"Content-Length: 100\r\n\r\nabc")
        async with asyncio.timeout(PATIENCE_SECONDS):
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


def unread(served: ApiTown, raw: bytes) -> socket.socket:
    """Say something on a connection on which nothing is ever read."""
    host, port = served.url.removeprefix("http://").split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    deaf.connect((host, int(port)))
    deaf.sendall(raw)
    return deaf


def test_silent_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.connections.FIRST_REQUEST_SECONDS", 1.5)
    monkeypatch.setattr("node.api.connections.SWEEP_SECONDS", 0.1)

    async def scenario(served: ApiTown) -> None:
        silent = [await connect(served) for _ in range(4)]
        silent[0][1].write(b"GET /health/live HTT")
        await until(lambda: served.api.gate.count == 5)
        for reader, writer in silent:
            async with asyncio.timeout(PATIENCE_SECONDS):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
        await until(lambda: served.api.gate.count <= 1)

    play(tmp_path, scenario)


def test_who_reads_no_answer_keeps_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.api.connections.IDLE_SECONDS", 0.5)
    monkeypatch.setattr("node.api.connections.SWEEP_SECONDS", 0.1)
    monkeypatch.setattr("node.api.events.HEARTBEAT_SECONDS", 0.5)

    async def scenario(served: ApiTown) -> None:
        asks = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40
        deaf = [unread(served, asks) for _ in range(5)] + [unread(served, UPGRADE)]
        await until(lambda: served.api.gate.count >= 6)
        # Its answers fill all that lies between it and the node.
        deaf[-1].setblocking(False)
        rubbish = b"\x82\x81\x00\x00\x00\x00\xc1" * 500
        async with asyncio.timeout(PATIENCE_SECONDS):
            while served.api.gate.count > 1:
                with contextlib.suppress(OSError):
                    deaf[-1].send(rubbish)
                await asyncio.sleep(0.001)
        assert served.api.gate.count <= 1
        for one in deaf:
            one.close()

    play(tmp_path, scenario)


def test_who_keeps_us_waiting_longest_makes_room(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        gate, health = served.api.gate, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        before = gate.count
        async with served.socket() as events:  # it waits for us, however long
            wasters = [
                unread(served, b""),
                unread(served, b"GET /health/live HTT"),
                unread(served, POST + b"Content-Length: 100\r\n\r\nabc"),
                unread(served, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40),
            ]
            for number in range(40):
                await asyncio.sleep(0.02)
                if number < 4:
                    wasters.append(unread(served, health))
                answer = await say(served, health[:-2] + b"Connection: close\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 200"), number
                assert gate.count <= 6
            assert (before, gate.turned_away) == (1, 0)
            await events.send_bytes(b"\xc1")
            assert (await events.receive_json(timeout=PATIENCE_SECONDS))["type"] in (
                "submitted",
                "header",
            )
        for one in wasters:
            one.close()

    play(tmp_path, scenario, connections_max=6)


def test_where_nobody_keeps_us_waiting_newcomers_are_told_to_come_again(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(served.socket())
            while served.api.gate.count > 3:  # the kept-alive connection that read the document
                await say(served, b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n")
            answer = await say(served, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After" in answer
            assert served.api.gate.turned_away >= 1

    play(tmp_path, scenario, connections_max=3)


def test_no_request_makes_the_node_fail(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        (person,) = await served.town.people(1, 500)
        draw = random.Random(7)
        seen: set[bytes] = set()
        paths = served.document["paths"]
        assert isinstance(paths, dict)
        templates = [path.encode() for path in paths] + [b"/v1/transactions"] * 5
        pieces = [
            b"latest", b"0", b"-1", b"9" * 16, b"9" * 17, b"%00", b"%ff", b"%2F", b"..", b"{x}",
            b"\xc3\xa9", b"\xff", b"ab" * 32, b"AB" * 32, b"%D9%A1", b"+1", b"1_0", b"",
            address_of(person).encode(), address_of(person).upper().encode(),
            person.key.public_key.hex().encode(),
        ]  # fmt: skip
        heads = [
            b"Accept: application/msgpack", b"Democite-Reason: \xff\xfe", b"Authorization: \xff",
            b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Expect: wonders",
            b"Range: bytes=0-1", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: x", b"Content-Type: application/msgpack",
            b"Content-Type: application/msgpack", b"Content-Type: ;;;", b"Content-Encoding: gzip",
        ]  # fmt: skip
        for number in range(1_500):
            path = draw.choice(templates)
            path = re.sub(rb"\{\w+\}", lambda _: draw.choice(pieces), path)
            if draw.random() < 0.5:
                name = draw.choice([b"height", b"before", b"limit", b"wait_ms", b"%ff", b"&&=="])
                path += b"?" + name + b"=" + draw.choice(pieces)
            method = draw.choice([b"GET", b"GET", b"GET", b"POST", b"PUT", b"HEAD"])
            lines = [method + b" " + path + b" HTTP/1.1", b"Host: x", b"Connection: close"]
            lines += draw.sample(heads, draw.randrange(3))
            if method == b"GET" and draw.random() < 0.6:
                lines.append(b"Authorization: " + sign(served, person, path.decode("latin-1")))
            body = b"abc" if method == b"POST" else b""
            if body:
                lines.append(b"Content-Length: 3")
            if number % 100 == 0:  # so that what the rules refuse is among them, whatever is drawn
                lines = [b"POST /v1/transactions HTTP/1.1", b"Host: x", b"Connection: close"]
                lines += [b"Content-Type: application/msgpack", b"Content-Length: 3"]
                body = b"abc"
            answer = await say(served, b"\r\n".join([*lines, b"", body]), seconds=0.3)
            assert not answer.startswith(b"HTTP/1.1 500"), lines
            seen.add(answer[9:12])
        assert {b"200", b"400", b"401", b"404", b"405", b"415", b"422"} <= seen

    play(tmp_path, scenario)


def sign(served: ApiTown, person: Person, path: str) -> bytes:
    """A signed header's value."""
    return served.signed(person.key, path)["Authorization"].encode()
