"""The ABCI server: CometBFT's requests in, the application's responses out, in order.

Rules of this file:
- A connection's calls are made one after another; only CheckTx runs several at a time. Responses
  leave in the order of the requests. See `application` for what follows from that.
- A call that began is never cut off: a commit goes on when CometBFT dies meanwhile.
- A request is bounded by its length before it is held.
- What goes wrong is answered as an exception, upon which CometBFT stops, and told to the node.

Source: CometBFT v0.38, `abci/server/socket_server.go`, `abci/client/socket_client.go`.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog

from node.engines.cometbft import requests as asked
from node.engines.cometbft.application import Application
from node.engines.cometbft.frames import FrameReader, frame
from node.engines.cometbft.local_socket import listen, remove_socket
from node.engines.cometbft.requests import Request
from node.engines.cometbft.responses import Response
from node.engines.cometbft.wire import (
    Echo,
    Flush,
    ResponseException,
    decode_request,
    encode_response,
)
from primitives.errors import InvariantBroken, Refused

CONNECTIONS_MAX = 4
"""Consensus, mempool, query, snapshot."""

CHECKS_MAX = 256
"""CheckTx calls of a connection that run at a time; CometBFT queues as many."""

REQUEST_BYTES_MAX = 32 * 1024 * 1024
"""A snapshot's chunk has 16 MiB at most, a block `block_bytes_max`."""

READ_BYTES = 256 * 1024

Answer = Response | Echo | Flush


