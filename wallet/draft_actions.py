"""`wallet pay --out`, `wallet sign`, `wallet send`: a payment that several keys must sign."""

from pathlib import Path

from ledger.fields import Payment
from ledger.objects import Account
from ledger.roles import SPEND
from ledger.transaction import Transaction
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.asking import ask_to_sign
from wallet.desk import Desk
from wallet.lane_owner import LaneOwner
from wallet.payment_actions import outcome_result, tell_news
from wallet.payment_drafts import PaymentDraft, read_payment_draft
from wallet.payments import PayIntent
from wallet.setup import OpenedWallet
from wallet.submitting import submit
from wallet.transaction_ids import transaction_id
from wallet.wording import amount_text, time_text


async def begin(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    intent: PayIntent,
    out_file: Path,
    *,
    idempotency_key: str,
) -> Result:
    """Sign a payment, and write it down for another device of the account to sign too."""
    if out_file.exists():
        raise FileExistsError(17, "exists", str(out_file))
    owner = opened.owner(passphrase_file)
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        await tell_news(desk)
        entry = await desk.prepare(intent, idempotency_key=idempotency_key, complete=False)
        if entry.state != "pending":
            return outcome_result(desk, entry, opened)
        draft = PaymentDraft.from_entry(entry, opened.network.network_id, owner.signing_key)
        draft.write(out_file)
        until = time_text(entry.valid_until_ms)
        return Result(
            {"draft": str(out_file), "signatures": 1, "status": "incomplete"},
            text(
                f"Écrit dans {out_file}, valable jusqu'au {until}. Un autre appareil du compte le "
                f"signe : democite wallet sign {out_file}",
                f"Written to {out_file}, valid until {until}. Another device of the account signs "
                f"it: democite wallet sign {out_file}",
            ),
            shown=lambda: desk.tell(entry, "pending"),
        )


async def sign(
    opened: OpenedWallet,
    passphrase_file: Path | None,
    file: Path,
    out_file: Path | None,
    *,
    yes: bool,
) -> Result:
    """Add this device's signature; send the payment, or write it on for the next device."""
    if out_file is not None and out_file.exists():
        raise FileExistsError(17, "exists", str(out_file))
    draft = read_payment_draft(file)
    transaction, payment = draft.read(opened.network)
    _check_own(opened, transaction)
    ask_to_sign(_said(opened, draft, payment), yes=yes)
    owner = opened.owner(passphrase_file)
    if owner.signing_key.public_key != transaction.device:
        draft = draft.cosigned(opened.network.network_id, owner.signing_key)
    if out_file is not None:
        draft.write(out_file)
        count = 1 + len(draft.cosignatures)
        return Result(
            {"draft": str(out_file), "signatures": count, "status": "incomplete"},
            text(
                f"Signé ({count} signatures), écrit dans {out_file}.",
                f"Signed ({count} signatures), written to {out_file}.",
            ),
        )
    return await _send(opened, owner, draft)


async def send(opened: OpenedWallet, passphrase_file: Path | None, file: Path) -> Result:
    """Send a payment that enough devices have signed."""
    draft = read_payment_draft(file)
    transaction, _ = draft.read(opened.network)
    _check_own(opened, transaction)
    return await _send(opened, opened.owner(passphrase_file), draft)


async def _send(opened: OpenedWallet, owner: LaneOwner, draft: PaymentDraft) -> Result:
    """Raises `CommandError("signatures_insufficient")` before anything is sent."""
    async with Desk(opened.network, owner, opened.urls, folder=opened.folder.folder) as desk:
        account = await desk.account()
    transaction, payment = draft.read(opened.network)
    given = _counting(account, transaction, payment.amount_minor)
    if given < account.threshold:
        raise CommandError(
            "signatures_insufficient",
            text(
                f"{given} signatures sur {account.threshold}",
                f"{given} of {account.threshold} signatures",
            ),
            text(
                "ajoutez --out FILE, et faites signer un autre appareil : wallet sign FILE",
                "add --out FILE, and let another device sign it: wallet sign FILE",
            ),
        )
    raw = draft.raw()
    found = await submit(opened.network, opened.urls, raw)
    identity = transaction_id(raw).hex()
    block = text(f"définitif au bloc {found.final.height}", f"final in block {found.final.height}")
    return Result(
        {
            "id": identity,
            "status": "final",
            "height": found.final.height,
            "number": found.receipt_number,
        },
        f"{_said(opened, draft, payment)}\n{block}\n{identity}",
    )


def _check_own(opened: OpenedWallet, transaction: Transaction) -> None:
    if transaction.account != opened.identity.account_id:
        raise Refused("key_unknown", "the payment is another account's")


def _counting(account: Account, transaction: Transaction, amount_minor: int) -> int:
    """How many signatures count for the account as it is now; the ledger counts again."""
    devices = [account.device(key) for key, _ in transaction.signers]
    return len(
        [
            device
            for device in devices
            if device is not None
            and device.roles & SPEND
            and not device.blocked
            and (device.limit_minor is None or device.limit_minor >= amount_minor)
        ]
    )


def _said(opened: OpenedWallet, draft: PaymentDraft, payment: Payment) -> str:
    shown = amount_text(opened.network, payment.currency, payment.amount_minor)
    note = f" ({draft.note})" if draft.note else ""
    return text(f"payer {shown} → {draft.payee}{note}", f"pay {shown} → {draft.payee}{note}")
