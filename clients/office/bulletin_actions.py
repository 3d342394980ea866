"""What staff do with programmes and bulletins, from opening a budget to disclosing a line."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from clients.disclosures import bulletin_disclosure, gather_receipt, verify_disclosure
from clients.office.counter import (
    Asked,
    Counter,
    at_counter,
    operation_value,
    operations_result,
    said_text,
    sign_through,
    standing_text,
)
from clients.office.operations import Operation
from clients.office.town_hall import Preview
from primitives import amounts
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.asking import ask_to_sign
from wallet.atomic_files import write_file
from wallet.wording import amount_text, notice

_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
REFUSALS_SHOWN_MAX = 50


async def open_programme(asked: Asked, programme: str, *, wait: bool, yes: bool) -> Result:
    """Open a programme's account with its registered budget."""
    async with at_counter(asked) as counter:
        operation = await counter.hall.open_programme(programme)
        return await _ask_and_sign(counter, [operation], wait=wait, yes=yes, command="programme")


async def fund_programme(
    asked: Asked, programme: str, amount: str, *, wait: bool, yes: bool
) -> Result:
    """Add to a programme's budget from the commons."""
    async with at_counter(asked) as counter:
        amount_minor = amounts.parse_amount(amount, counter.hall.decimals)
        if amount_minor == 0:
            raise Refused("amount_out_of_range", field="amount")
        operation = await counter.hall.fund_programme(programme, amount_minor)
        return await _ask_and_sign(counter, [operation], wait=wait, yes=yes, command="programme")


async def close_programme(asked: Asked, programme: str, *, wait: bool, yes: bool) -> Result:
    """Give back to the commons what is left of a programme's budget."""
    async with at_counter(asked) as counter:
        operation = await counter.hall.close_programme(programme)
        return await _ask_and_sign(counter, [operation], wait=wait, yes=yes, command="programme")


async def preview(asked: Asked, period: str) -> Result:
    """What a month's bulletins would be, and what keeps some of them back."""
    check_period(period)
    async with at_counter(asked, needs_reason=True) as counter:
        found = await counter.hall.preview(period)
        data: dict[str, object] = {
            "period": period,
            "residents": found.residents,
            "minutes": found.minutes,
            "amount_minor": found.amount_minor,
            "lines": [vars(line) for line in found.lines],
            "refusals": [refusal.value() for refusal in found.refusals],
        }
        return Result(data, _preview_text(counter, found))


async def issue(
    asked: Asked,
    period: str,
    *,
    skip_unconfirmed: bool,
    programmes: Sequence[str] | None,
    wait: bool,
    yes: bool,
) -> Result:
    """Make out a month's bulletins, sign them, and credit them once the signatures suffice."""
    check_period(period)
    async with at_counter(asked, needs_reason=True) as counter:
        operations = await counter.hall.issue(
            period, skip_unconfirmed=skip_unconfirmed, programmes=programmes
        )
        return await _ask_and_sign(counter, operations, wait=wait, yes=yes, command="bulletin")


async def sign(asked: Asked, operation_id: str, *, wait: bool, yes: bool, command: str) -> Result:
    """Add signatures to an operation that waits, after showing what its bytes say."""
    async with at_counter(asked) as counter:
        operation = await counter.hall.operation(operation_id)
        return await _ask_and_sign(counter, [operation], wait=wait, yes=yes, command=command)


async def status(asked: Asked, operation_id: str | None, *, command: str) -> Result:
    """How one operation stands, or all that wait; nothing is signed."""
    async with at_counter(asked) as counter:
        if operation_id is not None:
            operation = await counter.hall.operation(operation_id)
            done = [(operation, counter.hall.said(operation))]
            return await operations_result(counter, done, command=command)
        waiting = [(one, counter.hall.said(one)) for one in await counter.hall.waiting()]
        lines = [
            f"{said_text(counter.hall, said)}\n  {standing_text(operation, command)}"
            for operation, said in waiting
        ]
        return Result(
            {"operations": [operation_value(operation, said) for operation, said in waiting]},
            "\n".join(lines)
            or text("Rien n'attend de signature.", "Nothing waits for a signature."),
        )


