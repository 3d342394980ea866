"""The town hall's registry, as its staff use it over HTTP: registers, activities, bulletins.

    async with TownHall(network, urls, staff_key, reason="monthly bulletins") as hall:
        await hall.import_rows(read_register("residents", path, hall.decimals))
        preview = await hall.preview("2026-11")
        for operation in await hall.issue("2026-11"):
            await hall.sign(operation, [first_key, second_key])

`reason` stands in the registry's audit log beside every read of personal data. Whatever staff sign
is decoded and compared with what was shown before the signature is given.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from clients.office.operations import (
    Operation,
    OperationSaid,
    check_amounts,
    device_of,
    operation_from_json,
    read_operation,
    territory_account,
)
from clients.office.register_files import RegisterRows
from ledger.envelope import cosign
from ledger.roles import COUNTERSIGN
from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.line_refusals import LineRefusal, LinesRefused
from wallet.home_node import PATIENCE_MS, HomeNode, refusals_from_json
from wallet.lane_owner import LaneOwner
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import ProvedInclusion, Reader

PAGE_LINES = 200
LINKS_A_REQUEST = 5_000
SETTLE_MS = 30_000
POLL_SECONDS = 0.3
WAIT_MS_MAX = 8_000

Link = tuple[str, str, str]
"""Kind (`resident`, `employer`, `service`), code, address."""
Json = Mapping[str, object]


@dataclass(frozen=True)
class Imported:
    """How many of a file's rows were new or changed, and how many were known."""

    imported: int
    unchanged: int


@dataclass(frozen=True)
class PreviewLine:
    """What a person would be credited in a programme."""

    person: str
    programme: str
    minutes: int
    amount_minor: int


@dataclass(frozen=True)
class Preview:
    """A period's bulletins before they are made out, and what keeps some of them back."""

    period: str
    lines: tuple[PreviewLine, ...]
    refusals: tuple[LineRefusal, ...]
    residents: int
    minutes: int
    amount_minor: int


