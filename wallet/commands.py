"""`democite wallet …`: the commands, their arguments and nothing more.

What they do is imported when they run, so that `--help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.errors import CommandError
from terminal.languages import text
from terminal.options import (
    GenesisOption,
    JsonOption,
    LangOption,
    NodeOption,
    PassphraseFileOption,
    WalletOption,
    node_urls,
)
from terminal.results import Result
from terminal.running import run_to_end
from wallet.consent_commands import consent
from wallet.device_commands import add_devices
from wallet.pay_commands import IdempotencyOption, NoteOption, WaitOption, add_paying
from wallet.succeed_commands import SUCCEED_HELP, succeed
from wallet.trust_commands import TRUST_HELP, trust

app = application(
    text(
        "Payer, recevoir, vérifier. Ne fait confiance qu'au fichier de genèse.",
        "Pay, receive, verify. Trusts the genesis file only.",
    )
)

app.add_typer(consent, name="consent")
app.command(help=TRUST_HELP)(trust)
app.command(help=SUCCEED_HELP)(succeed)
add_devices(app)
add_paying(app)


@app.command(help=text("Créer un portefeuille.", "Make a wallet."))
def init(
    territory: Annotated[
        str,
        typer.Option(
            "--territory",
            metavar="PREFIX",
            help=text("Nom court du territoire.", "The territory's short name."),
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="resident|service|employer|commons",
            help=text("Genre de compte à ouvrir.", "Kind of account to be opened."),
        ),
    ] = "resident",
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="ADDRESS",
            help=text(
                "Adresse d'un compte déjà ouvert, que cet appareil veut rejoindre.",
                "Address of an account that is open already and that this device would join.",
            ),
        ),
    ] = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make a wallet."""
    from wallet import setup_actions
    from wallet.account_requests import ACCOUNT_KINDS

    if kind not in ACCOUNT_KINDS:
        raise CommandError("usage", f"--kind {kind}: {' | '.join(ACCOUNT_KINDS)}")
    return setup_actions.init(
        wallet, genesis, territory, kind, passphrase_file, account, node_urls(node)
    )


@app.command(help=text("Montrer l'adresse où être payé.", "Show the address to be paid at."))
def address(
    card: Annotated[
        Path | None,
        typer.Option(
            "--card",
            metavar="FILE",
            help=text(
                "Écrire la demande d'ouverture de compte pour la mairie.",
                "Write the request to open the account, for the town hall.",
            ),
        ),
    ] = None,
    wallet: WalletOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the address to be paid at."""
    from wallet import setup_actions
    from wallet.setup import open_wallet

    return setup_actions.address(open_wallet(wallet, genesis, ()), card)


@app.command(help=text("Lire et prouver le solde.", "Read and prove the balance."))
def balance(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Read and prove the balance."""
    from wallet import account_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(account_actions.balance(opened, passphrase_file))


@app.command(
    help=text("Faire un lien qui demande à être payé.", "Make a link that asks to be paid.")
)
def request(
    amount: Annotated[str | None, typer.Argument(metavar="AMOUNT", show_default=False)] = None,
    note: NoteOption = "",
    site: Annotated[
        str | None,
        typer.Option(
            "--site",
            metavar="URL",
            help=text(
                "Site du lien (sinon le nœud du territoire).",
                "The link's web site (else the territory's node).",
            ),
        ),
    ] = None,
    wallet: WalletOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make a link that asks to be paid."""
    from wallet import setup_actions
    from wallet.setup import open_wallet

    return setup_actions.request(open_wallet(wallet, genesis, ()), amount, note, site)


@app.command(help=text("Montrer les dernières transactions.", "Show the newest transactions."))
def history(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    before: Annotated[
        int | None,
        typer.Option(
            "--before",
            metavar="NUMBER",
            help=text("Seulement les numéros plus petits.", "Only smaller numbers."),
        ),
    ] = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the newest transactions."""
    from wallet import account_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(account_actions.history(opened, passphrase_file, limit, before))


@app.command(
    help=text("Obtenir un reçu que chacun peut vérifier.", "Get a receipt that anyone can verify.")
)
def receipt(
    id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ] = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Get a receipt that anyone can verify."""
    from wallet import receipt_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(receipt_actions.receipt(opened, passphrase_file, id, out))


@app.command(help=text("Vérifier un reçu, sans réseau.", "Verify a receipt, without any network."))
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    wallet: WalletOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Verify a receipt, without any network."""
    from wallet import receipt_actions

    return receipt_actions.verify(file, genesis, wallet)


@app.command(
    help=text(
        "Rendre un paiement reçu, ou une partie.", "Give back a payment received, or part of it."
    )
)
def refund(
    id: Annotated[str, typer.Argument(metavar="ID")],
    amount: Annotated[str | None, typer.Argument(metavar="AMOUNT", show_default=False)] = None,
    wait: WaitOption = True,
    idempotency_key: IdempotencyOption = "",
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Give back a payment received, or part of it."""
    from wallet import payment_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(
        payment_actions.refund(
            opened, passphrase_file, id, amount, wait=wait, idempotency_key=idempotency_key
        )
    )


@app.command(
    help=text(
        "Demander la reprise en euros ; l'émetteur complète le fichier.",
        "Ask to redeem against euros; the issuer completes the file.",
    )
)
def redeem(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ],
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            metavar="TEXT",
            help=text("Où verser les euros.", "Where the euros go."),
            show_default=False,
        ),
    ] = "",
    idempotency_key: IdempotencyOption = "",
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask to redeem against euros; the issuer completes the file."""
    from wallet import payment_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(
        payment_actions.redeem(
            opened, passphrase_file, amount, out, reference, idempotency_key=idempotency_key
        )
    )


@app.command(
    help=text("Sortir tout l'historique en tableau.", "Write out the whole history as a table.")
)
def export(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ] = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Write out the whole history as a table."""
    from wallet import account_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(account_actions.export(opened, passphrase_file, out))
