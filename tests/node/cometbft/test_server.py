"""The ABCI socket: order, bounds, and that what goes wrong stops both sides."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.engines.cometbft import server as abci_server
from node.engines.cometbft.application import Application
from node.engines.cometbft.frames import frame
from node.engines.cometbft.requests import (
    RequestCheckTx,
    RequestCommit,
    RequestFinalizeBlock,
    RequestInfo,
)
from node.engines.cometbft.responses import (
    ResponseCheckTx,
    ResponseCommit,
    ResponseFinalizeBlock,
    ResponseInfo,
)
from node.engines.cometbft.server import CHECKS_MAX, CONNECTIONS_MAX, AbciServer
from primitives.errors import InvariantBroken, Refused
from tests.node.cometbft.client import PATIENCE_SECONDS, AbciClient
from tests.node.cometbft.ledger_of_words import APP_VERSION, BAD_WORD, WordLedger


class Town:
    """A server, its socket, and what it told the node."""

    def __init__(self, server: AbciServer, fatal: list[str], calls: list[str]) -> None:
        self.server = server
        self.fatal = fatal
        self.calls = calls

    async def connect(self) -> AbciClient:
        return await AbciClient.connect(self.server.path)


@asynccontextmanager
async def serving(
    folder: Path, application: Application, *, request_bytes_max: int = 1024 * 1024
) -> AsyncIterator[Town]:
    fatal: list[str] = []
    calls: list[str] = []
    server = AbciServer(
        folder / "run" / "abci.sock",
        application,
        fatal.append,
        request_bytes_max=request_bytes_max,
        on_call=calls.append,
    )
    await server.start()
    try:
        yield Town(server, fatal, calls)
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.stop()


async def wait_until(condition: object) -> None:
    """Until it holds."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_block_goes_through(tmp_path: Path) -> None:
    ledger = WordLedger(tmp_path / "words.json")

    async def go() -> None:
        async with serving(tmp_path, ledger) as town:
            client = await town.connect()
            assert (await client.ask("echo", message="salut")).message == "salut"
            begun = await client.ask("info", version="0.38.25")
            assert (begun.app_version, begun.last_block_height) == (APP_VERSION, 0)
            await client.ask("init_chain", chain_id="words", initial_height=1)
            assert (await client.ask("check_tx", tx=b"pain")).code == 0
            assert (await client.ask("check_tx", tx=BAD_WORD)).code == 1
            prepared = await client.ask(
                "prepare_proposal", max_tx_bytes=1000, txs=[b"pain", BAD_WORD], height=1
            )
            assert list(prepared.txs) == [b"pain"]
            judged = await client.ask("process_proposal", txs=[b"pain"], height=1)
            assert judged.status == 1
            assert (await client.ask("process_proposal", txs=[BAD_WORD], height=1)).status == 2
            done = await client.ask("finalize_block", txs=[b"pain"], height=1)
            assert [result.code for result in done.tx_results] == [0]
            await client.ask("commit")
            told = await client.ask("info")
            assert (told.last_block_height, told.last_block_app_hash) == (1, done.app_hash)
            assert town.calls[-3:] == ["finalize_block", "commit", "info"]
            assert not town.fatal
            await client.close()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await town.server.wait_disconnected()

    asyncio.run(go())
    assert WordLedger(tmp_path / "words.json").committed.words == ["pain"]


def test_only_the_owner_reaches_the_socket(tmp_path: Path) -> None:
    async def go() -> None:
        async with serving(tmp_path, WordLedger(tmp_path / "w")) as town:
            path = town.server.path
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(go())


def test_a_folder_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)

    async def go() -> None:
        async with serving(tmp_path, WordLedger(tmp_path / "w")):
            pass

    with pytest.raises(Refused, match="folder_not_private"):
        asyncio.run(go())


def test_a_path_that_the_system_would_cut_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with serving(tmp_path / ("x" * 100), WordLedger(tmp_path / "w")):
            pass

    with pytest.raises(Refused, match="socket_path_too_long"):
        asyncio.run(go())


