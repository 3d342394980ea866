"""The HTTP application of one node."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from ledger.genesis import Genesis
from node.api.bulletins import Bulletins
from node.api.connections import IDLE_SECONDS, ConnectionGate, connections_allowed
from node.api.doors import Doors
from node.api.entitlements import AuditLog, Entitlements
from node.api.events import Events
from node.api.network import NetworkReads
from node.api.office_routes import office_routes
from node.api.openapi import document
from node.api.problems import Handler, Problems, route_of
from node.api.reads import Reads
from node.api.registers import Registers
from node.api.routes import routes
from node.api.signed_requests import RequestVerifier
from node.api.submissions import Submissions
from node.api.wages import Wages
from node.clock import now_ms
from node.metrics import METRICS_TYPE, Metrics
from node.office.office import Office
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


def make_app(
    node: TerritoryNode, office: Office, genesis: Genesis, engine: str, audit_folder: Path
) -> Api:
    """The application over a node and its office. Must be called on the running loop."""
    verifier = RequestVerifier(genesis.network_id, now_ms)
    entitlements = Entitlements(node, office.territory, AuditLog(audit_folder))
    reads = Reads(node, verifier, entitlements)
    connections_max = connections_allowed()
    gate = ConnectionGate(connections_max)
    # Sockets stay open: half of all connections are left for those who ask and go.
    events = Events(node, genesis, verifier, entitlements, max(1, connections_max // 2))
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

    doors = Doors(verifier, entitlements)
    of_office = office_routes(
        Registers(node, office, doors),
        Bulletins(office, doors),
        Wages(office, doors, verifier, entitlements),
    )
    submissions = Submissions(node, genesis)
    table = routes(
        reads,
        NetworkReads(node, genesis, engine),
        submissions,
        events,
        openapi,
        show_metrics,
        of_office,
    )
    described = json.dumps(document(table, version("democite")), ensure_ascii=False)
    application = web.Application(
        middlewares=[gate.middleware, count, Problems(node.retry_after_ms).middleware],
        handler_args=HANDLER_ARGUMENTS,
    )
    application.on_response_prepare.append(_name_no_version)
    for route in table:
        application.router.add_route(route.method, route.path, route.handler)
    return Api(application, gate, events)


async def _name_no_version(request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers["Server"] = "democite"
