"""The registers as the staff use them: files in, accounts linked, people and hours read."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import web

from node.api import models_office as models
from node.api.doors import Doors
from node.api.models import Model
from node.api.reads import answer, decimal
from node.clock import now_ms
from node.office.office import Office
from node.registry import records as rows
from node.registry.records import Act, Imported
from node.registry.register import Registry
from node.territory import TerritoryNode
from primitives.addresses import format_address, parse_address
from primitives.errors import Refused

IMPORT_BYTES_MAX = 8 << 20
LINKS_BYTES_MAX = 2 << 20
PAGE_LINES_MAX = 200

_Import = TypeVar("_Import", bound=models.Import)


class Registers:
    """Handlers over one office. Rows are turned into the registry's own in its thread: there may be
    many."""

    def __init__(self, node: TerritoryNode, office: Office, doors: Doors) -> None:
        self._node = node
        self._office = office
        self._doors = doors

    # -- files in -------------------------------------------------------------------------------

    async def import_residents(self, request: web.Request) -> web.Response:
        """Take in residents."""
        key, asked = await self._taken(request, models.ResidentImport)
        act = _act(request, key, asked)
        return await self._imported(
            lambda r: r.people.import_residents(
                act, [rows.ResidentRow(**dict(one)) for one in asked.rows]
            )
        )

    async def import_employers(self, request: web.Request) -> web.Response:
        """Take in employers."""
        key, asked = await self._taken(request, models.PartnerImport)
        act = _act(request, key, asked)
        return await self._imported(
            lambda r: r.people.import_employers(
                act, [rows.PartnerRow(**dict(one)) for one in asked.rows]
            )
        )

    async def import_services(self, request: web.Request) -> web.Response:
        """Take in services."""
        key, asked = await self._taken(request, models.PartnerImport)
        act = _act(request, key, asked)
        return await self._imported(
            lambda r: r.people.import_services(
                act, [rows.PartnerRow(**dict(one)) for one in asked.rows]
            )
        )

    async def import_programmes(self, request: web.Request) -> web.Response:
        """Take in programmes."""
        key, asked = await self._taken(request, models.ProgrammeImport)
        given = [
            rows.ProgrammeRow(
                one.line, one.programme, one.title, one.budget_minor, one.first_day, one.last_day
            )
            for one in asked.rows
        ]
        return await self._imported(
            lambda r: r.programmes.import_programmes(_act(request, key, asked), given)
        )

    async def import_levels(self, request: web.Request) -> web.Response:
        """Take in levels."""
        key, asked = await self._taken(request, models.LevelImport)
        act = _act(request, key, asked)
        return await self._imported(
            lambda r: r.levels.import_levels(
                act, [rows.LevelRow(**dict(one)) for one in asked.rows]
            )
        )

    async def import_activities(self, request: web.Request) -> web.Response:
        """Take in activities."""
        key, asked = await self._taken(request, models.ActivityImport)
        act = _act(request, key, asked)
        digest = bytes.fromhex(asked.file_sha256)
        return await self._imported(
            lambda r: r.activities.import_activities(
                act, [rows.ActivityRow(**dict(one)) for one in asked.rows], digest
            )
        )

    async def _taken(self, request: web.Request, model: type[_Import]) -> tuple[bytes, _Import]:
        return await self._doors.staff_body(request, model, IMPORT_BYTES_MAX)

    async def _imported(self, work: Callable[[Registry], Imported]) -> web.Response:
        done = await self._office.registry.call(work)
        return answer(models.Imported(imported=done.imported, unchanged=done.unchanged))

    async def link(self, request: web.Request) -> web.Response:
        """Write down whose account is whose."""
        key, asked = await self._doors.staff_body(request, models.Links, LINKS_BYTES_MAX)
        given = [self._link(line, one) for line, one in enumerate(asked.links, 1)]
        linked = await self._office.registry.call(
            lambda r: r.people.link_all(_act(request, key), given)
        )
        return answer(models.Linked(linked=linked))

    def _link(self, line: int, link: models.Link) -> rows.LinkRow:
        """A link to an account that is open, of that kind, and of this territory."""
        address = parse_address(link.account)
        account = self._node.account(address.account_id)
        prefix = self._office.territory.prefix
        if account is None or not account.prefix == address.prefix == prefix:
            raise Refused("account_unknown", f"{link.code}: not open here", line=line)
        if account.kind != link.kind:
            raise Refused("account_kind_invalid", f"{link.code}: the account is a {account.kind}'s")
        return rows.LinkRow(line, link.kind, link.code, account.id)

    async def confirm(self, request: web.Request) -> web.Response:
        """Vouch for activities."""
        key, asked = await self._doors.staff_body(request, models.Confirmation, LINKS_BYTES_MAX)
        act, by = _act(request, key), asked.confirmed_by
        ids, programme, period = asked.ids, asked.programme, asked.period

        def work(registry: Registry) -> int:
            if ids is not None and programme is None and period is None:
                return registry.activities.confirm(act, by, ids)
            if ids is None and programme is not None and period is not None:
                return registry.activities.confirm_all(act, by, programme, period)
            raise Refused("request_malformed", "either ids, or a programme and a period")

        return answer(models.Confirmed(confirmed=await self._office.registry.call(work)))

    # -- read -----------------------------------------------------------------------------------

    async def resident(self, request: web.Request) -> web.Response:
        """One person, to staff who say why."""
        key, reason = self._doors.staff_read_personal(request)
        person = request.match_info["person"]
        found = await self._office.registry.call(
            lambda r: r.people.resident(Act(now_ms(), key, reason), person)
        )
        return answer(self._resident(found))

    async def residents(self, request: web.Request) -> web.Response:
        """People, to staff who say why."""
        key, reason = self._doors.staff_read_personal(request)
        limit, after = _page(request)
        found = await self._office.registry.call(
            lambda r: r.people.residents(Act(now_ms(), key, reason), limit, after)
        )
        items = [self._resident(one) for one in found]
        return answer(models.Residents(items=items, next=_next(items, limit, "person")))

    async def employers(self, request: web.Request) -> web.Response:
        """Employers."""
        return await self._partners(request, "employer")

    async def services(self, request: web.Request) -> web.Response:
        """Services."""
        return await self._partners(request, "service")

    async def _partners(self, request: web.Request, kind: str) -> web.Response:
        self._doors.staff_read(request)
        limit, after = _page(request)
        found = await self._office.registry.call(lambda r: r.people.partners(kind, limit, after))
        items = [
            models.Partner(
                code=one.code,
                name=one.name,
                siret=one.siret,
                sector=one.sector,
                account=self._address(one.account),
            )
            for one in found
        ]
        return answer(models.Partners(items=items, next=_next(items, limit, "code")))

    async def programmes(self, request: web.Request) -> web.Response:
        """Programmes, and what their accounts hold."""
        self._doors.staff_read(request)
        limit, after = _page(request)
        found = await self._office.registry.call(lambda r: r.programmes.listed(limit, after))
        items = [self._programme(one) for one in found]
        return answer(
            models.Programmes(items=items, next=_next(items, limit, "programme")), by_alias=True
        )

    async def levels(self, request: web.Request) -> web.Response:
        """Levels."""
        self._doors.staff_read(request)
        limit, after = _page(request)
        found = await self._office.registry.call(lambda r: r.levels.listed(limit, after))
        items = [models.Level(**one._asdict()) for one in found]
        return answer(models.Levels(items=items, next=_next(items, limit, "level")))

    async def activities(self, request: web.Request) -> web.Response:
        """Activities, to staff who say why."""
        key, reason = self._doors.staff_read_personal(request)
        query = request.query
        limit, _ = _page(request)
        after = decimal(query.get("after", "0"), "after")
        period, programme = query.get("period") or None, query.get("programme") or None
        unconfirmed = query.get("unconfirmed", "") == "1"
        found = await self._office.registry.call(
            lambda r: r.activities.listed(
                Act(now_ms(), key, reason),
                limit,
                after=after,
                period=period,
                programme=programme,
                unconfirmed=unconfirmed,
            )
        )
        items = [
            models.Activity(
                id=one.id,
                person=one.person,
                programme=one.programme,
                date=one.date,
                minutes=one.minutes,
                level=one.level,
                confirmed_by=one.confirmed_by,
                in_batch=one.batch_id is not None,
            )
            for one in found
        ]
        following = items[-1].id if len(items) == limit else None
        return answer(models.Activities(items=items, next=following))

    def _resident(self, found: rows.Resident) -> models.Resident:
        fields = found._asdict() | {"account": self._address(found.account)}
        return models.Resident.model_validate(fields)

    def _programme(self, found: rows.Programme) -> models.Programme:
        account = None if found.state == "planned" else self._node.account(found.account)
        return models.Programme.model_validate(
            {
                "programme": found.programme,
                "title": found.title,
                "budget_minor": found.budget_minor,
                "from": found.from_date,
                "to": found.to_date,
                "state": found.state,
                "account": None if account is None else self._address(account.id),
                "balance_minor": None if account is None else account.balance_minor,
            }
        )

    def _address(self, account: bytes | None) -> str | None:
        prefix = self._office.territory.prefix
        return None if account is None else format_address(prefix, account)


def _act(request: web.Request, key: bytes, asked: models.Import | None = None) -> Act:
    """Who changes something, and out of which file."""
    reason = request.headers.get("Democite-Reason", "")
    if not reason.isprintable():
        raise Refused("request_malformed", "a reason is printable", field="Democite-Reason")
    return Act(now_ms(), key, reason or ("" if asked is None else asked.file_name))


def _page(request: web.Request) -> tuple[int, str]:
    limit = decimal(request.query.get("limit", "100"), "limit")
    after = request.query.get("after", "")
    if len(after) > 64:
        raise Refused("request_malformed", "after is a code", field="after")
    return max(1, min(limit, PAGE_LINES_MAX)), after


def _next(items: Sequence[Model], limit: int, field: str) -> str | None:
    return str(getattr(items[-1], field)) if len(items) == limit else None
