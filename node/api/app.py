"""The HTTP application of one node."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from ledger.genesis import Genesis
from node.api.connections import IDLE_SECONDS, ConnectionGate, connections_allowed
from node.api.entitlements import AuditLog, Entitlements
from node.api.events import Events
from node.api.openapi import document
from node.api.problems import Handler, problems, route_of
from node.api.reads import Reads
from node.api.routes import routes
from node.api.signed_requests import RequestVerifier
from node.api.submissions import Submissions
from node.engines.simplex import now_ms
from node.metrics import METRICS_TYPE, Metrics
from node.territory import TerritoryNode

HEADER_BYTES_MAX = 8_192
READ_BYTES = 16_384
"""aiohttp holds about twice as much of a body that is not read yet."""
LINGER_SECONDS = 1.0

HANDLER_ARGUMENTS = {
    "max_line_size": HEADER_BYTES_MAX,
    "max_field_size": HEADER_BYTES_MAX,
    "read_bufsize": READ_BYTES,
    "lingering_time": LINGER_SECONDS,
    "keepalive_timeout": IDLE_SECONDS,
    "auto_decompress": False,
    "access_log": None,
}


@dataclass(frozen=True, slots=True)
class Api:
    """The application, the gate its connections come through, and its open sockets."""

    application: web.Application
    gate: ConnectionGate
    events: Events


def make_app(node: TerritoryNode, genesis: Genesis, engine: str, audit_folder: Path) -> Api:
    """The application over a node. Must be called on the running loop."""
    verifier = RequestVerifier(genesis.network_id, now_ms)
    entitlements = Entitlements(node, genesis, AuditLog(audit_folder))
    reads = Reads(node, genesis, engine, verifier, entitlements)
    events = Events(node, genesis, verifier, entitlements)
    gate = ConnectionGate(connections_allowed())
    metrics = Metrics(node, lambda: events.count, lambda: gate.count)
    described = ""

    async def openapi(request: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": METRICS_TYPE})

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        metrics.count_request(request.method, route_of(request), response.status)
        return response

    table = routes(reads, Submissions(node, genesis), events, openapi, show_metrics)
    described = json.dumps(document(table, version("democite")), ensure_ascii=False)
    application = web.Application(
        middlewares=[gate.middleware, count, problems], handler_args=HANDLER_ARGUMENTS
    )
    application.on_response_prepare.append(_name_no_version)
    for route in table:
        application.router.add_route(route.method, route.path, route.handler)
    return Api(application, gate, events)


async def _name_no_version(request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers["Server"] = "democite"
