"""`payroll check`, `submit`, `status`, `disclose`: what an employer does, command by command."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clients.disclosures import receipt_of, verify_disclosure, wage_disclosure
from clients.payroll.employer_desk import EmployerDesk, PaidRun
from clients.payroll.payroll_file import TEMPLATE, Payroll, faults_of, merged, read_payroll
from clients.payroll.round_shares import telling_shares
from clients.payroll.run_lanes import OutboxLane
from clients.payroll.wage_runs import lines_from_private
from ledger.fields import WAGES_PAY
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.line_refusals import LineRefusal, LinesRefused
from terminal.results import Result
from wallet.atomic_files import write_file
from wallet.notices import warn
from wallet.payment_actions import outcome_result, tell_news
from wallet.setup import OpenedWallet
from wallet.wording import amount_text, notice


def template(out: Path | None) -> Result:
    """The first line of a payroll's file."""
    if out is None:
        return Result({"columns": TEMPLATE.strip().split(";")}, TEMPLATE.strip())
    # With the mark, spreadsheets read accents as they are meant.
    write_file(out, TEMPLATE.encode("utf-8-sig"), replace=False)
    return Result({"file": str(out)}, text(f"Modèle écrit dans {out}", f"Template in {out}"))


async def check(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    file: Path,
    run_name: str | None,
    *,
    offline: bool,
) -> Result:
    """Everything wrong with a payroll: what the file shows, then what the town hall says.

    Raises `LinesRefused` with all of it.
    """
    payroll = _read(opened, file, run_name)
    cap_bps = opened.network.territory(opened.identity.prefix).wage_cap_bps
    faults = _allowed_shown(opened, faults_of(payroll, cap_bps))
    if not offline:
        owner = opened.owner(passphrase_file)
        async with EmployerDesk(opened.network, opened.home_urls, owner) as desk:
            try:
                await desk.check(payroll)
            except LinesRefused as refused:
                faults = merged(faults, _allowed_shown(opened, refused.refusals))
            except Refused as refusal:
                if refusal.code != "node_unreachable" or not faults:
                    raise
                notice(
                    text(
                        "note : la mairie ne répond pas, ces refus ne sont que ceux du fichier",
                        "note: the town hall does not answer, these refusals are the file's only",
                    )
                )
    if faults:
        raise LinesRefused(faults, payroll.file)
    return _checked_result(opened, payroll, offline=offline)


async def submit(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    file: Path,
    run_name: str | None,
    *,
    wait: bool,
) -> Result:
    """Have a payroll countersigned and paid: all its lines or none."""
    payroll = _read(opened, file, run_name)
    cap_bps = opened.network.territory(opened.identity.prefix).wage_cap_bps
    if faults_of(payroll, cap_bps):
        # Refused already; the town hall is asked for the rest, so that all is mended at once.
        await check(opened, passphrase_file, file, run_name, offline=False)
    _tell_round_shares(opened, payroll)
    owner = opened.owner(passphrase_file)
    folder = opened.folder.folder
    urls = opened.home_urls
    async with EmployerDesk(opened.network, urls, owner, folder=folder) as desk:
        if not isinstance(desk.lane, OutboxLane):
            raise RuntimeError("a wallet's payroll goes through its outbox")
        await tell_news(desk.lane.desk)
        try:
            run = await desk.submit(payroll, wait=wait)
        except LinesRefused as refused:
            raise LinesRefused(_allowed_shown(opened, refused.refusals), payroll.file) from None
        except Refused as refusal:
            if refusal.code in ("node_unreachable", "node_busy"):
                raise CommandError("outcome_unknown", file=payroll.file) from None
            raise
        await warn(desk.lane.desk)
        result = outcome_result(desk.lane.desk, run.entry)
    count = len(run.lines)
    head = text(f"Part locale, lignes payées : {count}", f"Local share, lines paid: {count}")
    return replace(
        result,
        data={**result.data, **_run_value(payroll, run)},
        text=f"{head}\n{result.text}",
    )