async def disclose(
    asked: Asked, period: str, person: str, programme: str | None, out: Path
) -> Result:
    """Write a file from which an auditor can check one bulletin against the ledger."""
    check_period(period)
    if out.exists():
        raise FileExistsError(17, "exists", str(out))
    async with at_counter(asked, needs_reason=True) as counter:
        hall = counter.hall
        found = [
            one
            for one in await hall.bulletins_of(period, person)
            if one.get("transaction") and programme in (None, one.get("programme"))
        ]
        if not found:
            raise Refused("not_found", f"{person}, {period}")
        if len(found) > 1:
            names = ", ".join(sorted({str(one.get("programme")) for one in found}))
            raise CommandError(
                "usage",
                text(
                    f"cette personne a plusieurs bulletins ({names}) : donnez --programme",
                    f"this person has several bulletins ({names}): give --programme",
                ),
            )
        bulletin = found[0]
        receipt = await gather_receipt(
            hall.reader, hall.owner, bytes.fromhex(str(bulletin["transaction"]))
        )
        disclosure = bulletin_disclosure(receipt, bulletin)
        verified = verify_disclosure(hall.network, disclosure)
    content = json.dumps(disclosure.to_json(), indent=1, ensure_ascii=False).encode() + b"\n"
    write_file(out, content, replace=False)
    shown = amount_text(hall.network, hall.currency, verified.amount_minor)
    return Result(
        {
            "file": str(out),
            "person": person,
            "period": period,
            "programme": bulletin.get("programme"),
            "amount_minor": verified.amount_minor,
            "transaction": verified.receipt.transaction.id.hex(),
            "line": disclosure.line,
        },
        text(
            f"{shown}, ligne {disclosure.line + 1}, écrit dans {out} ; "
            "à vérifier avec : democite verify FILE --genesis GENESIS",
            f"{shown}, line {disclosure.line + 1}, written to {out}; "
            "to be checked with: democite verify FILE --genesis GENESIS",
        ),
    )


def check_period(period: str) -> None:
    """Raises `Refused("period_malformed")` unless it is a month."""
    if _PERIOD.fullmatch(period) is None:
        raise Refused("period_malformed", period[:40], field="PERIOD")


async def _ask_and_sign(
    counter: Counter, operations: Sequence[Operation], *, wait: bool, yes: bool, command: str
) -> Result:
    waiting = [operation for operation in operations if operation.state == "waiting"]
    if waiting:
        shown = [said_text(counter.hall, counter.hall.said(operation)) for operation in waiting]
        ask_to_sign("\n".join(shown), yes=yes)
    return await sign_through(counter, operations, wait=wait, command=command)


def _preview_text(counter: Counter, found: Preview) -> str:
    network, code = counter.hall.network, counter.hall.currency
    for refusal in found.refusals[:REFUSALS_SHOWN_MAX]:
        notice(refusal.shown(None))
    if len(found.refusals) > REFUSALS_SHOWN_MAX:
        more = len(found.refusals) - REFUSALS_SHOWN_MAX
        notice(text(f"et {more} autres refus, voir --json", f"and {more} more, see --json"))
    totals: dict[str, tuple[int, int, int]] = {}
    for line in found.lines:
        people, minutes, amount_minor = totals.get(line.programme, (0, 0, 0))
        totals[line.programme] = (
            people + 1, minutes + line.minutes, amount_minor + line.amount_minor,
        )  # fmt: skip
    lines = [
        text(
            f"{programme} : {people} bulletins, {_hours(minutes)}, "
            f"{amount_text(network, code, amount_minor)}",
            f"{programme}: {people} bulletins, {_hours(minutes)}, "
            f"{amount_text(network, code, amount_minor)}",
        )
        for programme, (people, minutes, amount_minor) in sorted(totals.items())
    ]
    total = amount_text(network, code, found.amount_minor)
    lines.append(
        text(
            f"{found.period} : {found.residents} personnes, {_hours(found.minutes)}, {total}, "
            f"{len(found.refusals)} refus",
            f"{found.period}: {found.residents} people, {_hours(found.minutes)}, {total}, "
            f"{len(found.refusals)} refusals",
        )
    )
    return "\n".join(lines)


def _hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d}"
