"""Programmes, bulletins and the operations that the staff sign, over HTTP."""

import re

from aiohttp import web

from node.api import models_office as models
from node.api.doors import Doors
from node.api.reads import answer, decimal
from node.api.submissions import WAIT_MS_MAX
from node.clock import now_ms
from node.office.office import Office
from node.registry.records import Act, Bulletin, Operation
from primitives.errors import Refused

STATES = ("waiting", "signed")
"""What is settled is many, and is read one by one."""
_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}")


class Bulletins:
    """Handlers over one office."""

    def __init__(self, office: Office, doors: Doors) -> None:
        self._office = office
        self._doors = doors

    # -- programmes -----------------------------------------------------------------------------

    async def open_programme(self, request: web.Request) -> web.Response:
        """Ask for a programme's account."""
        key, _ = await self._doors.staff_body(request, models.Nothing)
        act, code = _act(request, key), request.match_info["programme"]
        return self._answer(await self._office.operations.open_programme(act, code))

    async def fund_programme(self, request: web.Request) -> web.Response:
        """Ask for more money for a programme."""
        key, asked = await self._doors.staff_body(request, models.Funding)
        act, code = _act(request, key), request.match_info["programme"]
        operations = self._office.operations
        return self._answer(await operations.fund_programme(act, code, asked.amount_minor))

    async def close_programme(self, request: web.Request) -> web.Response:
        """Ask to give back what is left."""
        key, _ = await self._doors.staff_body(request, models.Nothing)
        act, code = _act(request, key), request.match_info["programme"]
        return self._answer(await self._office.operations.close_programme(act, code))

    # -- bulletins ------------------------------------------------------------------------------

    async def preview(self, request: web.Request) -> web.Response:
        """A period's bulletins before they are made out, to staff who say why."""
        key, reason = self._doors.staff_read_personal(request)
        period = _period(request)
        left_minor = await self._office.operations.left_minor()
        found = await self._office.registry.call(
            lambda r: r.bulletins.preview(Act(now_ms(), key, reason), period, left_minor)
        )
        return answer(
            models.Preview(
                period=found.period,
                lines=[models.PreviewLine(**one._asdict()) for one in found.lines],
                refusals=[models.PreviewRefusal(**one._asdict()) for one in found.refusals],
                residents=found.residents,
                minutes=found.minutes,
                amount_minor=found.amount_minor,
            )
        )

    async def issue(self, request: web.Request) -> web.Response:
        """Make a period's bulletins out: operations for the staff to sign."""
        key, asked = await self._doors.staff_body(request, models.Issue)
        operations = await self._office.operations.issue(
            _act(request, key),
            _period(request),
            asked.programmes,
            skip_unconfirmed=asked.skip_unconfirmed,
        )
        return answer(models.Operations(operations=[self._model(one) for one in operations]))

    async def of_person(self, request: web.Request) -> web.Response:
        """A person's bulletins with their salts, to staff who say why."""
        key, reason = self._doors.staff_read_personal(request)
        period, person = _period(request), request.match_info["person"]
        found = await self._office.registry.call(
            lambda r: r.bulletins.of_person(Act(now_ms(), key, reason), period, person)
        )
        return answer(models.Bulletins(bulletins=[_bulletin(one) for one in found]))

    # -- operations -----------------------------------------------------------------------------

    async def sign(self, request: web.Request) -> web.Response:
        """Take a signature of one of the staff."""
        key, asked = await self._doors.staff_body(request, models.StaffSignature)
        operation = await self._office.operations.sign_by_staff(
            _act(request, key),
            _id(request),
            bytes.fromhex(asked.key),
            bytes.fromhex(asked.signature),
            wait_ms(request),
        )
        return self._answer(operation)

    async def operation(self, request: web.Request) -> web.Response:
        """One operation."""
        self._doors.staff_read(request)
        return self._answer(await self._office.operations.get(_id(request)))

    async def operations(self, request: web.Request) -> web.Response:
        """Those in a state; without one, those that wait."""
        self._doors.staff_read(request)
        state = request.query.get("state", "waiting")
        if state not in STATES:
            raise Refused("request_malformed", "no such state", field="state")
        found = await self._office.operations.listed(state)
        return answer(models.Operations(operations=[self._model(one) for one in found]))

    def _answer(self, operation: Operation) -> web.Response:
        return answer(self._model(operation))

    def _model(self, operation: Operation) -> models.Operation:
        return models.Operation.model_validate(
            {
                "id": operation.id.hex(),
                "kind": operation.kind,
                "programme": operation.programme,
                "amount_minor": operation.amount_minor,
                "state": operation.state,
                "body": operation.body.hex(),
                "staff_needed": self._office.operations.staff_needed(operation),
                "staff_signed": [one.key.hex() for one in operation.signatures],
                "transaction": hex_or_none(operation.transaction_id),
                "raw": hex_or_none(operation.raw),
                "height": operation.height,
                "valid_until_ms": operation.valid_until_ms,
            }
        )


def _bulletin(found: Bulletin) -> models.Bulletin:
    return models.Bulletin(
        person=found.person,
        programme=found.programme,
        period=found.period,
        activities=[models.BulletinActivity(**one._asdict()) for one in found.activities],
        minutes=found.minutes,
        amount_minor=found.amount_minor,
        salt=found.salt.hex(),
        commitment=found.commitment.hex(),
        transaction=hex_or_none(found.transaction_id),
        line=found.line,
        status=found.status,
        raw=hex_or_none(found.raw),
    )


def wait_ms(request: web.Request) -> int:
    """How long the answer may wait for finality."""
    return min(decimal(request.query.get("wait_ms", "0"), "wait_ms"), WAIT_MS_MAX)


def hex_or_none(raw: bytes | None) -> str | None:
    """Bytes as the API writes them."""
    return None if raw is None else raw.hex()


def _act(request: web.Request, key: bytes) -> Act:
    reason = request.headers.get("Democite-Reason", "")
    if not reason.isprintable():
        raise Refused("request_malformed", "a reason is printable", field="Democite-Reason")
    return Act(now_ms(), key, reason)


def _period(request: web.Request) -> str:
    period = request.match_info["period"]
    if not _PERIOD.fullmatch(period):
        raise Refused("request_malformed", "a period is written 2026-05", field="period")
    return period


def _id(request: web.Request) -> bytes:
    word = request.match_info["operation"]
    if not _ID.fullmatch(word):
        raise Refused("operation_unknown")
    return bytes.fromhex(word)
