"""`wallet balance`, `wallet history`, `wallet export`: what an account holds and did."""

import csv
import io
from pathlib import Path

from primitives import amounts
from terminal.errors import CommandError
from terminal.languages import current_language, text
from terminal.results import Result
from wallet.atomic_files import write_file
from wallet.desk import Desk
from wallet.lane_history import HISTORY_PAGE, HistoryItem, history_page
from wallet.notices import warn
from wallet.payment_actions import tell_news
from wallet.setup import OpenedWallet
from wallet.wording import amount_text, cut_text, decimals_of, notice, time_text, vouched_text

EXPORT_COLUMNS = ("number", "time", "kind", "counterparty", "amount", "currency", "note", "id")


async def balance(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """The balance, proved under a final header that is not older than one seen before."""
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        account, final = await desk.proved()
        await warn(desk)
    shown = amount_text(opened.network, account.currency, account.balance_minor)
    when = text(
        f"au bloc {final.height}, {time_text(final.time_ms)}",
        f"at block {final.height}, {time_text(final.time_ms)}",
    )
    return Result(
        {
            "address": owner.address,
            "currency": account.currency,
            "balance_minor": account.balance_minor,
            "height": final.height,
            "header_time_ms": final.time_ms,
            "vouched_by": final.vouched_by,
            "members": final.members,
        },
        f"{shown}\n{when}, {vouched_text(final.vouched_by, final.members)}",
    )


async def history(
    opened: OpenedWallet, passphrase_file: Path | None, limit: int, before: int | None
) -> Result:
    """The account's newest transactions, as its node tells them; a receipt proves one."""
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        await desk.account()
        await warn(desk)
        page = await history_page(desk.reader, owner, before=before, limit=limit)
        notes = _notes(desk)
    code, _ = opened.currency
    network = opened.network
    lines = []
    for item in page.items:
        amount = amount_text(network, code, item.amount_minor, signed=True)
        words = [time_text(item.time_ms), amount, item.counterparty or item.kind]
        note = notes.get(item.id, "")
        lines.append("  ".join([*words, f"« {note} »" if note else "", item.id.hex()]).strip())
    if page.cut_ms is not None:
        lines.append(cut_text(page.cut_ms))
    return Result(
        {
            "address": owner.address,
            "currency": code,
            "items": [_value(item, notes) for item in page.items],
            "next": page.following,
            "truncated": page.cut_ms is not None,
            "first_time_ms": page.cut_ms,
        },
        "\n".join(lines) or text("Rien encore.", "Nothing yet."),
    )


async def export(
    opened: OpenedWallet, passphrase_file: Path | None, out_file: Path | None
) -> Result:
    """The whole history as a table, with the notes that only this wallet has."""
    if out_file is not None and out_file.exists():
        raise FileExistsError(17, "exists", str(out_file))
    owner = opened.owner(passphrase_file)
    items: list[HistoryItem] = []
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        before: int | None = None
        while True:
            page = await history_page(desk.reader, owner, before=before, limit=HISTORY_PAGE)
            items.extend(page.items)
            if page.following is None:
                break
            if before is not None and page.following >= before:
                raise CommandError("node_answer_malformed")
            before = page.following
        notes = _notes(desk)
    items.reverse()
    code, _ = opened.currency
    table = _table(items, notes, code, decimals_of(opened.network, code))
    data: dict[str, object] = {"address": owner.address, "currency": code, "count": len(items)}
    data |= {"truncated": page.cut_ms is not None, "first_time_ms": page.cut_ms}
    if page.cut_ms is not None:
        notice(cut_text(page.cut_ms))
    if out_file is None:
        return Result({**data, "items": [_value(item, notes) for item in items]}, table.rstrip())
    write_file(out_file, table.encode("utf-8-sig"), replace=False)
    return Result(
        {**data, "file": str(out_file)},
        text(
            f"{len(items)} lignes écrites dans {out_file}",
            f"{len(items)} lines written to {out_file}",
        ),
    )


def _table(items: list[HistoryItem], notes: dict[bytes, str], code: str, decimals: int) -> str:
    mark = "," if current_language() == "fr" else "."
    shown = io.StringIO()
    writer = csv.writer(shown, delimiter=";", lineterminator="\n")
    writer.writerow(EXPORT_COLUMNS)
    for item in items:
        writer.writerow(
            [
                item.number,
                time_text(item.time_ms),
                item.kind,
                item.counterparty,
                amounts.format_amount(item.amount_minor, decimals, mark),
                code,
                _harmless(notes.get(item.id, "")),
                item.id.hex(),
            ]
        )
    return shown.getvalue()


def _harmless(note: str) -> str:
    """A note that no spreadsheet takes for a formula."""
    return f"'{note}" if note[:1] in ("=", "+", "-", "@", "\t") else note


def _value(item: HistoryItem, notes: dict[bytes, str]) -> dict[str, object]:
    value: dict[str, object] = {
        "number": item.number,
        "id": item.id.hex(),
        "height": item.height,
        "kind": item.kind,
        "time_ms": item.time_ms,
        "amount_minor": item.amount_minor,
        "counterparty": item.counterparty or None,
    }
    if item.id in notes:
        value["note"] = notes[item.id]
    return value


def _notes(desk: Desk) -> dict[bytes, str]:
    """The notes that this wallet wrote, by transaction id."""
    return {
        entry.id: str(entry.private["note"])
        for entry in desk.outbox.all()
        if entry.id and "note" in entry.private
    }
