"""`wallet receipt` and `wallet verify`: proof of a payment, for anyone, for ever."""

import asyncio
import json
from pathlib import Path

from ledger.envelope import is_of_network
from ledger.fields import (
    BulletinCredit,
    Issue,
    Opening,
    Payment,
    ProgrammeClosing,
    ProgrammeFunding,
    ProgrammeOpening,
    Redemption,
    Refunding,
    WagesPay,
)
from primitives import addresses
from primitives.errors import Refused
from terminal.languages import text
from terminal.results import Result
from wallet.atomic_files import write_file
from wallet.desk import Desk
from wallet.following import proof_of_card
from wallet.lane_history import find_in_history
from wallet.light.receipts import (
    LogPlace,
    Receipt,
    VerifiedReceipt,
    changes_to,
    epochs_to,
    inclusion_kept,
    receipt_from_json,
    verify_receipt,
)
from wallet.light.trust import TrustedNetwork
from wallet.payment_actions import parse_id, tell_news
from wallet.reader import ProvedInclusion
from wallet.setup import OpenedWallet, open_wallet, require_network
from wallet.wording import amount_text, finality_text, vouched_text

RECEIPT_BYTES_MAX = 8 * 1024 * 1024
# The place in the receipt log needs one more block, which follows at once.
PLACE_TRIES = 10
PLACE_POLL_SECONDS = 0.3


async def receipt(
    opened: OpenedWallet, passphrase_file: Path | None, id: str, out_file: Path | None
) -> Result:
    """Gather everything that proves a final transaction of this account, and check it."""
    transaction_id = parse_id(id)
    if out_file is not None and out_file.exists():
        raise FileExistsError(17, "exists", str(out_file))
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        entry = desk.outbox.by_id(transaction_id)
        raw = entry.raw if entry is not None else b""
        if raw and not is_of_network(entry.body if entry else b"", opened.network.network_id):
            raise Refused("receipt_of_predecessor", id)
        if not raw:
            item = await find_in_history(desk.reader, owner, transaction_id)
            if item is None:
                raise Refused("payment_unknown", id)
            raw = item.raw
        found = await desk.reader.finality(transaction_id, owner.signing_key)
        if isinstance(found, str):
            raise Refused("not_final_yet" if found in ("pending", "unknown") else found)
        private = entry.private if entry is not None else {}
        bundle, inclusion = None, b""
        if isinstance(found, ProvedInclusion):
            bundle = found.bundle
            inclusion = inclusion_kept(bundle, found.inclusion)
            place = await _place(desk, transaction_id)
        else:
            place = LogPlace(found.number, found.proof, found.bundle)
        cards = await proof_of_card(desk.reader, owner.prefix)
        headers = [card.bundle for card in cards]
        headers += [] if bundle is None else [bundle]
        headers += [] if place is None else [place.bundle]
        gathered = Receipt(
            network_id=opened.network.network_id,
            raw=raw,
            bundle=bundle,
            inclusion=inclusion,
            place=place,
            note=str(private.get("note", "")),
            note_salt=bytes.fromhex(str(private.get("note_salt", ""))),
            epochs=epochs_to(opened.network, *headers),
            cards=cards,
            changes=changes_to(opened.network, *headers),
        )
    verified = verify_receipt(opened.network, gathered)
    data, shown = _described(verified)
    if out_file is None:
        return Result({**data, "receipt": gathered.to_json()}, shown)
    content = json.dumps(gathered.to_json(), indent=1, ensure_ascii=False).encode() + b"\n"
    write_file(out_file, content, replace=False)
    written = text(f"Reçu écrit dans {out_file}", f"Receipt written to {out_file}")
    return Result({**data, "file": str(out_file)}, f"{shown}\n{written}")


