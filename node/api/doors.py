"""Who comes in with a body: the staff of this node's territory, an employer, anybody.

A body is parsed only once its signature holds, and for the staff's doors only once the key is
known to be theirs. To everybody else a staff's door is not there.
"""

from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from node.api.entitlements import Entitlements
from node.api.models import Model
from node.api.reads import REASON_HEADER
from node.api.signed_requests import RequestVerifier
from primitives.addresses import Address, parse_address
from primitives.errors import InvariantBroken, Refused

MEDIA_TYPE = "application/json"
SMALL_BYTES_MAX = 65_536

Body = TypeVar("Body", bound=Model)


class Doors:
    """Lets requests in, or raises `Refused`."""

    def __init__(self, verifier: RequestVerifier, entitlements: Entitlements) -> None:
        self._verifier = verifier
        self._entitlements = entitlements

    async def staff_body(
        self, request: web.Request, model: type[Body], bytes_max: int = SMALL_BYTES_MAX
    ) -> tuple[bytes, Body]:
        """The key of one of the staff and what it hands in."""
        check_media_type(request)
        staff = self._entitlements.check_own_staff
        key, raw = await self._verifier.grant_body(
            request, bytes_max, self._entitlements.is_known, lambda key, _: staff(key)
        )
        return key, parse(raw, model)

    def staff_read(self, request: web.Request) -> bytes:
        """The key of one of the staff who reads what names nobody."""
        return self._verifier.grant(request, self._entitlements.check_own_staff)

    def staff_read_personal(self, request: web.Request) -> tuple[bytes, str]:
        """The key of one of the staff who says why; the reason is for the registry's audit."""
        reason = request.headers.get(REASON_HEADER, "")
        key = self._verifier.grant(
            request, lambda key: self._entitlements.check_own_staff_reason(key, reason)
        )
        return key, reason

    async def employer_body(
        self, request: web.Request, model: type[Body], bytes_max: int
    ) -> tuple[bytes, Address, Body]:
        """A spending key of an employer's account, the account, and what it hands in.

        `model` has a field `employer`: the account's address.
        """
        check_media_type(request)
        content: Body | None = None
        employer: Address | None = None

        def check(key: bytes, raw: bytes) -> bool:
            nonlocal content, employer
            content = parse(raw, model)
            employer = _employer_of(content)
            return self._entitlements.check_employer(employer, key)

        key, _ = await self._verifier.grant_body(
            request, bytes_max, self._entitlements.is_known, check
        )
        if content is None or employer is None:
            raise InvariantBroken("a request was granted unseen")
        return key, employer, content

    def employer_read(self, request: web.Request) -> tuple[bytes, Address]:
        """A spending key of the employer's account that the query names."""
        employer: Address | None = None

        def check(key: bytes) -> bool:
            nonlocal employer
            employer = parse_address(request.query.get("employer", ""))
            return self._entitlements.check_employer(employer, key)

        key = self._verifier.grant(request, check)
        if employer is None:
            raise InvariantBroken("a request was granted unseen")
        return key, employer


def check_media_type(request: web.Request) -> None:
    """JSON alone. Raises `Refused("media_type_unknown")`."""
    if request.content_type != MEDIA_TYPE:
        raise Refused("media_type_unknown", f"send {MEDIA_TYPE}")


def parse(raw: bytes, model: type[Body]) -> Body:
    """What a body says. Raises `Refused("request_malformed")` naming the first field at fault; what
    stands in it is not repeated, it may be about a person."""
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused("request_malformed", f"{field}: {first['msg']}"[:200], field=field) from None


def _employer_of(content: Model) -> Address:
    employer = getattr(content, "employer", None)
    if not isinstance(employer, str):
        raise InvariantBroken("a payroll's model names its employer")
    return parse_address(employer)
