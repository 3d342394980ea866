"""The event stream: headers to all, transactions in, answers in groups, bounds on every side."""

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from consensus.header import Header
from node.answers import Submission
from node.api.events import Subscriber, Unsent
from primitives.hashing import hash_bytes
from tests.node.api_town import ApiTown, address_of, play
from tests.node.event_sockets import authorize, next_of
from tests.node.town import Person, until
from tests.patience import PATIENCE_SECONDS
from wallet.node_stream import FinalIds, HeaderEvent, NodeStream, Submitted


def test_a_wallets_stream_sees_its_payment_through(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        raw = served.town.pay(payer, payee, 10)
        transaction_id = hash_bytes("tx", raw)
        async with NodeStream(served.session, served.url) as stream:
            await stream.send([raw, b"\xc1", raw])
            words: dict[bytes, list[str]] = {}
            final = None
            async for event in stream.events():
                if isinstance(event, Submitted):
                    for one, word in event.results:
                        words.setdefault(one, []).append(word)
                elif isinstance(event, FinalIds):
                    final = event
                elif isinstance(event, HeaderEvent) and final is not None:
                    header = Header.decode(event.bundle.header)
                    assert header.height == event.height >= final.height
                    break
        assert final is not None and final.ids == (transaction_id,)
        assert words[hash_bytes("tx", b"\xc1")] == ["encoding_not_canonical"]
        assert words[transaction_id][0] == "accepted"
        assert set(words[transaction_id]) <= {"accepted", "known"}

    play(tmp_path, scenario)


def test_answers_come_in_groups(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        people = await served.town.people(40, 500)
        raws = [served.town.pay(one, people[0], 1) for one in people[1:] for _ in range(10)]
        async with served.socket() as socket:
            tasks_before = len(asyncio.all_tasks())
            for raw in raws:
                await socket.send_bytes(raw)
            frames = accepted = final = most_tasks = 0
            while final < len(raws):
                content = await socket.receive_json()
                most_tasks = max(most_tasks, len(asyncio.all_tasks()))
                if content["type"] == "submitted":
                    frames += 1
                    assert all(word == "accepted" for _, word in content["results"])
                    accepted += len(content["results"])
                elif content["type"] == "final":
                    final += len(content["ids"])
        assert accepted == len(raws) and frames < len(raws) / 2
        assert most_tasks < tasks_before + 20

    play(tmp_path, scenario)


def test_only_ones_own_account_is_told_of(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee, other = await town.people(3, 500)
        async with served.socket() as mine, served.socket() as theirs:
            frame = authorize(served, payee)
            await mine.send_str(frame)
            told = await next_of(mine, "authorized")
            assert told["address"] == address_of(payee)
            await mine.send_str(frame)
            assert (await next_of(mine, "refused"))["code"] == "request_replayed"
            for text, code in (
                (authorize(served, Person("town0", "nobody")), None),
                (authorize(served, payer, "/v1/network"), "request_unauthorized"),
                ("{}", "request_malformed"),
                ("[" * 2_000, "request_malformed"),
                ('{"type": "authorize", "address": 1, "authorization": 2}', "request_malformed"),
                ('{"type":"authorize","address":"x","authorization":""}', "address_malformed"),
            ):
                await theirs.send_str(text)
                if code is None:
                    await next_of(theirs, "authorized")
                else:
                    assert (await next_of(theirs, "refused"))["code"] == code
            stolen = json.loads(authorize(served, other))
            stolen["address"] = address_of(payee)
            await theirs.send_str(json.dumps(stolen))
            assert (await next_of(theirs, "refused"))["code"] == "not_found"
            (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
            got = await next_of(mine, "transaction")
            assert got["id"] == paid.id.hex()
            status = served.node.transaction_status(paid.id)
            assert (got["height"], got["number"]) == (status.height, status.number)
            await town.must_settle(0, [town.pay(payer, other, 1)])
            heard = []
            while True:
                content = await theirs.receive_json()
                heard.append(content["type"])
                if content["type"] == "header" and content["height"] > (status.height or 0):
                    break
            assert set(heard) == {"header"}

    play(tmp_path, scenario)


def test_frames_that_are_too_large_or_of_no_use_close_the_socket(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        bytes_max = served.town.genesis.parameters.transaction_bytes_max
        async with served.socket() as socket:
            await socket.send_bytes(bytes(bytes_max))
            assert (await next_of(socket, "submitted"))["results"]
            await socket.send_bytes(bytes(bytes_max + 2))
            assert (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
        async with served.socket() as socket:
            await socket.send_str("x" * 5_000)
            assert (await socket.receive()).type is WSMsgType.CLOSE
        async with served.socket() as socket:
            for _ in range(40):
                await socket.send_str("x")
            kinds = []
            while (message := await socket.receive()).type is WSMsgType.TEXT:
                kinds.append(json.loads(message.data)["type"])
            # It may close before the first of them left.
            assert set(kinds) <= {"refused", "header"} and kinds.count("refused") < 20
        await until(lambda: served.api.events.count == 0)

    play(tmp_path, scenario)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def test_sockets_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.events.SOCKETS_MAX", 2)

    async def scenario(served: ApiTown) -> None:
        people = await served.town.people(2, 500)
        async with served.socket() as reader, served.socket() as payer:
            await reader.send_str(authorize(served, people[0]))
            assert await next_of(reader, "authorized")
            await payer.send_bytes(served.town.pay(people[1], people[0], 5))
            assert await next_of(payer, "submitted")
            reply = await served.ask("GET", "/v1/events", UPGRADE)
            assert (reply.status, reply.code) == (429, "node_busy")
            assert served.api.events.count == 2
        await until(lambda: served.api.events.count == 0)
        async with served.socket() as socket:
            await socket.send_bytes(b"\xc1")
            assert await next_of(socket, "submitted")

    play(tmp_path, scenario)


def test_strangers_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.events.SOCKETS_MAX", 3)

    async def scenario(served: ApiTown) -> None:
        (person,) = await served.town.people(1, 500)
        async with contextlib.AsyncExitStack() as stack:
            known = await stack.enter_async_context(served.socket())
            await known.send_str(authorize(served, person))
            assert await next_of(known, "authorized")
            strangers = [await stack.enter_async_context(served.socket()) for _ in range(6)]
            await strangers[-1].send_bytes(b"\xc1")
            assert await next_of(strangers[-1], "submitted")
            async with asyncio.timeout(PATIENCE_SECONDS):
                # A header that was sent before may still come first.
                while (last := (await strangers[0].receive()).type) is WSMsgType.TEXT:
                    pass
            assert last in (WSMsgType.CLOSED, WSMsgType.ERROR)
            assert served.api.events.count == 3
            await known.send_str(authorize(served, person))
            assert await next_of(known, "authorized")

    play(tmp_path, scenario)


def test_who_does_not_read_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.events.UNSENT_BYTES_MAX", 1 << 20)

    async def scenario(served: ApiTown) -> None:
        host, port = served.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1_024)
        writer.write(
            b"GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await until(lambda: served.api.events.count == 1)
        frame = b"\x82\x81\x00\x00\x00\x00\xc1"
        for _ in range(1_000):
            try:
                writer.write(frame * 1_000)
                async with asyncio.timeout(0.2):
                    await writer.drain()
            except TimeoutError:
                continue
            except ConnectionError:
                break
        await until(lambda: served.api.events.count == 0)
        writer.close()
        assert (await served.ask("GET", "/health/live")).status == 200

    play(tmp_path, scenario)


def test_what_is_not_answered_yet_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.api.events.UNANSWERED_MAX", 10)

    async def scenario(served: ApiTown) -> None:
        held: list[tuple[bytes, Callable[[Submission], None]]] = []

        def hold(raw: bytes, on_done: Callable[[Submission], None]) -> None:
            held.append((raw, on_done))

        monkeypatch.setattr(served.node, "submit", hold)
        async with served.socket() as socket:
            for number in range(50):
                await socket.send_bytes(bytes([number]))
            await until(lambda: len(held) == 10)
            await asyncio.sleep(0.1)
            assert len(held) == 10
            answered = 0
            while answered < 50:
                for raw, on_done in held[answered:]:
                    on_done(Submission(hash_bytes("tx", raw), "accepted"))
                    answered += 1
                await asyncio.sleep(0.01)
            results = 0
            while results < 50:
                found = (await next_of(socket, "submitted"))["results"]
                assert isinstance(found, list)
                results += len(found)

    play(tmp_path, scenario)


def test_what_waits_on_all_sockets_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.events.UNSENT_TOGETHER_BYTES_MAX", 300_000)
    aborted: list[int] = []
    together = Unsent()
    sockets = [
        Subscriber(web.WebSocketResponse(), functools.partial(aborted.append, at), together, int)
        for at in range(4)
    ]
    for one in sockets[:3]:
        one.put("x" * 100_000)
    assert aborted == []
    sockets[3].put("x" * 1_000)  # reads well: not the one to go
    assert aborted == []
    sockets[0].put("x")
    assert aborted == [0]
    sockets[0].forget()
    assert together.size == 201_000
    sockets[1].put("x" * 1_000)
    assert aborted == [0]
