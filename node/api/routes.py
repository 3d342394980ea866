"""The one table of routes: it registers the handlers, and it makes the OpenAPI document."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from node.api import models
from node.api.events import EVENTS_PATH, Events
from node.api.reads import MSGPACK, REASON_HEADER, Reads
from node.api.submissions import Submissions

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of a path, a query or a header."""

    name: str
    place: str
    pattern: str
    description: str


PARAMETERS = {
    "height": Parameter("height", "path", "^(latest|[0-9]{1,16})$", "a height, or `latest`"),
    "epoch": Parameter("epoch", "path", "^[0-9]{1,16}$", "an epoch's number"),
    "code": Parameter("code", "path", "^[A-Z][A-Z0-9]{1,7}$", "a currency's code"),
    "id": Parameter("id", "path", "^[0-9a-f]{64}$", "a transaction's id"),
    "address": Parameter("address", "path", "^[0-9A-Za-z]{10,90}$", "an account's address"),
    "device": Parameter("device", "path", "^[0-9a-f]{64}$", "a device key"),
    "number": Parameter("number", "path", "^[0-9]{1,16}$", "a number of the device's lane"),
    "at_height": Parameter("height", "query", "^[0-9]{1,16}$", "prove against this header"),
    "before": Parameter("before", "query", "^[0-9]{1,16}$", "receipt numbers below this one"),
    "limit": Parameter("limit", "query", "^[0-9]{1,16}$", "how many, at most 200"),
    "wait_ms": Parameter("wait_ms", "query", "^[0-9]{1,16}$", "wait for finality, at most 10,000"),
    "reason": Parameter(
        REASON_HEADER, "header", "^[ -~]{0,200}$", "why staff reads; it is written down"
    ),
}


@dataclass(frozen=True, slots=True)
class Route:
    """A path and all that is said of it. `signed`: only for who is entitled to it.

    `answers`: status to model, None for no document of its own; `other_types` are media types that
    200 may have instead of, or beside, a model's JSON; `parameters` name entries of `PARAMETERS`;
    `refusals`: statuses that a problem document may have; `body`: the JSON it takes.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: dict[int, type[models.Model] | None]
    parameters: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    other_types: tuple[str, ...] = ()
    signed: bool = False
    takes_transaction: bool = False
    body: type[models.Model] | None = None


def routes(
    reads: Reads,
    submissions: Submissions,
    events: Events,
    show_document: Handler,
    show_metrics: Handler,
) -> tuple[Route, ...]:
    """All routes of a node."""
    signed = (400, 401, 404, 429)
    return (
        Route("GET", "/v1/network", reads.network, "The network and its genesis",
              {200: models.Network}),
        Route("GET", "/v1/status", reads.status, "The node at one glance", {200: models.Status}),
        Route("GET", "/v1/headers/{height}", reads.header,
              "A final header with what makes it final", {200: models.Header}, ("height",),
              (400, 404), (MSGPACK,)),
        Route("GET", "/v1/epochs/{epoch}", reads.epoch, "The members of an epoch",
              {200: models.Epoch}, ("epoch",), (400, 404)),
        Route("GET", "/v1/currencies/{code}", reads.currency,
              "A currency's totals with their proof", {200: models.ObjectProof}, ("code",),
              (404, 410)),
        Route("POST", "/v1/transactions", submissions.post, "Hand in a signed transaction",
              {200: models.TransactionOrId, 202: models.Submitted}, ("wait_ms",),
              (400, 408, 415, 422, 429, 503), takes_transaction=True),
        Route("GET", "/v1/transactions/{id}", reads.transaction, "Where a transaction stands",
              {200: models.Transaction}, ("id", "reason"), signed, signed=True),
        Route("GET", "/v1/accounts/{address}", reads.account,
              "An account, or its absence, with the proof", {200: models.ObjectProof},
              ("address", "at_height", "reason"), (*signed, 410), signed=True),
        Route("GET", "/v1/accounts/{address}/history", reads.history,
              "An account's final transactions, newest first", {200: models.History},
              ("address", "before", "limit", "reason"), signed, signed=True),
        Route("GET", "/v1/lanes/{address}/{device}/{number}", reads.lane,
              "What a number of a device's lane was used for", {200: models.Lane},
              ("address", "device", "number", "reason"), signed, signed=True),
        Route("GET", EVENTS_PATH, events.open,
              "WebSocket: final headers come, transactions go", {101: None}, (), (400, 429)),
        Route("GET", "/openapi.json", show_document, "This document", {200: None},
              other_types=("application/json",)),
        Route("GET", "/metrics", show_metrics, "Counters for Prometheus", {200: None},
              other_types=("text/plain",)),
        Route("GET", "/health/live", reads.live, "The process answers", {200: models.Health}),
        Route("GET", "/health/ready", reads.ready, "The node takes part",
              {200: models.Health}, (), (503,)),
    )  # fmt: skip