class Slow(WordLedger):
    """Checks take until they are released; the others see how many wait together."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.waiting = 0
        self.most = 0
        self.release = asyncio.Event()
        self.committing = asyncio.Event()
        self.committed_whole = False

    async def check_tx(self, request: RequestCheckTx) -> ResponseCheckTx:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.release.wait()
        self.waiting -= 1
        return ResponseCheckTx(data=request.tx)

    async def finalize_block(self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock:
        assert not self.waiting
        return await super().finalize_block(request)

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        self.committing.set()
        await self.release.wait()
        answer = await super().commit(request)
        self.committed_whole = True
        return answer


def test_checks_run_together_and_are_answered_in_order(tmp_path: Path) -> None:
    async def go() -> None:
        ledger = Slow(tmp_path / "w")
        async with serving(tmp_path, ledger) as town:
            client = await town.connect()
            count = CHECKS_MAX + 50
            for n in range(count):
                client.send("check_tx", tx=b"%d" % n)
            client.send("flush")
            client.send("finalize_block", height=1)
            await wait_until(lambda: ledger.waiting > 200)
            assert "finalize_block" not in town.calls
            ledger.release.set()
            for n in range(count):
                name, answer = await client.receive()
                assert (name, answer.data) == ("check_tx", b"%d" % n)
            assert (await client.receive())[0] == "flush"
            assert (await client.receive())[0] == "finalize_block"
            # One more is held by the reader, one by who sends.
            assert ledger.most <= CHECKS_MAX + 2

    asyncio.run(go())


def test_a_commit_goes_on_when_who_asked_is_gone(tmp_path: Path) -> None:
    async def go() -> None:
        ledger = Slow(tmp_path / "w")
        async with serving(tmp_path, ledger) as town:
            client = await town.connect()
            await client.ask("finalize_block", txs=[b"pain"], height=1)
            client.send("commit")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await ledger.committing.wait()
            await client.close()
            gone = asyncio.ensure_future(town.server.wait_disconnected())
            await asyncio.sleep(0.05)
            assert not gone.done()
            ledger.release.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await gone
            assert ledger.committed_whole
            assert not town.fatal

    asyncio.run(go())


class Broken(WordLedger):
    """Raises what it is told to."""

    def __init__(self, file: Path, error: Exception) -> None:
        super().__init__(file)
        self._error = error

    async def info(self, request: RequestInfo) -> ResponseInfo:
        raise self._error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvariantBroken("two roots"), "two roots"),
        (Refused("network_mismatch", "another genesis"), "network_mismatch: another genesis"),
        # What an unexpected one says may hold what is nobody's business.
        (KeyError("FRARD1secret"), "KeyError in the application"),
    ],
)
def test_what_goes_wrong_stops_both_sides(tmp_path: Path, error: Exception, told: str) -> None:
    async def go() -> None:
        async with serving(tmp_path, Broken(tmp_path / "w", error)) as town:
            client = await town.connect()
            client.send("echo", message="1")
            client.send("info")
            client.send("echo", message="2")
            client.send("flush")
            assert (await client.receive())[0] == "echo"
            name, answer = await client.receive()
            assert (name, answer.error) == ("exception", told)
            with pytest.raises(EOFError):
                await client.receive()
            assert town.fatal == [told]

    asyncio.run(go())


@pytest.mark.parametrize("name", ["extend_vote", "verify_vote_extension"])
def test_vote_extensions_are_refused(tmp_path: Path, name: str) -> None:
    async def go() -> None:
        async with serving(tmp_path, WordLedger(tmp_path / "w")) as town:
            client = await town.connect()
            answer = await client.ask(name, height=1)
            assert name in answer.error
            assert len(town.fatal) == 1

    asyncio.run(go())


@pytest.mark.parametrize(
    "raw",
    [
        frame(b"\x00" * 2048),
        b"\xff\xff\xff\xff\x7f",  # a length of 32 GiB
        b"\xff" * 16,  # no length
        frame(b"\xff\xff\xff"),  # no message
        frame(b""),  # a message without a call
    ],
)
def test_what_is_no_request_is_refused_before_it_is_held(tmp_path: Path, raw: bytes) -> None:
    async def go() -> None:
        ledger = WordLedger(tmp_path / "w")
        async with serving(tmp_path, ledger, request_bytes_max=1024) as town:
            client = await town.connect()
            client.send_raw(raw)
            name, _ = await client.receive()
            assert name == "exception"
            assert len(town.fatal) == 1
            assert not town.calls

    asyncio.run(go())


def test_a_request_comes_in_any_pieces(tmp_path: Path) -> None:
    async def go() -> None:
        async with serving(tmp_path, WordLedger(tmp_path / "w")) as town:
            client = await town.connect()
            raw = frame(b"\x0a\x07\x0a\x05salut") + frame(b"\x12\x00")  # echo, flush
            for byte in raw:
                client.send_raw(bytes([byte]))
                await client.writer.drain()
                await asyncio.sleep(0)
            assert (await client.receive())[1].message == "salut"
            assert (await client.receive())[0] == "flush"

    asyncio.run(go())


def test_a_fifth_connection_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with serving(tmp_path, WordLedger(tmp_path / "w")) as town:
            clients = [await town.connect() for _ in range(CONNECTIONS_MAX)]
            for client in clients:
                await client.ask("echo", message="1")
            fifth = await town.connect()
            with pytest.raises((EOFError, ConnectionError)):
                await fifth.ask("echo", message="1")
            assert not town.fatal
            await clients[0].close()
            await wait_until(lambda: town.server.connections == CONNECTIONS_MAX - 1)
            assert (await (await town.connect()).ask("echo", message="1")).message == "1"

    asyncio.run(go())


def test_every_call_of_the_application_has_a_name_in_the_grammar() -> None:
    calls = {name for name in vars(Application) if not name.startswith("_")}
    assert calls == set(abci_server._NAMES.values())
