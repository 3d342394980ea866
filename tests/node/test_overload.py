"""A node that has taken as many of its clients' transactions as it will: what it says to whom."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from consensus.events import Event, WorkChanged
from node.admission import RETRY_MS_MAX, RETRY_MS_MIN
from node.answers import Submission
from node.api.events import REST_SECONDS_EACH, REST_SECONDS_MIN, Subscriber, Unsent
from node.mempool import Mempool
from node.territory import NOT_READY_RETRY_MS
from node.verifier import BEHIND_TRANSACTIONS
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from tests.node.api_town import ApiTown, play
from tests.node.event_sockets import next_of
from tests.node.town import Town, machinery_of, until


def test_the_refused_are_told_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        first, second = (served.town.pay(payer, payee, 1) for _ in range(2))
        async with served.socket() as socket:
            await socket.send_bytes(first)
            assert "retry_after_ms" not in await next_of(socket, "submitted")
            await next_of(socket, "final")
            _take_at_most(0, served, monkeypatch)
            # Nothing is decoded then: what is no transaction is refused like any other.
            for raw in (second, b"\xc1"):
                await socket.send_bytes(raw)
                told = await next_of(socket, "submitted")
                assert told["results"] == [[hash_bytes("tx", raw).hex(), "mempool_full"]]
                wait_ms = told["retry_after_ms"]
                assert isinstance(wait_ms, int) and RETRY_MS_MIN <= wait_ms <= RETRY_MS_MAX
            # Who asks about what is final already is told so, and not to come again.
            await socket.send_bytes(first)
            told = await next_of(socket, "submitted")
            assert told["results"] == [[hash_bytes("tx", first).hex(), "known"]]
            assert "retry_after_ms" not in told
            monkeypatch.undo()
            _take_at_most(10, served, monkeypatch)
            await socket.send_bytes(second)
            await next_of(socket, "final")

    play(tmp_path, scenario)


def test_a_full_pool_reads_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(served: ApiTown) -> None:
        monkeypatch.setattr(Mempool, "is_full", True)
        async with served.socket() as socket:
            await socket.send_bytes(b"\xc1")
            told = await next_of(socket, "submitted")
            assert told["results"] == [[hash_bytes("tx", b"\xc1").hex(), "mempool_full"]]

    play(tmp_path, scenario)


def test_what_comes_while_a_refused_socket_rests_is_refused_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest_seconds, sleep = 3_600.0, asyncio.sleep
    steps: list[str] = []
    for step in ("pause_reading", "resume_reading"):
        method = getattr(web.RequestHandler, step)

        def noting(handler: web.RequestHandler, step: str = step, method: Any = method) -> None:
            steps.append(step)
            method(handler)

        monkeypatch.setattr(web.RequestHandler, step, noting)
    monkeypatch.setattr("node.api.events.REST_SECONDS_MIN", rest_seconds)
    monkeypatch.setattr("node.api.events.READ_SECONDS", 0.5)  # enough on any machine

    async def scenario(served: ApiTown) -> None:
        rested = asyncio.Event()

        async def sleep_or_rest(seconds: float) -> None:
            await (rested.wait() if seconds == rest_seconds else sleep(seconds))

        monkeypatch.setattr(asyncio, "sleep", sleep_or_rest)
        _take_at_most(0, served, monkeypatch)
        raws = [bytes([number]) for number in range(6)]
        expected = [[hash_bytes("tx", raw).hex(), "mempool_full"] for raw in raws]
        async with served.socket() as socket:
            await socket.send_bytes(raws[0])
            assert (await next_of(socket, "submitted"))["results"] == expected[:1]
            for raw in raws[1:5]:
                await socket.send_bytes(raw)
                await sleep(0.02)  # each would be answered by itself
            assert steps[-1:] == ["pause_reading"]  # TCP holds what comes, not this node
            rested.set()
            told = await next_of(socket, "submitted")
            assert told["results"] == expected[1:5] and "retry_after_ms" in told
            assert steps[-1:] == ["resume_reading"]
            await socket.send_bytes(raws[5])
            assert (await next_of(socket, "submitted"))["results"] == expected[5:]

    play(tmp_path, scenario)


def test_who_sends_on_unheeding_is_read_the_less() -> None:
    one = Subscriber(web.WebSocketResponse(), lambda: None, Unsent(), int)
    busy = Submission(bytes(32), "busy", Refused("mempool_full"))
    one.put_result(Submission(bytes(32), "accepted"))
    one.put_result(Submission(bytes(32), "refused", Refused("balance_too_low")))
    assert one.rest_seconds() == 0
    one.put_result(busy)
    assert one.rest_seconds() == REST_SECONDS_MIN
    assert one.rest_seconds() == 0
    for _ in range(10_000):
        one.put_result(busy)
    assert one.rest_seconds() == 10_000 * REST_SECONDS_EACH


@pytest.mark.parametrize(("small_pool", "own_waiting_max"), [(0, 2), (2, 0)])
def test_what_waits_is_known_and_what_members_pass_on_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pool: int, own_waiting_max: int
) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        payer, payee = await town.people(2, 1_000)
        # Two of four can't agree, so what is accepted waits.
        await town.stop(1, 2)
        intake = town.nodes[0]._running.intake
        monkeypatch.setattr("node.admission.SMALL_POOL", small_pool)
        intake._admission.own_waiting_max = own_waiting_max
        raws = [town.pay(payer, payee, 1) for _ in range(4)]
        states = [answer.state for answer in await town.nodes[0].submit_many(raws[:3])]
        assert states == ["accepted", "accepted", "busy"]
        again = [answer.state for answer in await town.nodes[0].submit_many(raws[:3])]
        assert again == ["known", "known", "busy"]
        intake.submit_all(raws[3:])
        while town.nodes[0].transaction_status(hash_bytes("tx", raws[3])).state != "pending":
            await asyncio.sleep(0.01)
        await town.stop()

    asyncio.run(scenario())


def test_a_node_that_is_behind_says_when_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        node = town.nodes[0]
        monkeypatch.setattr(node._running, "is_current", lambda: False)
        assert node.retry_after_ms() == NOT_READY_RETRY_MS
        await town.stop()
        assert node.retry_after_ms() == NOT_READY_RETRY_MS

    asyncio.run(scenario())


def _take_at_most(count: int, served: ApiTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of our clients', whatever becomes final meanwhile."""
    monkeypatch.setattr("node.admission.SMALL_POOL", 0)
    monkeypatch.setattr("node.admission.OWN_WAITING_MIN", count)
    monkeypatch.setattr("node.admission.WAITING_SECONDS", 0)
    served.node._running.intake._admission.own_waiting_max = count


def test_the_replica_hears_while_more_comes_than_is_checked_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        people = await town.people(20, 100_000)
        engine = machinery_of(town.nodes[0]).engine
        told: list[WorkChanged] = []
        tell = engine.tell

        def noting(event: Event) -> None:
            if isinstance(event, WorkChanged):
                told.append(event)
            tell(event)

        monkeypatch.setattr(engine, "tell", noting)
        raws = [
            town.pay(payer, people[number % 19], 1)
            for number in range(BEHIND_TRANSACTIONS // 10)
            for payer in people
            if payer is not people[number % 19]
        ]
        answers = await town.settle(0, raws)
        assert {answer.state for answer in answers} == {"accepted"}
        assert any(event.is_behind for event in told)
        await until(lambda: not told[-1].is_behind)

    play(tmp_path, scenario)
