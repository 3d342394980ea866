"""`wallet init`, `wallet address`, `wallet request`: what needs no node."""

import secrets
import sys
from pathlib import Path

from primitives import amounts
from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.languages import text
from terminal.passphrases import read_new_passphrase, read_passphrase
from terminal.results import Result
from wallet.account_requests import AccountRequest
from wallet.atomic_files import make_private_folder, write_file
from wallet.device_cards import DeviceCard
from wallet.following import meet_now
from wallet.keystore_file import SEED_BYTES, WalletIdentity, create_wallet_file
from wallet.keystore_file import change_passphrase as reseal_wallet
from wallet.light.trust import TrustedNetwork
from wallet.network_store import NetworkStore
from wallet.node_urls import node_urls_of
from wallet.notes import check_note
from wallet.payment_links import PaymentLink
from wallet.setup import OpenedWallet, parse_address_of, require_network, wallet_folder
from wallet.wording import amount_text


def init(
    wallet_file: Path | None,
    genesis_file: Path | None,
    territory: str,
    account_kind: str,
    passphrase_file: Path | None,
    joined: str | None = None,
    urls: tuple[str, ...] = (),
) -> Result:
    """Make a wallet: a new key, sealed, and the account that it will open, or would join.

    Nodes are asked for nothing but the card of a territory that the genesis does not have.
    """
    folder = wallet_folder(wallet_file)
    network = require_network(genesis_file)
    genesis = network.genesis
    meet_now(network, urls or node_urls_of(network, territory), territory)
    network.territory(territory)
    if folder.file.exists():
        raise FileExistsError(17, "exists", str(folder.file))
    passphrase = read_passphrase(passphrase_file, confirm=True, what=folder.file.name)
    signing_key = SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
    account_id = None if joined is None else _account_to_join(network, territory, joined)
    identity = WalletIdentity(
        genesis.network_id, territory, account_kind, signing_key.public_key, account_id
    )
    if not folder.file.parent.exists():
        make_private_folder(folder.file.parent)
    folder.create(genesis, network.engine)
    NetworkStore(folder.folder, network).save()
    create_wallet_file(folder.file, identity, signing_key, passphrase)
    if account_id is not None:
        return _joining(folder.file, identity)
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


def _account_to_join(network: TrustedNetwork, territory: str, joined: str) -> bytes:
    parsed = parse_address_of(network, joined)
    if parsed.prefix != territory:
        raise Refused("address_of_other_network", joined)
    return parsed.account_id


def _joining(file: Path, identity: WalletIdentity) -> Result:
    """What a device shows that would join an account."""
    card = DeviceCard(identity.address, identity.device_key)
    return Result(
        {
            "wallet": str(file),
            "address": identity.address,
            "territory": identity.prefix,
            "network_id": identity.network_id.hex(),
            "device_card": card.line(),
        },
        text(
            f"Portefeuille créé : {file}\nIl rejoint le compte {identity.address} quand un autre "
            f"appareil (« wallet devices add »), la mairie ou les douze mots (« wallet recover ») "
            f"l'y mettent. Sa carte :\n{card.line()}",
            f"Wallet made: {file}\nIt joins the account {identity.address} when another device "
            f"('wallet devices add'), the town hall or the twelve words ('wallet recover') put it "
            f"there. Its card:\n{card.line()}",
        ),
    )


def address(opened: OpenedWallet, card_file: Path | None) -> Result:
    """The address, with a QR code on a terminal; the account request as a file on request."""
    identity = opened.identity
    if identity.joined is not None:
        card = DeviceCard(identity.address, identity.device_key).line()
        if card_file is not None:
            write_file(card_file, card.encode() + b"\n", replace=False)
        return Result(
            {"address": identity.address, "territory": identity.prefix, "device_card": card},
            _with_code(identity.address, identity.address.upper()),
        )
    request = _request(identity)
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


def change_passphrase(
    wallet_file: Path | None, passphrase_file: Path | None, new_passphrase_file: Path | None
) -> Result:
    """Seal a wallet's key under another passphrase."""
    file = wallet_folder(wallet_file).file
    old = read_passphrase(passphrase_file, what=file.name)
    reseal_wallet(file, old, read_new_passphrase(new_passphrase_file))
    told = text(
        f"{file.name} s'ouvre avec la nouvelle phrase secrète, et avec elle seule.",
        f"{file.name} opens with the new passphrase, and with it alone.",
    )
    return Result({"wallet": str(file)}, told)
