"""Asking the one node that keeps the registry: patience, refusals with lines, signed statements."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from ledger.consent_statements import consent_message
from primitives.addresses import format_address
from primitives.errors import Refused
from primitives.signatures import verify
from terminal.line_refusals import LinesRefused
from tests.wallet.people import PEOPLE
from wallet.consents import sign_consent
from wallet.home_node import HomeNode
from wallet.lane_owner import LaneOwner
from wallet.node_client import NodeClient

NETWORK_ID = bytes(32)
Handler = Callable[[web.Request], Awaitable[web.Response]]


def _played(handler: Handler, *, patience_ms: int = 5_000) -> object:
    """One POST to a server that answers with `handler`."""

    async def play() -> object:
        application = web.Application()
        application.add_routes([web.post("/v1/x", handler)])
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with NodeClient([url], NETWORK_ID) as client:
                home = HomeNode(client, PEOPLE[0].key, patience_ms=patience_ms)
                return await home.post("/v1/x", {"é": 1}, reason="why")
        finally:
            await runner.cleanup()

    return asyncio.run(play())


def test_a_node_that_comes_back_answers() -> None:
    asked: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(await request.read())
        if len(asked) < 3:
            return web.json_response({"code": "node_not_ready"}, status=503)
        assert request.headers["Democite-Reason"] == "why"
        assert request.headers["Authorization"].startswith("Democite key=")
        return web.json_response({"done": True})

    assert _played(handler) == {"done": True}
    assert asked == ['{"é":1}'.encode()] * 3


def test_a_busy_node_says_how_long_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def pause(told_ms: int, times_refused: int) -> float:
        told.append(told_ms)
        return 0.0

    async def handler(_: web.Request) -> web.Response:
        if len(told) < 2:
            return web.json_response({"code": "mempool_full", "retry_after_ms": 650}, status=503)
        return web.json_response({"done": True})

    monkeypatch.setattr("wallet.home_node.pause_seconds", pause)
    assert _played(handler) == {"done": True}
    assert told == [650, 650]


def test_patience_ends() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"code": "node_busy"}, status=503)

    with pytest.raises(Refused, match="node_unreachable"):
        _played(handler, patience_ms=500)


def test_refusals_come_with_their_lines() -> None:
    listed = [
        {"line": 3, "field": "local_share", "code": "wage_share_above_cap", "detail": "x",
         "allowed_minor": 5},
        {"line": None, "field": None, "code": "activity_unconfirmed", "detail": "", "person": "p"},
        {"code": "not a code"}, 7,
    ]  # fmt: skip

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(
            {"code": "wage_share_above_cap", "refusals": listed},
            status=422,
            content_type="application/problem+json",
        )

    with pytest.raises(LinesRefused) as caught:
        _played(handler)
    first, second = caught.value.refusals
    assert (first.line, first.field, first.allowed_minor) == (3, "local_share", 5)
    assert (second.line, dict(second.about)) == (None, {"person": "p"})


def test_a_consent_is_signed_for_one_pair_and_moment() -> None:
    alice, baker = PEOPLE[0], PEOPLE[1]
    owner = LaneOwner(alice.prefix, alice.account_id, alice.key)
    statement = sign_consent(NETWORK_ID, owner, baker.address, given=True, time_ms=7)
    message = consent_message(NETWORK_ID, alice.account_id, baker.account_id, True, 7)
    assert verify(statement.key, message, statement.signature)
    assert statement.to_json()["account"] == format_address("arden", alice.account_id)
    other = consent_message(NETWORK_ID, alice.account_id, baker.account_id, False, 7)
    assert not verify(statement.key, other, statement.signature)
