"""Failures over HTTP: `application/problem+json` (RFC 9457) with `code`, `detail`, `hint`.

They are in English whatever the node's operator speaks: clients translate by code.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiohttp import web

from node.registry.refusals import (
    BulletinRefusal,
    BulletinsRefused,
    LineRefusal,
    LinesRefused,
)
from primitives.errors import Refused
from terminal import catalogue

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_MS = 1_000
"""Where it is the API that is busy, and not the pool."""

POOL_CODES = frozenset({"mempool_full", "node_not_ready"})
"""Of these the node knows when to come again."""

_MS_PER_SECOND = 1_000

# Codes that are not 422, "refused by a rule".
STATUS_BY_CODE = {
    "not_found": 404,
    "operation_unknown": 404,
    "payroll_unknown": 404,
    "request_malformed": 400,
    "address_malformed": 400,
    "request_unauthorized": 401,
    "request_stale": 401,
    "request_replayed": 401,
    "media_type_unknown": 415,
    "request_too_large": 413,
    "node_busy": 429,
    "mempool_full": 503,
    "node_not_ready": 503,
    "version_not_kept": 410,
    "internal_error": 500,
}

_log = structlog.get_logger("api")


def problem(
    refusal: Refused,
    status: int | None = None,
    refusals: Sequence[Mapping[str, object]] = (),
    retry_after_ms: int = RETRY_AFTER_MS,
) -> web.Response:
    """The answer for a refusal; its status follows from the code unless given. `refusals` are
    those of single lines; `retry_after_ms` is told where the status is "not now"."""
    status = status or STATUS_BY_CODE.get(refusal.code, 422)
    content: dict[str, object] = {
        "type": "about:blank",
        "title": catalogue.message(refusal.code, "en"),
        "status": status,
        "code": refusal.code,
        "detail": refusal.detail,
        "hint": refusal.hint or catalogue.hint(refusal.code, "en"),
    }
    if refusals:
        content["refusals"] = list(refusals)
    headers = {"Cache-Control": "no-store"}
    if status in (429, 503):
        content["retry_after_ms"] = retry_after_ms
        # Never earlier than that.
        headers["Retry-After"] = str(-(-retry_after_ms // _MS_PER_SECOND))
    if status == 401:
        headers["WWW-Authenticate"] = "Democite"
    return web.Response(
        text=json.dumps(content, ensure_ascii=False),
        status=status,
        content_type=PROBLEM_TYPE,
        headers=headers,
    )


class Problems:
    """Turns refusals, aiohttp's own errors and our bugs into problem documents."""

    def __init__(self, retry_after_ms: Callable[[], int]) -> None:
        """`retry_after_ms`: when what the pool has no room for may come again."""
        self._retry_after_ms = retry_after_ms

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer, or a problem."""
        try:
            return await handler(request)
        except Refused as refusal:
            is_pools = refusal.code in POOL_CODES
            wait_ms = self._retry_after_ms() if is_pools else RETRY_AFTER_MS
            # Where a handler held it, it would hold the request and its body until garbage is
            # looked for, which is seldom.
            return problem(refusal.without_trace(), retry_after_ms=wait_ms)
        except (LinesRefused, BulletinsRefused) as refused:
            return problem(_of_all(refused), 422, [_listed(one) for one in refused.refusals])
        except web.HTTPNotFound:
            return problem(Refused("not_found"))
        except web.HTTPMethodNotAllowed as error:
            answer = problem(Refused("request_malformed", "this method is not for this path"), 405)
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return answer
        except web.HTTPException as error:
            return problem(Refused("request_malformed", error.reason), error.status)
        except ConnectionError:
            raise  # the client is gone
        except Exception:
            _log.exception("request_failed", method=request.method, route=route_of(request))
            return problem(Refused("internal_error"))


def _of_all(refused: LinesRefused | BulletinsRefused) -> Refused:
    """The first refusal, which stands for all."""
    return Refused(refused.code, f"{len(refused.refusals)} in all, nothing was changed")


def _listed(refusal: LineRefusal | BulletinRefusal) -> dict[str, object]:
    """One refusal; what it does not say is left out."""
    fields: dict[str, object] = refusal._asdict()
    told = {name: value for name, value in fields.items() if value is not None}
    return {"code": refusal.code, "detail": refusal.detail, **told}


def route_of(request: web.Request) -> str:
    """The template of a request's path. The path itself would name an account."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
