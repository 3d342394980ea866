"""The signer as CometBFT meets it, and that a kill forgets nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.engines.cometbft.descriptors import message_class
from node.engines.cometbft.frames import FrameReader, frame
from node.engines.cometbft.signed_last import SignedLastFile
from node.engines.cometbft.signer import Signer, SignerLink
from primitives.signatures import SigningKey
from tests.architecture.sources import ROOT
from tests.node.cometbft.client import PATIENCE_SECONDS
from tests.node.cometbft.signing import (
    CHAIN,
    PREVOTE,
    PROPOSAL,
    a_request,
    ask,
    failing_write,
    new_signer,
)

# -- processes --------------------------------------------------------------------------------

_SIGNING = """
import sys
from pathlib import Path
from tests.node.cometbft import signing as t
signer = t.new_signer(Path(sys.argv[1]))
for height in range(int(sys.argv[2]), 10**9):
    for kind in (t.PROPOSAL, t.PREVOTE, t.PRECOMMIT):
        found = t.ask(signer, t.a_request(kind, height, time_ns=height))
        print(height, kind, t.signed_bytes(found).hex(), flush=True)
"""


def test_a_kill_forgets_nothing_that_was_signed(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    height = 1
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", _SIGNING, str(path), str(height)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        last = [line for line in lines if line.endswith("\n")][-1]
        height, kind = (int(word) for word in last.split()[:2])
        signer = new_signer(path)
        assert ask(signer, a_request(kind, height, block=b"c" * 32, time_ns=height)) is None
        assert ask(signer, a_request(PROPOSAL, height - 1, block=b"c" * 32)) is None
        height += 2


class Comet:
    """CometBFT's end: listens, asks one thing at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connected: asyncio.Queue[Any] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.connected.put((reader, writer))

        self._server = await asyncio.start_unix_server(serve, self.path)

    async def connection(self) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.connected.get()

    async def ask(self, connection: Any, request: Any) -> Any:
        reader, writer = connection
        writer.write(frame(request.SerializeToString()))
        frames = FrameReader(10 * 1024)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                data = await reader.read(65536)
                if not data:
                    raise EOFError
                for raw in frames.feed(data):
                    return message_class("privval.Message").FromString(raw)

    def close(self) -> None:
        assert self._server is not None
        self._server.close()


def test_the_link_dials_answers_and_dials_again(tmp_path: Path) -> None:
    async def go() -> None:
        fatal: list[str] = []
        link = SignerLink(tmp_path / "s.sock", new_signer(tmp_path / "signed.json"), fatal.append)
        link.start()
        await asyncio.sleep(0.1)  # nobody listens yet
        comet = Comet(tmp_path / "s.sock")
        await comet.listen()
        first = await comet.connection()
        answer = await comet.ask(first, a_request(PREVOTE))
        assert answer.signed_vote_response.vote.signature
        first[1].close()
        second = await comet.connection()
        answer = await comet.ask(second, a_request(PREVOTE, block=b"c" * 32))
        assert answer.signed_vote_response.error.code

        other = SigningKey.from_seed(b"w" * 32)
        file = SignedLastFile.create(tmp_path / "other.json", CHAIN, other.public_key)
        await link.replace(Signer(other, file))
        request = message_class("privval.Message")()
        request.pub_key_request.chain_id = CHAIN
        told = await comet.ask(second, request)
        assert told.pub_key_response.pub_key.ed25519 == other.public_key
        assert not fatal
        await link.stop()
        with pytest.raises(EOFError):
            await comet.ask(second, request)
        comet.close()

    asyncio.run(go())


@pytest.mark.parametrize("raw", [frame(b"\xff\xff"), frame(b""), frame(bytes(11_000))])
def test_what_is_no_request_ends_the_signing(tmp_path: Path, raw: bytes) -> None:
    async def go() -> None:
        fatal: list[str] = []
        link = SignerLink(tmp_path / "s.sock", new_signer(tmp_path / "signed.json"), fatal.append)
        comet = Comet(tmp_path / "s.sock")
        await comet.listen()
        link.start()
        reader, writer = await comet.connection()
        writer.write(raw)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read(10) == b""
        assert len(fatal) == 1
        await link.stop()
        comet.close()

    asyncio.run(go())


def test_a_broken_disk_ends_the_signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "node.engines.cometbft.signed_last.write_in_place", failing_write(written=True)
    )

    async def go() -> None:
        fatal: list[str] = []
        link = SignerLink(tmp_path / "s.sock", new_signer(tmp_path / "signed.json"), fatal.append)
        comet = Comet(tmp_path / "s.sock")
        await comet.listen()
        link.start()
        with pytest.raises(EOFError):
            await comet.ask(await comet.connection(), a_request(PREVOTE))
        assert "Input/output" in fatal[0]
        await link.stop()
        comet.close()

    asyncio.run(go())