class AbciServer:
    """Listens on `path` and calls `application`.

    `on_fatal` is told why the node must stop. `on_call`, where given, is told the name of each
    call before it is made, as CometBFT's grammar names it; for tests.
    """

    def __init__(
        self,
        path: Path,
        application: Application,
        on_fatal: Callable[[str], None],
        *,
        request_bytes_max: int = REQUEST_BYTES_MAX,
        on_call: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self._application = application
        self._on_fatal = on_fatal
        self._on_call = on_call
        self._request_bytes_max = request_bytes_max
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._log = structlog.get_logger("abci")

    async def start(self) -> None:
        """Listen. Raises `Refused`: `folder_not_private`, `socket_path_too_long`."""
        self._stopping = False
        self._server = await listen(self.path, self._serve)

    async def stop(self) -> None:
        """Take no more requests; return once the calls that began are done."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._connections):
            writer.close()
        await self._idle.wait()
        remove_socket(self.path)

    @property
    def connections(self) -> int:
        """How many there are; CometBFT opens four."""
        return len(self._connections)

    async def wait_disconnected(self) -> None:
        """Until the last connection is gone and the last call done: a CometBFT that starts before
        would be told of a state that a commit of the one before is still changing."""
        await self._idle.wait()

    # -- one connection -----------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopping or len(self._connections) >= CONNECTIONS_MAX:
            self._log.error("abci_connection_refused", connections=len(self._connections))
            writer.close()
            return
        self._connections.add(writer)
        self._idle.clear()
        answers = _Answers(writer, self._fail)
        try:
            await self._read(reader, answers)
        except (OSError, asyncio.IncompleteReadError):
            pass  # CometBFT died; the supervisor says so
        except Exception as error:
            await answers.fail(error)
        finally:
            await answers.end()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._connections.discard(writer)
            if not self._connections:
                self._idle.set()

    async def _read(self, reader: asyncio.StreamReader, answers: "_Answers") -> None:
        frames = FrameReader(self._request_bytes_max)
        while not self._stopping and not answers.failed:
            data = await reader.read(READ_BYTES)
            if not data:
                return
            for raw in frames.feed(data):
                if self._stopping or answers.failed:
                    return
                await self._take(decode_request(raw), answers)

    async def _take(self, request: Request | Echo | Flush, answers: "_Answers") -> None:
        if isinstance(request, Echo | Flush):
            await answers.put(request)
        elif isinstance(request, asked.RequestCheckTx):
            self._tell_call("check_tx")
            await answers.put(asyncio.ensure_future(self._application.check_tx(request)))
        else:
            await answers.wait()
            if not answers.failed:
                await answers.put(await self._call(request))

    async def _call(self, request: Request) -> Response:
        application = self._application
        self._tell_call(_NAMES[type(request)])
        match request:
            case asked.RequestInfo():
                return await application.info(request)
            case asked.RequestInitChain():
                return await application.init_chain(request)
            case asked.RequestQuery():
                return await application.query(request)
            case asked.RequestCheckTx():
                return await application.check_tx(request)
            case asked.RequestPrepareProposal():
                return await application.prepare_proposal(request)
            case asked.RequestProcessProposal():
                return await application.process_proposal(request)
            case asked.RequestFinalizeBlock():
                return await application.finalize_block(request)
            case asked.RequestCommit():
                return await application.commit(request)
            case asked.RequestListSnapshots():
                return await application.list_snapshots(request)
            case asked.RequestOfferSnapshot():
                return await application.offer_snapshot(request)
            case asked.RequestLoadSnapshotChunk():
                return await application.load_snapshot_chunk(request)
            case asked.RequestApplySnapshotChunk():
                return await application.apply_snapshot_chunk(request)

    def _tell_call(self, name: str) -> None:
        if self._on_call is not None:
            self._on_call(name)

    def _fail(self, error: BaseException) -> str:
        """Tell the node; what CometBFT may write into its log about it."""
        known = isinstance(error, InvariantBroken | Refused)
        reason = str(error) if known else f"{type(error).__name__} in the application"
        if known:
            self._log.error("abci_call_failed", reason=reason)
        else:
            self._log.error("abci_call_failed", reason=reason, exc_info=error)
        self._on_fatal(reason)
        return reason


_NAMES: dict[type, str] = {
    asked.RequestInfo: "info",
    asked.RequestInitChain: "init_chain",
    asked.RequestQuery: "query",
    asked.RequestCheckTx: "check_tx",
    asked.RequestPrepareProposal: "prepare_proposal",
    asked.RequestProcessProposal: "process_proposal",
    asked.RequestFinalizeBlock: "finalize_block",
    asked.RequestCommit: "commit",
    asked.RequestListSnapshots: "list_snapshots",
    asked.RequestOfferSnapshot: "offer_snapshot",
    asked.RequestLoadSnapshotChunk: "load_snapshot_chunk",
    asked.RequestApplySnapshotChunk: "apply_snapshot_chunk",
}


class _Answers:
    """Answers of one connection on their way out, in order; some are still being found."""

    def __init__(
        self, writer: asyncio.StreamWriter, on_error: Callable[[BaseException], str]
    ) -> None:
        self._writer = writer
        self._on_error = on_error
        self._queue: asyncio.Queue[Answer | asyncio.Future[Response]] = asyncio.Queue(CHECKS_MAX)
        self._task = asyncio.ensure_future(self._run())
        self.failed = False

    async def put(self, answer: "Answer | asyncio.Future[Response]") -> None:
        """Next. Waits while too many are on their way."""
        await self._queue.put(answer)

    async def wait(self) -> None:
        """Until all that was put is sent, or can't be."""
        await self._queue.join()

    async def fail(self, error: BaseException) -> None:
        """Answer with an exception, the last answer there is."""
        if not self.failed:
            await self.wait()
            self._fail(error)

    async def end(self) -> None:
        """Until all that was put is done; nothing is sent after this."""
        await self.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            answer = await self._queue.get()
            try:
                found = await answer if isinstance(answer, asyncio.Future) else answer
                if not self.failed:
                    await self._send(found)
            except OSError:
                self.failed = True  # nobody reads
            except Exception as error:
                if not self.failed:
                    self._fail(error)
            finally:
                self._queue.task_done()

    async def _send(self, answer: Answer) -> None:
        self._writer.write(frame(encode_response(answer)))
        if isinstance(answer, Flush) or self._queue.empty():
            await self._writer.drain()

    def _fail(self, error: BaseException) -> None:
        self.failed = True
        reason = self._on_error(error)
        with contextlib.suppress(OSError):
            self._writer.write(frame(encode_response(ResponseException(reason))))
        self._writer.close()
