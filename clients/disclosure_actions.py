"""`democite verify FILE` for a line that somebody disclosed."""

import json
from pathlib import Path

from clients.disclosures import (
    FILE_BYTES_MAX,
    FILE_KIND,
    VerifiedDisclosure,
    WageContent,
    read_disclosure,
    verify_disclosure,
)
from ledger.envelope import Transaction
from ledger.founders import Territory
from primitives import addresses
from primitives.errors import Refused
from terminal.languages import text
from terminal.results import Result
from wallet.light.trust import TrustedNetwork
from wallet.setup import require_network
from wallet.wording import amount_text, finality_text, vouched_text


def is_disclosure(file: Path) -> bool:
    """Whether the file says that it is one; only its reading tells whether it is any good."""
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("kind") == FILE_KIND


def verify(file: Path, genesis_file: Path | None) -> Result:
    """Check a disclosed line with nothing but the genesis.

    Raises `Refused`: `disclosure_invalid`, `receipt_invalid`, `disclosure_malformed`.
    """
    network = require_network(genesis_file)
    try:
        verified = verify_disclosure(network, read_disclosure(file))
    except Refused as refusal:
        refusal.file = str(file)
        raise
    return _described(verified)


def _described(verified: VerifiedDisclosure) -> Result:
    network = verified.receipt.network
    final, transaction = verified.receipt.final, verified.receipt.transaction
    territory = _home_of(network, transaction)
    code = None if territory is None else territory.currencies[0].code
    content = verified.content
    account = verified.account.hex()
    if territory is not None:
        account = addresses.format_address(territory.prefix, verified.account)
    data: dict[str, object] = {
        "valid": True,
        "kind": transaction.kind,
        "id": transaction.id.hex(),
        "account": account,
        "currency": code,
        "amount_minor": verified.amount_minor,
        "height": None if verified.receipt.by_place_alone else final.height,
        "header_time_ms": final.time_ms,
        "vouched_by": final.vouched_by,
        "members": final.members,
    }
    paid = _amount(network, code, verified.amount_minor)
    if isinstance(content, WageContent):
        data |= vars(content)
        gross = _amount(network, code, content.gross_minor)
        what = text(
            f"salaire de {content.employee}, {content.period} : brut {gross}, part locale {paid}",
            f"wage of {content.employee}, {content.period}: gross {gross}, local share {paid}",
        )
    else:
        data |= content._asdict()
        data["activities"] = [activity._asdict() for activity in content.activities]
        count = len(content.activities)
        what = text(
            f"bulletin de {content.person}, {content.programme}, {content.period} : "
            f"{count} activités, {content.minutes} minutes, {paid}",
            f"bulletin of {content.person}, {content.programme}, {content.period}: "
            f"{count} activities, {content.minutes} minutes, {paid}",
        )
    lines = [
        text("Ligne valable", "Valid line"),
        what,
        f"→ {account}",
        finality_text(verified.receipt),
        vouched_text(final.vouched_by, final.members),
        transaction.id.hex(),
    ]
    return Result(data, "\n".join(lines))


def _home_of(network: TrustedNetwork, transaction: Transaction) -> Territory | None:
    """The territory whose node signed, which is the home of every account in the batch.

    A bulletin says whose it is. A wage shows only the node's key: of one that the node got later
    the line itself does not tell the territory. That the right one signed, the ledger saw to."""
    keys = {signer.key for signer in transaction.signers}
    for territory in network.territories:
        if territory.node_key in keys or territory.account_id == transaction.account:
            return territory
    return None


def _amount(network: TrustedNetwork, code: str | None, amount_minor: int) -> str:
    if code is not None:
        return amount_text(network, code, amount_minor)
    return text(f"{amount_minor} (unités mineures)", f"{amount_minor} (minor units)")
