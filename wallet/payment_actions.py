"""`wallet pay`, `wallet refund`, `wallet redeem`: what moves money."""

import json
from dataclasses import replace
from pathlib import Path

from ledger.fields import Payment
from ledger.transaction import decode_transaction
from primitives import amounts
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.atomic_files import write_file
from wallet.desk import Desk
from wallet.lane_history import find_in_history
from wallet.light.receipts import chunk_path_for_refund
from wallet.notes import check_note
from wallet.notices import warn
from wallet.outbox_entry import Entry, Reported
from wallet.payment_links import is_payment_link, parse_payment_link
from wallet.payments import SHARED_VALID_MS, PayIntent, RedeemIntent, RefundIntent
from wallet.redeem_requests import RedeemRequest
from wallet.setup import OpenedWallet, meet_address, parse_address_of
from wallet.wording import amount_text, news_text, notice, vouched_text


async def pay(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    payee: str,
    amount: str | None,
    note: str,
    *,
    out_file: Path | None = None,
    wait: bool,
    idempotency_key: str,
) -> Result:
    """Pay an address, or what a payment link asks for; with `out_file`, begin a payment that other
    devices of the account sign too."""
    link = parse_payment_link(payee) if is_payment_link(payee) else None
    await meet_address(opened, payee if link is None else link.address)
    intent = _pay_intent(opened, payee, amount, note)
    if out_file is not None:
        from wallet import draft_actions

        shared = replace(intent, valid_for_ms=SHARED_VALID_MS)
        return await draft_actions.begin(
            opened, passphrase_file, shared, out_file, idempotency_key=idempotency_key
        )
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        entry = await desk.perform(intent, wait=wait, idempotency_key=idempotency_key)
        await warn(desk)
        return outcome_result(desk, entry, opened)


def _pay_intent(opened: OpenedWallet, payee: str, amount: str | None, note: str) -> PayIntent:
    code, decimals = opened.currency
    amount_minor: int | None = None
    if is_payment_link(payee):
        link = parse_payment_link(payee)
        payee, amount_minor, note = link.address, link.amount_minor, note or link.note
    parsed = parse_address_of(opened.network, payee)
    if amount is not None:
        asked_minor = amounts.parse_amount(amount, decimals)
        if amount_minor is not None and amount_minor != asked_minor:
            raise CommandError(
                "usage",
                text("le lien demande un autre montant", "the link asks for another amount"),
            )
        amount_minor = asked_minor
    if amount_minor is None:
        raise CommandError("option_missing", text("il manque le montant", "the amount is missing"))
    if amount_minor == 0:
        raise Refused("amount_out_of_range", field="amount")
    if parsed.prefix != opened.identity.prefix:
        theirs = opened.network.territory(parsed.prefix)
        if code not in [currency.code for currency in theirs.currencies]:
            raise CommandError(
                "currency_mismatch",
                text(
                    f"cette adresse est du territoire « {theirs.name} », "
                    f"dont la monnaie n'est pas {code}",
                    f"this address belongs to the territory '{theirs.name}', "
                    f"whose currency is not {code}",
                ),
            )
    if parsed.account_id == opened.identity.account_id:
        raise Refused("payee_is_payer")
    return PayIntent(parsed.account_id, code, amount_minor, payee.strip().lower(), check_note(note))


async def refund(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    id: str,
    amount: str | None,
    *,
    wait: bool,
    idempotency_key: str,
) -> Result:
    """Give back a payment that this account received, or part of it."""
    transaction_id = parse_id(id)
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        item = await find_in_history(desk.reader, owner, transaction_id)
        if item is None:
            raise Refused("payment_unknown", id)
        original = decode_transaction(item.raw, opened.network.network_id)
        if not isinstance(original.fields, Payment) or original.fields.payee != owner.account_id:
            raise Refused("payment_unknown", id)
        code, decimals = opened.currency
        amount_minor = original.fields.amount_minor
        if amount is not None:
            amount_minor = amounts.parse_amount(amount, decimals)
        if amount_minor == 0:
            raise Refused("amount_out_of_range", field="amount")
        receipt = await desk.reader.receipt(transaction_id, owner.signing_key)
        path = chunk_path_for_refund(receipt.proof)
        intent = RefundIntent(item.raw, receipt.number, amount_minor, path, currency=code)
        entry = await desk.perform(intent, wait=wait, idempotency_key=idempotency_key)
        await warn(desk)
        return outcome_result(desk, entry, opened)


