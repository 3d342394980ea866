"""What a newcomer asks over HTTP: who lies is asked no more, who is silent is passed over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from consensus.cometbft.certified import CertifiedHeader
from consensus.cometbft.rpc_json import signed_header_from_json, validators_from_json
from node.engines.cometbft.epoch_proofs import ProvedEpochs, write_proofs
from node.engines.cometbft.light_answers import LightAnswers
from node.engines.cometbft.light_door import LightQuestion
from node.engines.cometbft.members_asked import SMALL_BYTES_MAX, MembersAsked, NoAnswer
from node.engines.cometbft.rpc import RpcRefused
from node.engines.cometbft.sync_trust import SyncTrust
from primitives.errors import Refused
from tests.node.cometbft.signed_chain import SignedChain
from tests.node.cometbft.test_epoch_proofs import a_chain

MS_PER_DAY = 86_400_000
Bend = Callable[[web.Request, bytes], bytes | web.Response]


def honest(request: web.Request, raw: bytes) -> bytes:
    return raw


def last_bit(request: web.Request, raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def garbage(request: web.Request, raw: bytes) -> bytes:
    return b"[" * 9_000


def endless(request: web.Request, raw: bytes) -> bytes:
    return bytes(9 << 20)


def elsewhere(request: web.Request, raw: bytes) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


def busy(request: web.Request, raw: bytes) -> web.Response:
    return web.Response(status=503)


@asynccontextmanager
async def members(chain: SignedChain, bends: dict[str, Bend]) -> AsyncIterator[MembersAsked]:
    """Servers that tell of this chain, each in its own way."""
    runners, urls = list[web.AppRunner](), dict[str, str]()
    for name, bend in bends.items():

        async def answer(request: web.Request, bend: Bend = bend) -> web.Response:
            raw = told(chain, request)
            if raw is None:
                return web.Response(status=404)
            found = bend(request, raw)
            return found if isinstance(found, web.Response) else web.Response(body=found)

        app = web.Application()
        app.router.add_get("/{rest:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        urls[name] = f"http://127.0.0.1:{port}"
    try:
        async with MembersAsked(urls) as asked:
            yield asked
    finally:
        for runner in runners:
            await runner.cleanup()


def told(chain: SignedChain, request: web.Request) -> bytes | None:
    """As a member's node tells it."""
    last = max(chain.headers)
    if request.path == "/v1/status":
        return b'{"height": %d}' % last
    if request.path == "/v1/cometbft/snapshots":
        return b'{"heights": [%d, 3]}' % (last - 3)
    if request.path == "/v1/cometbft/epochs":
        first = int(request.query["from"])
        numbers = range(first, len(chain.epochs))
        return write_proofs(chain.proof(number).value() for number in numbers)
    word = request.path.rpartition("/")[2]
    height = last if word == "latest" else int(word)
    if height not in chain.headers:
        return None
    signed = chain.signed(height)
    return CertifiedHeader(signed.header, signed.commit).encode()


def play(
    chain: SignedChain,
    bends: dict[str, Bend],
    work: Callable[[MembersAsked, LightAnswers, ProvedEpochs], Awaitable[None]],
) -> None:
    async def go() -> None:
        async with members(chain, bends) as asked:
            proved = ProvedEpochs(chain.genesis)
            await work(asked, LightAnswers(proved, asked), proved)

    asyncio.run(go())


@pytest.mark.parametrize("lie", [last_bit, garbage, endless])
def test_a_liar_is_set_aside_and_the_others_asked(tmp_path: Path, lie: Bend) -> None:
    chain = a_chain(tmp_path)
    last = max(chain.headers)

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        assert set(await asked.heights()) <= {"a", "b"}
        signed = await answers.header(last)
        assert signed.header == chain.headers[last]
        assert asked.names == ["b"]
        assert proved.newest.number == len(chain.epochs) - 1
        assert (await answers.header(2)).header == chain.headers[2]

    play(chain, {"a": lie, "b": honest}, work)


@pytest.mark.parametrize("away", [elsewhere, busy])
def test_who_does_not_answer_is_asked_again_later(tmp_path: Path, away: Bend) -> None:
    chain = a_chain(tmp_path)

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        await answers.follow()
        assert (await answers.header(4)).header == chain.headers[4]
        assert asked.names == ["b", "a"]
        with pytest.raises(NoAnswer):
            await answers.header(max(chain.headers) + 1)

    play(chain, {"a": away, "b": honest}, work)


