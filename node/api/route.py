"""What one line of the table of routes says, and the parameters it may name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from node.api import models
from node.api.reads import REASON_HEADER

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
    "from": Parameter("from", "query", "^[0-9]{1,16}$", "the first epoch wanted"),
    "prefix": Parameter("prefix", "path", "^[a-z][a-z0-9]{2,11}$", "a territory's short name"),
    "proposal": Parameter("proposal", "path", "^[0-9a-f]{32}$", "a proposal's id"),
    "code": Parameter("code", "path", "^[A-Z][A-Z0-9]{1,7}$", "a currency's code"),
    "id": Parameter("id", "path", "^[0-9a-f]{64}$", "a transaction's id"),
    "address": Parameter("address", "path", "^[0-9A-Za-z]{10,90}$", "an account's address"),
    "device": Parameter("device", "path", "^[0-9a-f]{64}$", "a device key"),
    "number": Parameter("number", "path", "^[0-9]{1,16}$", "a number of the device's lane"),
    "at_height": Parameter("height", "query", "^[0-9]{1,16}$", "prove against this header"),
    "above": Parameter("above", "query", "^[0-9]{1,16}$", "changes above this height"),
    "before": Parameter("before", "query", "^[0-9]{1,16}$", "receipt numbers below this one"),
    "limit": Parameter("limit", "query", "^[0-9]{1,16}$", "how many, at most 200"),
    "wait_ms": Parameter("wait_ms", "query", "^[0-9]{1,16}$", "wait for finality, at most 10,000"),
    "person": Parameter("person", "path", "^.{1,64}$", "a person's code"),
    "programme": Parameter("programme", "path", "^.{1,64}$", "a programme's code"),
    "period": Parameter("period", "path", "^[0-9]{4}-[0-9]{2}$", "a month"),
    "operation": Parameter("operation", "path", "^[0-9a-f]{32}$", "an operation's id"),
    "run": Parameter("run", "path", "^[0-9a-f]{32}$", "a payroll run's id"),
    "after": Parameter("after", "query", "^.{0,64}$", "what the page before gave as `next`"),
    "of_period": Parameter("period", "query", "^[0-9]{4}-[0-9]{2}$", "of this month alone"),
    "of_programme": Parameter("programme", "query", "^.{1,64}$", "of this programme alone"),
    "unconfirmed": Parameter("unconfirmed", "query", "^[01]$", "1: those nobody vouched for"),
    "state": Parameter("state", "query", "^(waiting|signed)$", "where they stand"),
    "employer": Parameter("employer", "query", "^[0-9A-Za-z]{10,90}$", "the employer's address"),
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