async def status(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """The employer's runs, as the town hall has them."""
    owner = opened.owner(passphrase_file)
    async with EmployerDesk(opened.network, opened.home_urls, owner) as desk:
        runs = await desk.runs()
        code = desk.currency
    lines = [
        "  ".join(
            [
                run.period,
                run.state,
                text(f"lignes : {run.lines}", f"lines: {run.lines}"),
                amount_text(opened.network, code, run.local_total_minor),
                run.run_name or "-",
                run.id or "-",
            ]
        )
        for run in runs
    ]
    return Result(
        {"runs": [vars(run) for run in runs]},
        "\n".join(lines) or text("Aucune paie encore.", "No payroll yet."),
    )


async def disclose(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    transaction_id: bytes,
    employee: str,
    out: Path,
) -> Result:
    """Write a file from which an auditor can check one employee's line against the ledger."""
    if out.exists():
        raise FileExistsError(17, "exists", str(out))
    owner = opened.owner(passphrase_file)
    lane = OutboxLane(opened.network, opened.urls, owner, opened.folder.folder)
    async with lane:
        entry = lane.desk.outbox.by_id(transaction_id)
        if entry is None or entry.kind != WAGES_PAY:
            raise Refused("payment_unknown", transaction_id.hex())
        lines = lines_from_private(entry.private)
        place = next((at for at, one in enumerate(lines) if one.employee == employee), None)
        if place is None:
            raise Refused("employee_unknown", employee)
        receipt = await receipt_of(lane.desk.reader, owner, transaction_id, entry.raw)
    disclosure = wage_disclosure(receipt, str(entry.private["period"]), lines[place], place)
    verified = verify_disclosure(opened.network, disclosure)
    content = json.dumps(disclosure.to_json(), indent=1, ensure_ascii=False).encode() + b"\n"
    write_file(out, content, replace=False)
    return Result(
        {"file": str(out), "employee": employee, "amount_minor": verified.amount_minor},
        text(
            f"Ligne écrite dans {out} ; à vérifier avec : democite verify FILE --genesis GENESIS",
            f"Line written to {out}; to be checked with: democite verify FILE --genesis GENESIS",
        ),
    )


def _read(opened: OpenedWallet, file: Path, run_name: str | None) -> Payroll:
    if opened.identity.account_kind != "employer":
        raise Refused("account_kind_invalid", opened.identity.account_kind)
    _, decimals = opened.currency
    return read_payroll(file, decimals).named(run_name)


def _checked_result(opened: OpenedWallet, payroll: Payroll, *, offline: bool) -> Result:
    code, _ = opened.currency
    _tell_round_shares(opened, payroll)
    shown = amount_text(opened.network, code, payroll.local_total_minor)
    count = len(payroll.paid_lines)
    by_whom = (
        text("vu sans la mairie", "seen without the town hall")
        if offline
        else text("la mairie l'accepterait", "the town hall would accept it")
    )
    return Result(
        {
            "file": payroll.file,
            "period": payroll.period,
            "lines": count,
            "local_total_minor": payroll.local_total_minor,
            "checked_by_town_hall": not offline,
            "suggestions": _suggestions(opened, payroll),
        },
        text(
            f"{payroll.file} : {payroll.period}, lignes à payer : {count}, {shown} ; {by_whom}",
            f"{payroll.file}: {payroll.period}, lines to pay: {count}, {shown}; {by_whom}",
        ),
    )


def _suggestions(opened: OpenedWallet, payroll: Payroll) -> list[dict[str, int]]:
    _, decimals = opened.currency
    cap_bps = opened.network.territory(opened.identity.prefix).wage_cap_bps
    return [
        {
            "line": share.line,
            "local_minor": share.local_minor,
            "suggested_minor": share.suggested_minor,
        }
        for share in telling_shares(payroll, cap_bps, decimals)
    ]


def _tell_round_shares(opened: OpenedWallet, payroll: Payroll) -> None:
    """Say which shares tell the wage, and what would not."""
    code, _ = opened.currency
    for share in _suggestions(opened, payroll):
        suggested = amount_text(opened.network, code, share["suggested_minor"])
        notice(
            text(
                f"note : ligne {share['line']}, la part est exactement au plafond et révèle le "
                f"salaire ; un montant rond n'en dit rien, par exemple {suggested}",
                f"note: line {share['line']}, the share is exactly at the cap and tells the wage; "
                f"a round amount tells nothing, for example {suggested}",
            )
        )


def _allowed_shown(opened: OpenedWallet, refusals: Sequence[LineRefusal]) -> list[LineRefusal]:
    """The refusals with the most allowed as people read amounts."""
    code, _ = opened.currency
    network = opened.network
    return [
        one
        if one.allowed_minor is None
        else replace(one, allowed=amount_text(network, code, one.allowed_minor))
        for one in refusals
    ]


def _run_value(payroll: Payroll, run: PaidRun) -> dict[str, object]:
    return {
        "file": payroll.file,
        "run_id": run.run_id,
        "period": payroll.period,
        "lines": len(run.lines),
        "local_total_minor": run.total_minor,
    }
