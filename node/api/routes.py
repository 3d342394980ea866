"""The one table of routes: it registers the handlers, and it makes the OpenAPI document."""

from collections.abc import Sequence

from node.api import models
from node.api.events import EVENTS_PATH, Events
from node.api.network import NetworkReads
from node.api.reads import MSGPACK, Reads
from node.api.route import Handler, Route
from node.api.submissions import Submissions


def routes(
    reads: Reads,
    network: NetworkReads,
    submissions: Submissions,
    events: Events,
    show_document: Handler,
    show_metrics: Handler,
    office: Sequence[Route],
) -> tuple[Route, ...]:
    """All routes of a node."""
    signed = (400, 401, 404, 429)
    return (
        Route("GET", "/v1/network", network.network, "The network and its genesis",
              {200: models.Network}),
        Route("GET", "/v1/status", reads.status, "The node at one glance", {200: models.Status}),
        Route("GET", "/v1/evidence", reads.evidence, "Double votes that this node has seen",
              {200: models.Evidence}),
        Route("GET", "/v1/headers/{height}", reads.header,
              "A final header with what makes it final", {200: models.Header}, ("height",),
              (400, 404), (MSGPACK,)),
        *_voted(network),
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
        Route("GET", "/v1/accounts/{address}/requests", reads.requests,
              "Requests about an account's keys, with their proofs", {200: models.Requests},
              ("address", "reason"), signed, signed=True),
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
        *_health(reads),
        *office,
    )  # fmt: skip


def _voted(network: NetworkReads) -> tuple[Route, ...]:
    """Epochs, and what members voted."""
    return (
        Route("GET", "/v1/epochs", network.epochs, "Boundaries in a row, at most 64",
              {200: None}, ("from",), (400,), (MSGPACK,)),
        Route("GET", "/v1/epochs/{epoch}", network.epoch, "How an epoch began; its members",
              {200: models.Epoch}, ("epoch",), (400, 404)),
        Route("GET", "/v1/sets", network.sets,
              "Under CometBFT: changes of the validator set in a row, at most 64",
              {200: None}, ("above",), (400, 404), (MSGPACK,)),
        Route("GET", "/v1/cometbft/epochs", network.epoch_proofs,
              "Under CometBFT: what proves how epochs began, in a row, at most 64",
              {200: None}, ("from",), (400, 404), (MSGPACK,)),
        Route("GET", "/v1/cometbft/snapshots", network.snapshots,
              "Under CometBFT: heights of the snapshots that are offered to new nodes",
              {200: models.Snapshots}, (), (404,)),
        Route("GET", "/v1/terms", network.terms, "The terms voted last, with their proof",
              {200: models.ObjectProof}, (), (410,)),
        Route("GET", "/v1/territories/{prefix}", network.territory,
              "The proposal that carries a later territory's card, with its proof",
              {200: models.ObjectProof}, ("prefix",), (404, 410)),
        Route("GET", "/v1/proposals", network.proposals, "Open proposals, and those decided last",
              {200: models.Proposals}),
        Route("GET", "/v1/proposals/{proposal}", network.proposal, "A proposal with its proof",
              {200: models.ObjectProof}, ("proposal",), (404, 410)),
    )  # fmt: skip


def _health(reads: Reads) -> tuple[Route, ...]:
    """What a supervisor asks."""
    return (
        Route("GET", "/health/live", reads.live, "The process answers", {200: models.Health}),
        Route("GET", "/health/ready", reads.ready, "The node takes part",
              {200: models.Health}, (), (503,)),
    )  # fmt: skip