async def redeem(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    amount: str,
    out_file: Path,
    reference: str,
    *,
    idempotency_key: str,
) -> Result:
    """Sign a request that the issuer completes, pays out and submits."""
    code, decimals = opened.currency
    amount_minor = amounts.parse_amount(amount, decimals)
    if amount_minor == 0:
        raise Refused("amount_out_of_range", field="amount")
    if out_file.exists():
        raise FileExistsError(17, "exists", str(out_file))
    owner = opened.owner(passphrase_file)
    intent = RedeemIntent(code, amount_minor, check_note(reference))
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        entry = await desk.prepare(intent, idempotency_key=idempotency_key, complete=False)
        await warn(desk)
        if entry.state != "pending":
            return outcome_result(desk, entry, opened)
        request = RedeemRequest.from_entry(entry, opened.network.network_id, owner.signing_key)
        write_file(
            out_file, json.dumps(request.to_json(), indent=1).encode() + b"\n", replace=False
        )
    shown = amount_text(opened.network, code, amount_minor)
    return Result(
        {"request": str(out_file), "currency": code, "amount_minor": amount_minor},
        text(
            f"Demande de reprise de {shown} écrite dans {out_file} ; "
            "remettez-la à l'émetteur de la monnaie.",
            f"Request to redeem {shown} written to {out_file}; hand it to the currency's issuer.",
        ),
        shown=lambda: desk.tell(entry, "pending"),
    )


async def tell_news(desk: Desk) -> list[Entry]:
    """Resolve what is unknown from before, and say on stderr how it ended."""
    news = await desk.resolve_earlier()
    for entry in news:
        notice(news_text(desk.network, entry))
    return news


def outcome_result(desk: Desk, entry: Entry, opened: OpenedWallet | None = None) -> Result:
    """How a transaction ended, as a command's result.

    Raises `CommandError`: the network's code when it was refused, `outcome_unknown` (or that the
    nodes are busy) when nobody knows yet.
    """
    data: dict[str, object] = {
        "id": entry.id.hex(),
        "status": entry.state,
        "height": entry.height,
        "number": entry.receipt_number,
    }
    if entry.state == "final":
        return Result(data, _final_text(desk, entry), shown=_Teller(desk, entry, "final"))
    if entry.state == "pending" and entry.reported != "unknown":
        shown = text(
            f"Envoyé, pas encore définitif : {entry.id.hex()}",
            f"Sent, not final yet: {entry.id.hex()}",
        )
        return Result(data, shown, shown=_Teller(desk, entry, "pending"))
    if entry.state == "pending":
        desk.outbox.let_go(entry)
        code = desk.courier.busy_code or "outcome_unknown"
        raise CommandError(code, data={**data, "status": "unknown"})
    desk.tell(entry, "refused")
    raise CommandError(entry.code)


class _Teller:
    """Called once a result was printed."""

    def __init__(self, desk: Desk, entry: Entry, reported: Reported) -> None:
        self._desk = desk
        self._entry = entry
        self._reported = reported

    def __call__(self) -> None:
        """Note in the outbox that the user knows."""
        self._desk.tell(self._entry, self._reported)


def _final_text(desk: Desk, entry: Entry) -> str:
    network = desk.network
    code = str(entry.private.get("currency", ""))
    amount_minor = entry.private.get("amount_minor")
    parts = []
    if isinstance(amount_minor, int) and code:
        parts.append(amount_text(network, code, amount_minor))
    if entry.private.get("counterparty"):
        parts.append(f"→ {entry.private['counterparty']}")
    head = " ".join(parts)
    block = text("définitif", "final")  # in which block, nobody asked may know any more
    if entry.height is not None:
        block = text(f"définitif au bloc {entry.height}", f"final in block {entry.height}")
    number = ""
    if entry.receipt_number is not None:
        number = text(f", reçu n° {entry.receipt_number}", f", receipt no. {entry.receipt_number}")
    colon = text(" : ", ": ")
    lines = [f"{head}{colon}{block}{number}" if head else f"{block}{number}"]
    found = desk.courier.last_inclusion
    if found is not None:
        lines.append(vouched_text(found.final.vouched_by, found.final.members))
    lines.append(entry.id.hex())
    return "\n".join(lines)


def parse_id(word: str) -> bytes:
    """A transaction's id as people paste it. Raises `CommandError("usage")`."""
    try:
        raw = bytes.fromhex(word.strip())
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise CommandError(
            "usage",
            text("un identifiant a 64 chiffres hexadécimaux", "an id has 64 hexadecimal digits"),
        )
    return raw
