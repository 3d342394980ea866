"""A territory's node with its real HTTP server on loopback, for the tests of the API.

Every answer is held against the OpenAPI document that the node itself serves.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
from aiohttp import ClientSession, ClientWebSocketResponse, web

from ledger.rules import Parameters
from node.api.app import Api, make_app
from node.office.node_key import NodeKey
from node.office.office import Office
from node.territory import TerritoryNode
from primitives.addresses import format_address
from primitives.signatures import SigningKey
from tests.node.town import Person, Town, key_of
from tests.patience import PATIENCE_SECONDS
from wallet.request_signing import authorization

MSGPACK = {"Content-Type": "application/msgpack"}


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The object in it."""
        content = json.loads(self.body)
        if not isinstance(content, dict):
            raise TypeError("not an object")
        return content

    @property
    def code(self) -> str:
        """A problem's code."""
        return str(self.json["code"])


@dataclass
class ApiTown:
    """One node and a client of it."""

    town: Town
    api: Api
    url: str
    session: ClientSession
    audit_folder: Path
    office: Office
    document: dict[str, object] = field(default_factory=dict)

    @property
    def node(self) -> TerritoryNode:
        """The node behind the API."""
        return self.town.nodes[0]

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        """Ask, and hold the answer against the document."""
        async with self.session.request(
            method, self.url + path, headers=headers, data=body or None
        ) as response:
            reply = Reply(response.status, dict(response.headers), await response.read())
        if self.document:
            self.check(method, path, reply)
        return reply

    def signed(
        self,
        key: SigningKey,
        path: str,
        *,
        time_ms: int | None = None,
        nonce: bytes | None = None,
        network_id: bytes | None = None,
        method: str = "GET",
        body: bytes = b"",
    ) -> dict[str, str]:
        """The header of a signed request, a `GET` unless told otherwise."""
        value = authorization(
            key,
            self.town.network_id if network_id is None else network_id,
            method,
            path,
            body,
            time_ms=time.time_ns() // 1_000_000 if time_ms is None else time_ms,
            nonce=secrets.token_bytes(16) if nonce is None else nonce,
        )
        return {"Authorization": value}

    async def read(self, key: SigningKey, path: str, reason: str = "") -> Reply:
        """A signed `GET`, with staff's reason if there is one."""
        reasons = {"Democite-Reason": reason} if reason else {}
        return await self.ask("GET", path, {**self.signed(key, path), **reasons})

    async def hand_in(self, key: SigningKey, path: str, content: object, reason: str = "") -> Reply:
        """A signed `POST` of JSON."""
        body = json.dumps(content).encode()
        headers = {
            **self.signed(key, path, method="POST", body=body),
            "Content-Type": "application/json",
        }
        if reason:
            headers["Democite-Reason"] = reason
        return await self.ask("POST", path, headers, body)

    async def post(self, raw: bytes, query: str = "") -> Reply:
        """Hand in a transaction."""
        return await self.ask("POST", f"/v1/transactions{query}", MSGPACK, raw)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """An open event stream."""
        async with self.session.ws_connect(self.url + "/v1/events") as socket:
            yield socket

    def check(self, method: str, path: str, reply: Reply) -> None:
        """The answer's status, media type and content are what the document says."""
        paths = self.document["paths"]
        assert isinstance(paths, dict)
        route = next((one for one in paths if _fits(one, path.split("?")[0])), None)
        if route is None or method.lower() not in paths[route]:
            assert reply.status in (404, 405)
            answer = {"content": {"application/problem+json": _PROBLEM}}
        else:
            responses = paths[route][method.lower()]["responses"]
            assert str(reply.status) in responses or reply.status >= 400, (path, reply)
            answer = responses.get(str(reply.status), responses["default"])
        kind = reply.headers["Content-Type"].split(";")[0]
        assert kind in answer["content"], (path, kind)
        schema = answer["content"][kind].get("schema")
        if schema is not None:
            whole = {**schema, "components": self.document["components"]}
            jsonschema.Draft202012Validator(whole).validate(reply.json)


_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def address_of(person: Person) -> str:
    """A resident's address."""
    return format_address(person.prefix, person.id)


@asynccontextmanager
async def api_town(
    folder: Path, *, parameters: Parameters | None = None, connections_max: int = 100
) -> AsyncIterator[ApiTown]:
    """A network of one member, its node running and served."""
    town = Town(folder, 1, parameters=parameters)
    await town.start()
    await town.ready()
    audit = folder / "audit"
    audit.mkdir()
    office = await Office.open(
        town.nodes[0],
        town.genesis,
        town.genesis.territories[0],
        NodeKey(key_of("town0 node")),
        folder / "registry",
    )
    api = make_app(town.nodes[0], office, town.genesis, "simplex", audit)
    api.gate._connections_max = connections_max
    runner = web.AppRunner(api.application, shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    assert runner.server is not None
    api.gate.open(runner.server)
    server = await asyncio.get_running_loop().create_server(api.gate, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with ClientSession() as session:
            served = ApiTown(town, api, url, session, audit, office)
            served.document = (await served.ask("GET", "/openapi.json")).json
            yield served
    finally:
        server.close()
        await api.events.close()
        api.gate.close()
        await runner.cleanup()
        await office.close()
        await town.stop()


def play(
    folder: Path, scenario: Callable[[ApiTown], Awaitable[None]], *, connections_max: int = 100
) -> None:
    """Run a scenario against a served node, which is alive at its end."""

    async def run() -> None:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            api_town(folder, connections_max=connections_max) as served,
        ):
            await scenario(served)
            assert (await served.ask("GET", "/health/live")).status == 200

    asyncio.run(run())