def test_nobody_sends_a_question_on_to_another_address(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)

    async def go() -> None:
        async with members(chain, {"b": honest}) as others:

            def there(request: web.Request, raw: bytes) -> web.Response:
                place = others._urls["b"] + request.path_qs
                return web.Response(status=302, headers={"Location": place})

            async with members(chain, {"a": there}) as asked:
                assert await asked.heights() == {}
                with pytest.raises(NoAnswer):
                    await asked.header("a", 3)

    asyncio.run(go())


def test_an_answer_that_is_too_long_is_none_however_it_begins(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)

    def padded(request: web.Request, raw: bytes) -> bytes:
        return raw + b" " * SMALL_BYTES_MAX

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        assert set(await asked.heights()) == {"b"}
        assert set(await asked.snapshots()) == {"b"}

    play(chain, {"a": padded, "b": honest}, work)


def test_where_all_lie_nothing_is_believed(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        with pytest.raises(NoAnswer):
            await answers.header(3)
        assert asked.names == []
        with pytest.raises(NoAnswer):
            await answers.follow()
        assert proved.newest.number == 0

    play(chain, {"a": last_bit, "b": garbage}, work)


def test_the_light_client_hears_what_was_proved(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)
    last = max(chain.headers)

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        told = await answers(LightQuestion("commit", last))
        signed = signed_header_from_json(told["signed_header"])
        assert signed == chain.signed(last)
        sets = await answers(LightQuestion("validators", last))
        assert validators_from_json(sets["validators"]) == chain.set_at(last)
        turns = {row["address"]: int(row["proposer_priority"]) for row in sets["validators"]}
        assert sum(turns.values()) in range(-len(turns), len(turns))
        params = await answers(LightQuestion("consensus_params", last))
        number = str(len(chain.epochs) - 1)
        assert params["consensus_params"]["block"]["max_gas"] == number
        with pytest.raises(RpcRefused):
            await answers(LightQuestion("validators", None))

    play(chain, {"a": honest}, work)


def test_old_keys_lead_to_today_by_more_than_their_own_word(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)
    last = max(chain.headers)
    much_later = chain.genesis.time_ms + 91 * MS_PER_DAY

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        root = await answers.header(last)

        def trust(checkpoint: tuple[int, bytes] | None, now_ms: int = much_later) -> SyncTrust:
            return SyncTrust(chain.genesis, proved, answers, asked, checkpoint, lambda: now_ms)

        await trust(None, chain.genesis.time_ms).check(root)
        # Two of four founders have the header; at most one of them lies.
        await trust(None).check(root)
        asked.set_aside("town1", Refused("node_answer_malformed"))
        with pytest.raises(Refused, match="history_unconfirmed"):
            await trust(None).check(root)
        await trust((last, root.header.hash)).check(root)
        with pytest.raises(Refused, match="history_differs"):
            await trust((last, bytes(32))).check(root)
        # One of a height that lies before the newest epoch leads nowhere by itself.
        with pytest.raises(Refused, match="history_unconfirmed"):
            await trust((2, chain.headers[2].hash)).check(root)
        assert trust(None).period_s(root) * 1_000 > 90 * MS_PER_DAY

    play(chain, {"town0": honest, "town1": honest, "nobody": honest}, work)


def test_a_header_of_another_height_or_epoch_is_none(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)

    def other(request: web.Request, raw: bytes) -> bytes:
        if "/headers/" not in request.path:
            return raw
        signed = chain.signed(2)
        return CertifiedHeader(signed.header, signed.commit).encode()

    def unsigned(request: web.Request, raw: bytes) -> bytes:
        if "/headers/" not in request.path:
            return raw
        signed = chain.signed(3)
        bent = replace(signed.header, app_hash=bytes(32))
        return CertifiedHeader(bent, signed.commit).encode()

    async def work(asked: MembersAsked, answers: LightAnswers, proved: ProvedEpochs) -> None:
        with pytest.raises(NoAnswer):
            await answers.header(3)
        assert asked.names == []

    play(chain, {"a": other, "b": unsigned}, work)
