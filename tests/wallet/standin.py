"""A stand-in for nodes: HTTP as `interface.md` has it, over `tests.wallet.chain`.

As many "nodes" as a test wants share one chain, and each can be told to misbehave: to drop
answers, to lie about refusals, to bend what it says. Blocks are made at once, so tests need no
waiting.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import WSMsgType, web

from ledger.envelope import signature_items
from ledger.network_objects import NETWORK_TREE_KEY, PROPOSAL
from ledger.objects import ACCOUNT, BLOCKED_BY_OWNER, CURRENCY, Account, tree_key
from ledger.power_objects import REQUEST
from ledger.transaction import decode_transaction
from primitives import addresses
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import verify
from tests.wallet.chain import Chain


@dataclass
class Faults:
    """How a node misbehaves."""

    drop_before: bool = False
    """Close the connection on a transaction, and forget it."""
    drop_after: bool = False
    """Bring a transaction through, and close the connection without an answer."""
    refuse_with: str = ""
    """Refuse every transaction with this code; with `lie`, bring it through all the same."""
    lie: bool = False
    busy: bool = False
    retry_after_ms: int = 0
    """When to come again to a busy node; 0 says nothing."""
    hold: bool = False
    """Accept transactions and keep them, in `held`."""
    unreadable: bool = False
    """Answer reads with 404."""
    down: bool = False
    """Close every connection."""
    bend: Callable[[str, dict[str, object]], dict[str, object]] | None = None
    """Change answers: gets the path and the answer."""


@dataclass
class StandInNode:
    """One HTTP front of a chain. Use as `async with`; `url` is where it listens."""

    chain: Chain
    faults: Faults = field(default_factory=Faults)
    held: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    refused: dict[bytes, str] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=1 << 20)
        application.add_routes(
            [
                web.post("/v1/transactions", self._post),
                web.get("/v1/transactions/{id}", self._transaction),
                web.get("/v1/network", self._network),
                web.get("/v1/headers/{height}", self._header),
                web.get("/v1/epochs", self._epochs),
                web.get("/v1/epochs/{epoch}", self._epoch),
                web.get("/v1/sets", self._sets),
                web.get("/v1/terms", self._terms),
                web.get("/v1/territories/{prefix}", self._territory),
                web.get("/v1/proposals", self._proposals),
                web.get("/v1/proposals/{proposal}", self._proposal),
                web.get("/v1/accounts/{address}", self._account),
                web.get("/v1/accounts/{address}/requests", self._requests),
                web.get("/v1/accounts/{address}/history", self._history),
                web.get("/v1/currencies/{code}", self._currency),
                web.get("/v1/events", self._events),
            ]
        )
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def include_held(self) -> None:
        """Bring through what was held."""
        for raw in self.held:
            self.take(raw)
        self.held.clear()

    def take(self, raw: bytes) -> str:
        """Bring one transaction through: `accepted`, `known`, or why not."""
        try:
            transaction = decode_transaction(raw, self.chain.network_id)
            if transaction.id in self.chain.places:
                return "known"
            for key, message, signature in signature_items(transaction):
                if not verify(key, message, signature):
                    raise Refused("signature_invalid")
            self.chain.seal([transaction])
            self.chain.seal()
        except Refused as refusal:
            return refusal.code
        return "accepted"

    async def _post(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.received.append(raw)
        id = hash_bytes("tx", raw)
        faults = self.faults
        if faults.down or faults.drop_before:
            raise _dropped(request)
        if faults.busy:
            return _problem(503, "mempool_full", self._when())
        if faults.hold:
            self.held.append(raw)
            return web.json_response({"id": id.hex()}, status=202)
        if faults.refuse_with:
            if faults.lie:
                self.take(raw)
            return _problem(422, faults.refuse_with)
        word = self.take(raw)
        if faults.drop_after:
            raise _dropped(request)
        if word not in ("accepted", "known"):
            self.refused[id] = word
            return _problem(422, word)
        if "wait_ms" in request.query:
            return self._answer(request, self.chain.transaction_answer(id))
        return web.json_response({"id": id.hex()}, status=200 if word == "known" else 202)

    async def _transaction(self, request: web.Request) -> web.Response:
        id = bytes.fromhex(request.match_info["id"])
        if self.faults.down:
            raise _dropped(request)
        if self.faults.unreadable:
            return _problem(404, "not_found")
        if id in self.chain.places:
            height, index = self.chain.places[id]
            transaction = self.chain.blocks[height - 1].transactions[index]
            if not self._entitled(request, self.chain.accounts_of(transaction)):
                return _problem(404, "not_found")
            return self._answer(request, self.chain.transaction_answer(id))
        if any(hash_bytes("tx", raw) == id for raw in self.held):
            return self._answer(request, {"id": id.hex(), "status": "pending"})
        if id in self.refused:
            code = self.refused[id]
            return self._answer(request, {"id": id.hex(), "status": "refused", "code": code})
        return _problem(404, "not_found")

    async def _network(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        return self._answer(request, self.chain.network_answer())

    async def _header(self, request: web.Request) -> web.Response:
        word = request.match_info["height"]
        height = self.chain.height if word == "latest" else int(word)
        if self.faults.down:
            raise _dropped(request)
        if not 1 <= height <= self.chain.height:
            return _problem(404, "not_found")
        return self._answer(request, self.chain.bundle(height))

    async def _epochs(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        raw = self.chain.epochs_answer(int(request.query["from"]))
        return web.Response(body=raw, content_type="application/msgpack")

    async def _epoch(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        epoch = int(request.match_info["epoch"])
        if not 1 <= epoch <= self.chain.epoch:
            return _problem(404, "not_found")
        return self._answer(request, self.chain.epoch_answer(epoch))

    async def _sets(self, request: web.Request) -> web.Response:
        raw = self.chain.sets_answer(int(request.query["above"]))
        if self.faults.down:
            raise _dropped(request)
        if raw is None:
            return _problem(404, "not_found")
        return web.Response(body=raw, content_type="application/msgpack")

    async def _account(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        account_id = addresses.parse_address(request.match_info["address"]).account_id
        readers = self._readers(request, account_id)
        if self.faults.unreadable or not self._entitled(request, readers):
            return _problem(404, "not_found")
        if not self.chain.blocks:
            return _problem(404, "not_found")
        height = int(request.query["height"]) if "height" in request.query else None
        return self._answer(
            request, self.chain.object_answer(tree_key(ACCOUNT, account_id), height)
        )

    async def _terms(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        return self._answer(request, self.chain.object_answer(NETWORK_TREE_KEY, None))

    async def _territory(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        proposal = self.chain.joined.get(request.match_info["prefix"])
        if proposal is None:
            return _problem(404, "not_found")
        return self._answer(request, self.chain.object_answer(tree_key(PROPOSAL, proposal), None))

    async def _proposals(self, request: web.Request) -> web.Response:
        return self._answer(request, {"items": []})

    async def _proposal(self, request: web.Request) -> web.Response:
        identity = bytes.fromhex(request.match_info["proposal"])
        return self._answer(request, self.chain.object_answer(tree_key(PROPOSAL, identity), None))

    async def _requests(self, request: web.Request) -> web.Response:
        if self.faults.down:
            raise _dropped(request)
        account_id = addresses.parse_address(request.match_info["address"]).account_id
        if not self._entitled(request, self._readers(request, account_id)):
            return _problem(404, "not_found")
        account = Account.decode(self.chain.objects[tree_key(ACCOUNT, account_id)])
        items = [
            self.chain.object_answer(tree_key(REQUEST, account_id + maker), None)
            for maker in account.requests
        ]
        return self._answer(request, {"items": items})

    async def _currency(self, request: web.Request) -> web.Response:
        key = tree_key(CURRENCY, request.match_info["code"])
        return self._answer(request, self.chain.object_answer(key, None))

    async def _history(self, request: web.Request) -> web.Response:
        account_id = addresses.parse_address(request.match_info["address"]).account_id
        if self.faults.down:
            raise _dropped(request)
        if self.faults.unreadable or not self._entitled(request, {account_id}):
            return _problem(404, "not_found")
        items = self.chain.history(account_id)
        if "before" in request.query:
            before = int(request.query["before"])
            items = [item for item in items if int(str(item["number"])) < before]
        limit = int(request.query.get("limit", "50"))
        following = items[limit - 1]["number"] if len(items) > limit else None
        return self._answer(request, {"items": items[:limit], "next": following})

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        if self.faults.down:
            raise _dropped(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    await self._streamed(socket, message.data)
        finally:
            self.sockets.discard(socket)
        return socket

    async def _streamed(self, socket: web.WebSocketResponse, raw: bytes) -> None:
        self.received.append(raw)
        id = hash_bytes("tx", raw)
        if self.faults.drop_before:
            await socket.close()
            return
        if self.faults.busy:
            results = [[id.hex(), "mempool_full"]]
            await socket.send_json({"type": "submitted", "results": results, **self._when()})
            return
        if self.faults.hold:
            self.held.append(raw)
            await socket.send_json({"type": "submitted", "results": [[id.hex(), "accepted"]]})
            return
        word = self.take(raw)
        if self.faults.drop_after:
            await socket.close()
            return
        await socket.send_json({"type": "submitted", "results": [[id.hex(), word]]})
        if word == "accepted":
            height, _ = self.chain.places[id]
            await socket.send_json({"type": "final", "height": height, "ids": [id.hex()]})
            for one in (height, height + 1):
                await socket.send_json({"type": "header", **self.chain.bundle(one)})

    def _when(self) -> dict[str, int]:
        told_ms = self.faults.retry_after_ms
        return {"retry_after_ms": told_ms} if told_ms else {}

    def _answer(self, request: web.Request, content: dict[str, object]) -> web.Response:
        if self.faults.bend is not None:
            content = self.faults.bend(request.path, dict(content))
        return web.json_response(content)

    def _readers(self, request: web.Request, account_id: bytes) -> set[bytes]:
        """Whose keys may read an account: its own, and the staff's who say why."""
        account = self.chain.state.account(account_id)
        territory = None if account is None else self.chain.state.territory(account.prefix)
        if territory is None or "Democite-Reason" not in request.headers:
            return {account_id}
        return {account_id, territory.account_id}

    @property
    def prefixes(self) -> list[str]:
        """The short names of all territories."""
        return [each.prefix for each in self.chain.genesis.territories]

    def _entitled(self, request: web.Request, accounts: set[bytes]) -> bool:
        """Whether a request is signed, fresh, and by a key of one of the accounts."""
        header = request.headers.get("Authorization", "")
        parts = dict(re.findall(r'(\w+)="([0-9a-f]+)"', header))
        if not header.startswith("Democite ") or len(parts) != 4 or parts["nonce"] in self.nonces:
            return False
        self.nonces.add(parts["nonce"])
        content = encode(
            ["request", self.chain.network_id, request.method, request.path_qs,
             hashlib.sha256(b"").digest(), int(parts["time_ms"]), bytes.fromhex(parts["nonce"])]
        )  # fmt: skip
        key = bytes.fromhex(parts["key"])
        if not verify(key, content, bytes.fromhex(parts["signature"])):
            return False
        if abs(int(parts["time_ms"]) - time.time() * 1000) > 60_000:
            return False
        for account_id in accounts:
            raw = self.chain.objects.get(tree_key(ACCOUNT, account_id))
            names = {addresses.account_id(each, key) for each in self.prefixes}
            if raw is None and account_id in names:
                return True
            device = None if raw is None else Account.decode(raw).device(key)
            if device is not None and device.blocked != BLOCKED_BY_OWNER:
                return True
        return False


def _problem(status: int, code: str, more: Mapping[str, object] | None = None) -> web.Response:
    return web.json_response(
        {"code": code, "detail": "", "hint": "", **(more or {})},
        status=status,
        content_type="application/problem+json",
    )


def _dropped(request: web.Request) -> Exception:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return asyncio.CancelledError()  # type: ignore[return-value]
