"""What staff do with the registers: import, register, open, link, show, list."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from clients.office import actions
from clients.office.counter import Asked, Counter, at_counter
from clients.office.register_files import one_row, read_register
from clients.office.signers import Signers, open_signers
from ledger import account_kinds
from primitives import amounts
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import current_language, text
from terminal.results import Result
from wallet.account_requests import LINE_START, parse_account_request
from wallet.setup import parse_address_of

_SHOWN_COLUMNS = {
    "residents": ("person", "name", "first_name", "account"),
    "employers": ("code", "name", "sector", "account"),
    "services": ("code", "name", "sector", "account"),
    "programmes": (
        "programme", "title", "from", "to", "budget_minor", "balance_minor", "state",
    ),
    "levels": ("level", "rate_per_hour_minor"),
    "activities": (
        "id", "person", "programme", "date", "minutes", "level", "confirmed_by", "run_id",
    ),
}  # fmt: skip


async def import_file(asked: Asked, register: str, file: Path) -> Result:
    """Bring a whole file in, or nothing of it. Raises `LinesRefused`."""
    async with at_counter(asked) as counter:
        rows = read_register(register, file, counter.hall.decimals)
        imported = await counter.hall.import_rows(rows)
    data: dict[str, object] = {
        "register": register,
        "file": str(file),
        "imported": imported.imported,
        "unchanged": imported.unchanged,
    }
    shown = text(
        f"{file} : {imported.imported} lignes prises, {imported.unchanged} déjà connues",
        f"{file}: {imported.imported} lines taken in, {imported.unchanged} known already",
    )
    return Result(data, shown)


async def register_one(asked: Asked, register: str, cells: Mapping[str, str]) -> Result:
    """Write one person, employer or service down. Raises `LinesRefused`."""
    async with at_counter(asked) as counter:
        rows = one_row(register, dict(cells), counter.hall.decimals)
        imported = await counter.hall.import_rows(rows)
    is_new = imported.imported > 0
    code = next(iter(cells.values()))
    shown = text("inscrit", "registered") if is_new else text("déjà inscrit", "known already")
    return Result(
        {"register": register, "code": code, "changed": is_new}, f"{code}{text(' : ', ': ')}{shown}"
    )


async def open_for(asked: Asked, kind: str, code: str, request: str, *, wait: bool) -> Result:
    """Open the account that somebody's wallet asks for, and note whose it is."""
    parsed = parse_account_request(_request_line(request))
    if parsed.account_kind != kind:
        raise Refused("account_kind_invalid", f"{parsed.account_kind} ≠ {kind}")
    network = asked.network()
    signers = await open_signers(
        network, asked.urls, asked.keystores, asked.passphrase_files, account_kinds.TERRITORY
    )
    opened: dict[str, object] = {}
    try:
        result = await actions.open_requested(
            network, asked.urls, signers, [parsed], None, wait=wait
        )
    except CommandError as error:
        # Opened by an earlier call that did not come to note whose it is.
        if error.code != "account_exists":
            raise
    else:
        opened = dict(result.data)
        if opened.get("status") != "final":
            return result
        if result.shown is not None:
            result.shown()
    linked = await link(asked, kind, code, parsed.address, signers=signers)
    return Result({**opened, **linked.data}, linked.text)


async def link(
    asked: Asked, kind: str, code: str, address: str, *, signers: Signers | None = None
) -> Result:
    """Note that an open account is somebody's."""
    async with at_counter(asked, signers=signers) as counter:
        parsed = parse_address_of(counter.hall.network, address)
        if parsed.prefix != counter.hall.prefix:
            raise Refused("address_of_other_network", parsed.prefix)
        changed = await counter.hall.link([(kind, code, address.strip().lower())])
    return Result(
        {"kind": kind, "code": code, "account": address.strip().lower(), "changed": changed > 0},
        f"{code} → {address.strip().lower()}",
    )


async def show_one(asked: Asked, register: str, code: str) -> Result:
    """What the register says of one person, employer or service."""
    async with at_counter(asked, needs_reason=True) as counter:
        if register == "residents":
            found = await counter.hall.resident(code)
        else:
            listed = await counter.hall.listed(register)
            match = [one for one in listed if one.get("code") == code]
            if not match:
                raise Refused("not_found", code)
            found = match[0]
    lines = [f"{name}: {value if value is not None else '-'}" for name, value in found.items()]
    return Result(found, "\n".join(lines))


async def list_register(asked: Asked, register: str, filters: Mapping[str, str]) -> Result:
    """A whole register, or the part asked for."""
    async with at_counter(asked, needs_reason=True) as counter:
        items = await counter.hall.listed(register, **filters)
        return Result(
            {"register": register, "items": items, "count": len(items)},
            table_text(counter, _SHOWN_COLUMNS[register], items),
        )


async def confirm(
    asked: Asked,
    confirmed_by: str,
    ids: Sequence[int],
    programme: str | None,
    period: str | None,
) -> Result:
    """Vouch for activities: those named, or a programme's in a month."""
    if bool(ids) == bool(programme or period) or bool(programme) != bool(period):
        raise CommandError(
            "usage",
            text(
                "donnez des numéros d'activité, ou --programme et --period ensemble",
                "give numbers of activities, or --programme and --period together",
            ),
        )
    async with at_counter(asked) as counter:
        confirmed = await counter.hall.confirm(
            confirmed_by, ids=list(ids) or None, programme=programme, period=period
        )
    return Result(
        {"confirmed": confirmed, "confirmed_by": confirmed_by},
        text(f"{confirmed} activités confirmées", f"{confirmed} activities confirmed"),
    )


def table_text(
    counter: Counter, columns: Sequence[str], items: Sequence[Mapping[str, object]]
) -> str:
    """Items as a table: the columns' names, then a line each."""
    if not items:
        return text("Rien encore.", "Nothing yet.")
    mark = "," if current_language() == "fr" else "."

    def cell(name: str, value: object) -> str:
        if value is None or value == "":
            return "-"
        if name.endswith("_minor") and type(value) is int:
            return amounts.format_amount(value, counter.hall.decimals, mark)
        return str(value)

    rows = [[name.removesuffix("_minor") for name in columns]]
    rows += [[cell(name, item.get(name)) for name in columns] for item in items]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _request_line(request: str) -> str:
    """A request as one line, from the command line or from a card's file."""
    if request.strip().startswith(LINE_START):
        return request.strip()
    with Path(request).open("rb") as stream:
        raw = stream.read(4_096)
    try:
        return raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise Refused("file_encoding_unknown", file=request) from None
