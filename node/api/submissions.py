"""`POST /v1/transactions`: signed bytes in, bounded before they are read."""

from aiohttp import web

from ledger.genesis import Genesis
from node.answers import Submission
from node.api import models
from node.api.bodies import BodyReader
from node.api.reads import answer, decimal, transaction_model
from node.territory import TerritoryNode
from primitives.errors import Refused

WAIT_MS_MAX = 10_000
WAITING_MAX = 2_048
LARGE_MAX = 64
MEDIA_TYPE = "application/msgpack"


class Submissions:
    """Handler over one node; so many requests at a time may wait for finality."""

    def __init__(self, node: TerritoryNode, genesis: Genesis) -> None:
        self._node = node
        self._bytes_max = genesis.parameters.transaction_bytes_max
        self._waiting = 0
        self._bodies = BodyReader(LARGE_MAX, "transaction_too_large")

    async def post(self, request: web.Request) -> web.Response:
        """Take one transaction; with `wait_ms`, answer once it is final."""
        if request.content_type != MEDIA_TYPE:
            raise Refused("media_type_unknown", f"send {MEDIA_TYPE}")
        wait_ms = min(decimal(request.query.get("wait_ms", "0"), "wait_ms"), WAIT_MS_MAX)
        if self._waiting >= WAITING_MAX:
            raise Refused("node_busy", "too many requests wait")
        self._waiting += 1
        try:
            raw = await self._bodies.read(request, self._bytes_max)
            (submission,) = await self._node.submit_many([raw])
            return await self._answer(submission, wait_ms)
        finally:
            self._waiting -= 1

    async def _answer(self, submission: Submission, wait_ms: int) -> web.Response:
        if submission.refusal is not None:
            raise submission.refusal
        if wait_ms:
            status = await self._node.wait_final(submission.id, wait_ms)
            if status.state == "final":
                return answer(transaction_model(status))
            if status.state == "refused":
                raise Refused(status.code or "node_busy")
        code = 200 if submission.state == "known" else 202
        return answer(models.Submitted(id=submission.id.hex()), code)
