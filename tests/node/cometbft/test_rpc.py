"""CometBFT's RPC, as the node asks it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from node.engines.cometbft import rpc as comet_rpc
from node.engines.cometbft.rpc import (
    CometRpc,
    PoolFull,
    RpcRefused,
    RpcUnavailable,
    TransactionKnown,
)
from tests.node.cometbft.ledger_of_words import BAD_WORD
from tests.node.cometbft.network import living, new_places, until


@asynccontextmanager
async def answering(folder: Path, raw: bytes) -> AsyncIterator[CometRpc]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=raw)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "rpc.sock")).start()
    try:
        async with CometRpc(folder / "rpc.sock") as rpc:
            yield rpc
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"[" * 9999,
        b"[]",
        b"3",
        json.dumps({"error": {"message": "m", "data": "d"}}).encode(),
        json.dumps({"error": 3}).encode(),
    ],
)
def test_what_is_no_result_is_a_refusal(tmp_path: Path, raw: bytes) -> None:
    async def go() -> None:
        async with answering(tmp_path, raw) as rpc:
            with pytest.raises(RpcRefused, match="status"):
                await rpc.status()

    asyncio.run(go())


def test_a_full_pool_is_told_apart(tmp_path: Path) -> None:
    told = "mempool is full: number of txs 5 (max: 5), total txs bytes 9 (max: 9)"
    raw = json.dumps({"error": {"message": "Internal error", "data": told}}).encode()

    async def go() -> None:
        async with answering(tmp_path, raw) as rpc:
            with pytest.raises(PoolFull):
                await rpc.broadcast(b"x")

    asyncio.run(go())


def test_a_long_answer_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comet_rpc, "RESPONSE_BYTES_MAX", 100)

    async def go() -> None:
        async with answering(tmp_path, b'{"result": "' + b"x" * 90 + b'"}') as rpc:
            with pytest.raises(RpcRefused, match="too long"):
                await rpc.call("block")
        async with answering(tmp_path, b'{"result": "' + b"x" * 60 + b'"}') as rpc:
            assert await rpc.call("block") == "x" * 60

    asyncio.run(go())


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    async def go() -> None:
        async with CometRpc(tmp_path / "none.sock") as rpc:
            with pytest.raises(RpcUnavailable):
                await rpc.status()

    asyncio.run(go())


@pytest.mark.process
@pytest.mark.usefixtures("cometbft")
def test_the_real_one_answers(tmp_path: Path) -> None:
    async def go() -> None:
        (place,) = new_places(tmp_path, ["arden"])
        async with living([place]):
            await place.say("one")
            await until(lambda: "one" in place.words.words)
            rpc = place.rpc
            assert (await rpc.broadcast(BAD_WORD)).code == 1
            assert (await rpc.broadcast(BAD_WORD)).code == 1  # asked again, not remembered
            with pytest.raises(TransactionKnown):
                await rpc.broadcast(b"one")  # final already
            await rpc.broadcast(b"two")
            with pytest.raises(TransactionKnown):
                await rpc.broadcast(b"two")
            with pytest.raises(RpcRefused):
                await rpc.broadcast(bytes(2048))
            await until(lambda: "two" in place.words.words)
            height = await rpc.height()
            assert height >= 2
            signed = (await rpc.commit(height))["signed_header"]
            block = await rpc.block(height)
            assert block["block"]["header"] == signed["header"]
            assert (await rpc.validators(height))["total"] == "1"
            assert await rpc.peers() == []
            assert await rpc.pool_transactions() == 0
            with pytest.raises(RpcRefused):
                await rpc.commit(height + 1000)
            with pytest.raises(RpcRefused):
                await rpc.call("no_such_method")

    asyncio.run(go())
