"""`democite wallet pay | sign | send | passphrase`: what a device signs, and what seals its key."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.languages import text
from terminal.options import (
    GenesisOption,
    JsonOption,
    LangOption,
    NewPassphraseFileOption,
    NodeOption,
    PassphraseFileOption,
    WalletOption,
    node_urls,
)
from terminal.results import Result
from terminal.running import run_to_end
from wallet.device_commands import devices

WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait",
        help=text(
            "Attendre que ce soit définitif (par défaut).", "Wait until it is final (default)."
        ),
        show_default=False,
    ),
]
IdempotencyOption = Annotated[
    str,
    typer.Option(
        "--idempotency-key",
        metavar="TEXT",
        help=text(
            "La même clé donne toujours la même transaction.",
            "The same key always gives the same transaction.",
        ),
        show_default=False,
    ),
]
NoteOption = Annotated[
    str,
    typer.Option(
        "--note",
        metavar="TEXT",
        help=text(
            "Note privée ; le registre n'en garde qu'une empreinte salée.",
            "Private note; the ledger keeps a salted hash of it only.",
        ),
        show_default=False,
    ),
]
DraftOutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help=text(
            "Ne pas envoyer : écrire ce qu'un autre appareil du compte signera (« wallet sign »).",
            "Do not send: write what another device of the account will sign ('wallet sign').",
        ),
        show_default=False,
    ),
]
DraftArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help=text("Paiement écrit par « wallet pay --out ».", "From 'wallet pay --out'."),
    ),
]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes",
        help=text("Signer sans poser la question.", "Sign without asking."),
        show_default=False,
    ),
]


def pay(
    payee: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help=text("Adresse ou lien de paiement.", "Address or payment link."),
        ),
    ],
    amount: Annotated[
        str | None,
        typer.Argument(
            metavar="AMOUNT",
            help=text("Montant, par exemple 12,50.", "Amount, for example 12.50."),
            show_default=False,
        ),
    ] = None,
    note: NoteOption = "",
    out: DraftOutOption = None,
    wait: WaitOption = True,
    idempotency_key: IdempotencyOption = "",
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Pay an address or a link."""
    from wallet import payment_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(
        payment_actions.pay(
            opened,
            passphrase_file,
            payee,
            amount,
            note,
            out_file=out,
            wait=wait,
            idempotency_key=idempotency_key,
        )
    )


def sign(
    file: DraftArgument,
    out: DraftOutOption = None,
    yes: YesOption = False,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Sign a payment that another device of the account began, and send it."""
    from wallet import draft_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(draft_actions.sign(opened, passphrase_file, file, out, yes=yes))


def send(
    file: DraftArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Send a payment that enough devices have signed."""
    from wallet import draft_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(draft_actions.send(opened, passphrase_file, file))


def threshold(
    number: Annotated[int, typer.Argument(metavar="N", min=1, max=16)],
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that so many devices must sign what the account pays."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    changes = device_actions.setting_threshold(number)
    return run_to_end(device_actions.change(opened, passphrase_file, changes))


def passphrase(
    wallet: WalletOption = None,
    new_passphrase_file: NewPassphraseFileOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Seal this device's key under another passphrase."""
    from wallet import setup_actions

    return setup_actions.change_passphrase(wallet, passphrase_file, new_passphrase_file)


HELP = {
    "pay": text("Payer une adresse ou un lien.", "Pay an address or a link."),
    "sign": text(
        "Signer un paiement qu'un autre appareil du compte a commencé.",
        "Sign a payment that another device of the account began.",
    ),
    "send": text(
        "Envoyer un paiement que plusieurs appareils ont signé.",
        "Send a payment that several devices have signed.",
    ),
    "threshold": text(
        "Demander que N appareils signent chaque paiement.",
        "Ask that N devices sign each payment.",
    ),
    "passphrase": text("Changer la phrase secrète.", "Change the passphrase."),
}


def add_paying(app: typer.Typer) -> None:
    """Put these commands into the wallet's."""
    for command in (pay, sign, send, passphrase):
        app.command(help=HELP[command.__name__])(command)
    devices.command(help=HELP["threshold"])(threshold)