class TownHall:
    """See the module's docstring."""

    def __init__(
        self,
        network: TrustedNetwork,
        urls: Sequence[str],
        staff_key: SigningKey,
        *,
        prefix: str | None = None,
        reason: str = "",
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        """`prefix` names the territory, where its card does not say that the key is its staff's."""
        self.network = network
        self.prefix = prefix or _territory_of(network, staff_key.public_key)
        currency = network.territory(self.prefix).currencies[0]
        self.currency, self.decimals = currency.code, currency.decimals
        self.reason = reason
        self.client = NodeClient(urls, network.network_id)
        self.reader = Reader(self.client, network, HeaderMemory())
        self._staff_key = staff_key
        self._node_keys: set[bytes] = set()
        self._home = HomeNode(self.client, staff_key, patience_ms=patience_ms)

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    @property
    def owner(self) -> LaneOwner:
        """The territory's account, read with this staff key."""
        account = territory_account(self.network, self.prefix)
        return LaneOwner(self.prefix, account.id, self._staff_key)

    # -- registers ----------------------------------------------------------------------------

    async def import_rows(self, rows: RegisterRows) -> Imported:
        """Bring a file's rows in: all or none. Raises `LinesRefused`."""
        try:
            content = await self._post(f"imports/{rows.register}", rows.to_json())
        except LinesRefused as refused:
            raise LinesRefused(refused.refusals, rows.file) from None
        return Imported(_count(content, "imported"), _count(content, "unchanged"))

    async def link(self, links: Sequence[Link]) -> int:
        """Note which open accounts belong to whom. Gives how many are new."""
        linked = 0
        for start in range(0, len(links), LINKS_A_REQUEST):
            part = [
                {"kind": kind, "code": code, "account": account}
                for kind, code, account in links[start : start + LINKS_A_REQUEST]
            ]
            linked += _count(await self._post("links", {"links": part}), "linked")
        return linked

    async def resident(self, person: str) -> Json:
        """One person of the register."""
        return await self._get(f"residents/{quote(person, safe='')}")

    async def listed(self, register: str, **filters: str) -> list[Json]:
        """Every item of a register, page by page; activities can be filtered."""
        found: list[Json] = []
        after = ""
        while True:
            query = {**filters, "limit": str(PAGE_LINES)}
            if after:
                query["after"] = after
            content = await self._get(f"{register}?{urlencode(query)}")
            found += _objects(content, "items")
            following = content.get("next")
            if not isinstance(following, str | int) or following in ("", after):
                return found
            after = str(following)

    async def activities(
        self, *, period: str = "", programme: str = "", unconfirmed: bool = False
    ) -> list[Json]:
        """Registered activities, all or those asked for."""
        filters = {
            "period": period,
            "programme": programme,
            "unconfirmed": "1" if unconfirmed else "",
        }
        given = {name: word for name, word in filters.items() if word}
        return await self.listed("activities", **given)

    async def confirm(
        self,
        confirmed_by: str,
        *,
        ids: Sequence[int] | None = None,
        programme: str | None = None,
        period: str | None = None,
    ) -> int:
        """Vouch for activities, by id or a programme's in a period. Gives how many were not yet."""
        content: dict[str, object] = {"confirmed_by": confirmed_by}
        if ids is not None:
            content["ids"] = list(ids)
        if programme is not None:
            content["programme"] = programme
        if period is not None:
            content["period"] = period
        return _count(await self._post("activities/confirm", content), "confirmed")

    # -- programmes and bulletins -------------------------------------------------------------

    async def open_programme(self, programme: str) -> Operation:
        """Ask for a programme's account, with its budget from the commons."""
        return await self._operation(f"programmes/{quote(programme, safe='')}/open", {})

    async def fund_programme(self, programme: str, amount_minor: int) -> Operation:
        """Ask to add to a programme's budget."""
        path = f"programmes/{quote(programme, safe='')}/fund"
        operation = await self._operation(path, {"amount_minor": amount_minor})
        if operation.amount_minor != amount_minor:
            raise Refused("operation_differs", f"{operation.amount_minor} ≠ {amount_minor}")
        return operation

    async def close_programme(self, programme: str) -> Operation:
        """Ask to give back what is left of a programme's budget."""
        return await self._operation(f"programmes/{quote(programme, safe='')}/close", {})

    async def preview(self, period: str) -> Preview:
        """A period's bulletins as they would be made out now."""
        content = await self._get(f"bulletins/{quote(period, safe='')}")
        listed = content.get("refusals")
        lines = [
            PreviewLine(
                str(one.get("person", "")),
                str(one.get("programme", "")),
                _count(one, "minutes"),
                _count(one, "amount_minor"),
            )
            for one in _objects(content, "lines")
        ]
        return Preview(
            period=period,
            lines=tuple(lines),
            refusals=tuple(refusals_from_json(listed if isinstance(listed, list) else [])),
            residents=_count(content, "residents"),
            minutes=_count(content, "minutes"),
            amount_minor=_count(content, "amount_minor"),
        )

    async def issue(
        self,
        period: str,
        *,
        skip_unconfirmed: bool = False,
        programmes: Sequence[str] | None = None,
    ) -> list[Operation]:
        """Make out a period's bulletins, to be signed: the amounts previewed, or none.

        With nothing new to credit, those made out earlier that still wait. Raises `LinesRefused`
        while an activity is unconfirmed (unless skipped) or a budget does not suffice;
        `Refused("operation_differs")`.
        """
        preview = await self.preview(period)
        chosen = None if programmes is None else set(programmes)
        content = await self._post(
            f"bulletins/{quote(period, safe='')}/issue",
            {
                "skip_unconfirmed": skip_unconfirmed,
                "programmes": None if programmes is None else list(programmes),
            },
        )
        operations = [await self._read(one) for one in _objects(content, "operations")]
        said = [self.said(operation) for operation in operations]
        previewed = [
            line.amount_minor
            for line in preview.lines
            if line.amount_minor and (chosen is None or line.programme in chosen)
        ]
        if previewed:
            check_amounts(previewed, said)
        return operations

    async def bulletins_of(self, period: str, person: str) -> list[Json]:
        """A person's bulletins of a period, with the salts that open their lines."""
        path = f"bulletins/{quote(period, safe='')}/{quote(person, safe='')}"
        return _objects(await self._get(path), "bulletins")

    # -- operations ---------------------------------------------------------------------------

    async def operation(self, id: str) -> Operation:
        """One operation as it stands."""
        return await self._read(await self._get(f"operations/{quote(id, safe='')}"))

    async def waiting(self) -> list[Operation]:
        """The operations that wait for signatures."""
        content = await self._get("operations?state=waiting")
        return [await self._read(one) for one in _objects(content, "operations")]

    def said(self, operation: Operation) -> OperationSaid:
        """What an operation's bytes say. Raises `Refused("operation_differs")`."""
        return read_operation(self.network, self.prefix, operation, self._node_keys)

    async def sign(
        self, operation: Operation, keys: Sequence[SigningKey], *, wait_ms: int = 0
    ) -> Operation:
        """Sign with each key, once the bytes were found to say what is shown.

        With `wait_ms` the node answers when the last signature's effect is final, or later.
        """
        self.said(operation)
        body = operation.body
        for index, key in enumerate(keys):
            signed = cosign(body, self.network.network_id, key)
            is_last = index == len(keys) - 1
            operation = await self._operation(
                f"operations/{quote(operation.id, safe='')}/signatures",
                {"key": signed.key.hex(), "signature": signed.signature.hex()},
                wait_ms=min(wait_ms, WAIT_MS_MAX) if is_last else 0,
            )
            if operation.body != body:
                raise Refused("operation_differs", "its body changed while it was signed")
            if operation.state != "waiting":
                break
        return operation

    async def settle(self, operation: Operation, *, wait_ms: int = SETTLE_MS) -> Operation:
        """Wait until a signed operation is final or released; gives it as it then stands."""
        deadline = time.monotonic() + wait_ms / 1000
        while not operation.is_settled and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            operation = await self.operation(operation.id)
        return operation

    async def prove(self, operation: Operation) -> ProvedInclusion | None:
        """That a final operation stands in a final block, checked against the genesis alone; None
        where no node asked keeps that block any more."""
        if operation.transaction is None:
            return None
        id = bytes.fromhex(operation.transaction)
        try:
            found = await self.reader.inclusion(id, self._staff_key)
        except Refused as refusal:
            if refusal.code != "block_pruned":
                raise
            return None
        return found if isinstance(found, ProvedInclusion) else None

    # -- requests -----------------------------------------------------------------------------

    async def _operation(
        self, path: str, content: Mapping[str, object], *, wait_ms: int = 0
    ) -> Operation:
        return await self._read(await self._post(path, content, wait_ms=wait_ms))

    async def _read(self, content: Json) -> Operation:
        """An operation; where it is on the lane of another key than the node began with, the
        territory's account is asked, with its proof, which keys the node has today."""
        operation = operation_from_json(content)
        device, known = device_of(operation), self.network.territory(self.prefix).node_key
        if device and device != known and device not in self._node_keys:
            owner = self.owner
            proved = await self.reader.account(self.prefix, owner.account_id, self._staff_key)
            devices = () if proved.account is None else proved.account.devices
            self._node_keys = {one.key for one in devices if one.roles & COUNTERSIGN}
        return operation

    async def _get(self, path: str) -> Json:
        return await self._home.get(f"/v1/office/{path}", reason=self.reason)

    async def _post(self, path: str, content: Mapping[str, object], *, wait_ms: int = 0) -> Json:
        return await self._home.post(
            f"/v1/office/{path}", content, reason=self.reason, wait_ms=wait_ms
        )


def _territory_of(network: TrustedNetwork, key: bytes) -> str:
    for territory in network.territories:
        if key in territory.signing_keys:
            return territory.prefix
    raise Refused("key_unknown", key.hex())


def _objects(content: Json, name: str) -> list[Json]:
    listed = content.get(name)
    if not isinstance(listed, list):
        raise Refused("node_answer_malformed", field=name)
    return [one for one in listed if isinstance(one, dict)]


def _count(content: Json, name: str) -> int:
    value = content.get(name)
    if type(value) is not int or value < 0:
        raise Refused("node_answer_malformed", field=name)
    return value
