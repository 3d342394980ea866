"""The door through which a new node's CometBFT asks others: three questions, and no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.engines.cometbft.light_door import METHODS, LightDoor, LightQuestion, Source
from node.engines.cometbft.rpc import CometRpc, RpcRefused, RpcUnavailable


@asynccontextmanager
async def open_door(folder: Path, source: Source) -> AsyncIterator[CometRpc]:
    door = LightDoor(folder / "doors" / "1.sock", source)
    await door.open()
    try:
        async with CometRpc(folder / "doors" / "1.sock") as rpc:
            yield rpc
    finally:
        await door.close()
    assert list((folder / "doors").iterdir()) == []


def test_three_questions_are_passed_on(tmp_path: Path) -> None:
    heard: list[LightQuestion] = []

    async def source(question: LightQuestion) -> Any:
        heard.append(question)
        return {"height": question.height}

    async def go() -> None:
        async with open_door(tmp_path, source) as rpc:
            assert await rpc.commit(7) == {"height": 7}
            assert await rpc.validators(8) == {"height": 8}
            assert await rpc.call("consensus_params", height=None) == {"height": None}

    asyncio.run(go())
    assert heard == [
        LightQuestion("commit", 7),
        LightQuestion("validators", 8),
        LightQuestion("consensus_params", None),
    ]
    assert {question.method for question in heard} == set(METHODS)


@pytest.mark.parametrize(
    ("method", "height"),
    [
        ("block", "5"),
        ("broadcast_tx_sync", None),
        ("dial_peers", None),
        (["commit"], "5"),
        (None, None),
        ("commit", "0"),
        ("commit", "-1"),
        ("commit", "1" * 30),
        ("commit", 1.5),
        ("commit", True),
        ("commit", {"a": 1}),
        ("commit", "٣"),
    ],
)
def test_others_are_not(tmp_path: Path, method: Any, height: Any) -> None:
    async def source(question: LightQuestion) -> Any:
        raise AssertionError(question)

    async def go() -> None:
        async with open_door(tmp_path, source) as rpc:
            with pytest.raises(RpcRefused, match="not answered here"):
                await rpc.call(method, height=height)

    asyncio.run(go())


@pytest.mark.parametrize("raw", [b"", b"[]", b"[" * 3000, b"\xff", b"3"])
def test_what_is_no_question_is_refused(tmp_path: Path, raw: bytes) -> None:
    async def source(question: LightQuestion) -> Any:
        raise AssertionError(question)

    async def go() -> None:
        async with open_door(tmp_path, source):
            connector = aiohttp.UnixConnector(path=str(tmp_path / "doors" / "1.sock"))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.post("http://x/", data=raw) as answer,
            ):
                assert "error" in await answer.json()

    asyncio.run(go())


@pytest.mark.parametrize(
    "error", [RpcRefused("height 9 must be less than or equal to 5"), RpcUnavailable("commit")]
)
def test_a_member_that_can_not_answer_is_heard(tmp_path: Path, error: Exception) -> None:
    async def source(question: LightQuestion) -> Any:
        raise error

    async def go() -> None:
        async with open_door(tmp_path, source) as rpc:
            with pytest.raises(RpcRefused, match=str(error)):
                await rpc.commit(9)

    asyncio.run(go())
