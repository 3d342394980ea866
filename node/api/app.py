"""The HTTP application of one node."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from ledger.genesis import Genesis
from node.api.entitlements import AuditLog, Entitlements
from node.api.events import Events
from node.api.openapi import document
from node.api.problems import problems
from node.api.reads import Reads
from node.api.routes import routes
from node.api.signed_requests import RequestVerifier
from node.api.submissions import Submissions
from node.engines.simplex import now_ms
from node.metrics import METRICS_TYPE, Metrics
from node.territory import TerritoryNode

HEADER_BYTES_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Api:
    """The application, and its sockets to be closed before it."""

    application: web.Application
    events: Events


def make_app(node: TerritoryNode, genesis: Genesis, engine: str, audit_folder: Path) -> Api:
    """The application over a node. Must be called on the running loop."""
    verifier = RequestVerifier(genesis.network_id, now_ms)
    entitlements = Entitlements(node, genesis, AuditLog(audit_folder))
    reads = Reads(node, genesis, engine, verifier, entitlements)
    events = Events(node, genesis, verifier, entitlements)
    table = routes(reads, Submissions(node, genesis), events)
    described = json.dumps(document(table, version("democite")), ensure_ascii=False)
    metrics = Metrics(node, lambda: events.count)

    async def openapi(request: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": METRICS_TYPE})

    application = web.Application(
        middlewares=[problems],
        client_max_size=genesis.parameters.transaction_bytes_max + 1,
        handler_args={
            "max_line_size": HEADER_BYTES_MAX,
            "max_field_size": HEADER_BYTES_MAX,
            "access_log": None,
        },
    )
    for route in table:
        application.router.add_route(route.method, route.path, route.handler)
    application.router.add_get("/openapi.json", openapi)
    application.router.add_get("/metrics", show_metrics)
    return Api(application, events)
