"""`wallet init`, `wallet address`, `wallet request`: what needs no node."""

import secrets
import sys
from pathlib import Path

from primitives import amounts
from primitives.signatures import SigningKey
from terminal.languages import text
from terminal.passphrases import read_passphrase
from terminal.results import Result
from wallet.account_requests import AccountRequest
from wallet.atomic_files import make_private_folder, write_file
from wallet.keystore_file import SEED_BYTES, WalletIdentity, create_wallet_file
from wallet.light.trust import TrustedNetwork
from wallet.notes import check_note
from wallet.payment_links import PaymentLink
from wallet.setup import OpenedWallet, require_genesis, wallet_folder
from wallet.wording import amount_text


def init(
    wallet_file: Path | None,
    genesis_file: Path | None,
    territory: str,
    account_kind: str,
    passphrase_file: Path | None,
) -> Result:
    """Make a wallet: a new key, sealed, and the account that it will open."""
    folder = wallet_folder(wallet_file)
    genesis = require_genesis(genesis_file)
    network = TrustedNetwork(genesis)
    network.territory(territory)
    if folder.file.exists():
        raise FileExistsError(17, "exists", str(folder.file))
    passphrase = read_passphrase(passphrase_file, confirm=True, what=folder.file.name)
    signing_key = SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
    identity = WalletIdentity(genesis.network_id, territory, account_kind, signing_key.public_key)
    if not folder.file.parent.exists():
        make_private_folder(folder.file.parent)
    folder.create(genesis)
    create_wallet_file(folder.file, identity, signing_key, passphrase)
    request = _request(identity)
    return Result(
        {
            "wallet": str(folder.file),
            "address": identity.address,
            "territory": territory,
            "network_id": genesis.network_id.hex(),
            "account_request": request.line(),
        },
        text(
            f"Portefeuille créé : {folder.file}\nAdresse : {identity.address}\n"
            f"Le compte s'ouvre à la mairie ; donnez-lui cette ligne :\n{request.line()}",
            f"Wallet made: {folder.file}\nAddress: {identity.address}\n"
            f"The town hall opens the account; give it this line:\n{request.line()}",
        ),
    )


def address(opened: OpenedWallet, card_file: Path | None) -> Result:
    """The address, with a QR code on a terminal; the account request as a file on request."""
    request = _request(opened.identity)
    if card_file is not None:
        write_file(card_file, request.line().encode() + b"\n", replace=False)
    shown = opened.identity.address
    return Result(
        {
            "address": shown,
            "territory": opened.identity.prefix,
            "account_request": request.line(),
        },
        _with_code(shown, shown.upper()),
    )


def request(opened: OpenedWallet, amount: str | None, note: str, site: str | None) -> Result:
    """A link that asks to be paid, with a QR code on a terminal."""
    code, decimals = opened.currency
    amount_minor = None
    if amount is not None:
        amount_minor = amounts.parse_amount(amount, decimals)
    link = PaymentLink(opened.identity.address, amount_minor, check_note(note))
    url = link.url(site or opened.urls[0])
    shown = url
    if amount_minor is not None:
        shown = f"{amount_text(opened.network, code, amount_minor)}\n{url}"
    return Result(
        {
            "link": url,
            "address": link.address,
            "currency": code,
            "amount_minor": amount_minor,
        },
        _with_code(shown, url),
    )


def _request(identity: WalletIdentity) -> AccountRequest:
    return AccountRequest(identity.prefix, identity.account_kind, identity.device_key)


def _with_code(shown: str, content: str) -> str:
    """`shown`, and on a terminal a QR code of `content` above it."""
    if not sys.stdout.isatty():
        return shown
    import io

    import segno

    drawn = io.StringIO()
    segno.make(content, error="m", micro=False).terminal(out=drawn, compact=True, border=2)
    return f"{drawn.getvalue()}{shown}"