async def _place(desk: Desk, transaction_id: bytes) -> LogPlace | None:
    """The place in the receipt log; a receipt is good without it, but not for ever."""
    for _ in range(PLACE_TRIES):
        try:
            place = await desk.reader.receipt(transaction_id, desk.owner.signing_key)
        except Refused as refusal:
            if refusal.code != "not_final_yet":
                raise
            await asyncio.sleep(PLACE_POLL_SECONDS)
        else:
            return LogPlace(place.number, place.proof, place.bundle)
    return None


def verify(file: Path, genesis_file: Path | None, wallet_file: Path | None) -> Result:
    """Check a receipt with nothing but the genesis.

    The genesis is the one named, else that of the wallet named.
    """
    if genesis_file is None and wallet_file is not None:
        network = open_wallet(wallet_file, None, ()).network
    else:
        network = require_network(genesis_file)
    with file.open("rb") as stream:
        raw = stream.read(RECEIPT_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= RECEIPT_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refused("receipt_malformed", file=str(file))
    try:
        read = receipt_from_json(content)
        succession = network.genesis.succession
        if succession is not None and read.network_id == succession.predecessor:
            raise Refused("receipt_of_predecessor", read.network_id.hex())
        verified = verify_receipt(network, read)
    except Refused as refusal:
        refusal.file = str(file)
        raise
    data, shown = _described(verified)
    return Result({"valid": True, **data}, f"{text('Reçu valable', 'Valid receipt')}\n{shown}")


def _described(verified: VerifiedReceipt) -> tuple[dict[str, object], str]:
    """What a verified receipt says, for programs and for people."""
    network = verified.network
    transaction, final = verified.transaction, verified.final
    data: dict[str, object] = {
        "id": transaction.id.hex(),
        "kind": transaction.kind,
        "payer": transaction.account.hex(),
        "height": None if verified.by_place_alone else final.height,
        "header_time_ms": final.time_ms,
        "number": verified.number,
        "vouched_by": final.vouched_by,
        "members": final.members,
    }
    lines = [f"{transaction.kind}  {transaction.id.hex()}"]
    said = transaction.fields
    if isinstance(said, Payment):
        prefix = _prefix_of(network, said.currency)
        payer = addresses.format_address(prefix, transaction.account)
        payee = addresses.format_address(prefix, said.payee)
        data |= {
            "payer": payer,
            "payee": payee,
            "currency": said.currency,
            "amount_minor": said.amount_minor,
        }
        amount = amount_text(network, said.currency, said.amount_minor)
        lines.append(f"{amount}\n{payer}\n→ {payee}")
    elif isinstance(said, Refunding):
        data |= {
            "currency": said.original.currency,
            "amount_minor": said.amount_minor,
            "original": said.original.id.hex(),
        }
        lines.append(amount_text(network, said.original.currency, said.amount_minor))
    elif isinstance(said, Issue):
        data |= {"currency": said.currency, "amount_minor": said.total_minor}
        lines.append(amount_text(network, said.currency, said.total_minor))
    elif isinstance(said, Redemption):
        data |= {"currency": said.currency, "amount_minor": said.amount_minor}
        lines.append(amount_text(network, said.currency, said.amount_minor))
    elif isinstance(said, Opening):
        data["accounts"] = len(said.accounts)
    elif isinstance(said, BulletinCredit | WagesPay):
        data |= {"amount_minor": said.total_minor, "lines": len(said.lines)}
    elif isinstance(said, ProgrammeOpening):
        data |= {"currency": said.currency, "amount_minor": said.budget_minor}
        lines.append(amount_text(network, said.currency, said.budget_minor))
    elif isinstance(said, ProgrammeFunding | ProgrammeClosing):
        data["amount_minor"] = said.amount_minor
    if verified.note:
        data["note"] = verified.note
        lines.append(f"« {verified.note} »")
    lines += [finality_text(verified), vouched_text(final.vouched_by, final.members)]
    return data, "\n".join(lines)


def _prefix_of(network: TrustedNetwork, code: str) -> str:
    """The territory whose currency this is; both sides of a payment hold it."""
    for territory in network.territories:
        if code in [currency.code for currency in territory.currencies]:
            return territory.prefix
    raise Refused("currency_unknown", code)
