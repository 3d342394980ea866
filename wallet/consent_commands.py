"""`democite wallet consent …`: an employee's word, and taking it back."""

from typing import Annotated

import typer

from terminal.application import application
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

consent = application(
    text(
        "Permettre à un employeur de verser ici une part du salaire, ou ne plus le permettre.",
        "Let an employer pay part of the wage here, or no longer.",
    )
)

EmployerArgument = Annotated[
    str,
    typer.Argument(
        metavar="EMPLOYER", help=text("Adresse de l'employeur.", "The employer's address.")
    ),
]


@consent.command(help=text("Donner son accord.", "Give one's consent."))
def give(
    employer: EmployerArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Give one's consent."""
    from wallet import consent_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(consent_actions.state(opened, passphrase_file, employer, given=True))


@consent.command(
    help=text(
        "Retirer son accord ; vaut aussi entre vérification et paie.",
        "Withdraw one's consent; it counts between check and payment too.",
    )
)
def withdraw(
    employer: EmployerArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Withdraw one's consent."""
    from wallet import consent_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(consent_actions.state(opened, passphrase_file, employer, given=False))


@consent.command("list", help=text("Montrer ses accords.", "Show one's consents."))
def list_(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show one's consents."""
    from wallet import consent_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(consent_actions.listed(opened, passphrase_file))
