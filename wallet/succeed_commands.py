"""`democite wallet succeed`: to a network that took one's own network's place."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.languages import text
from terminal.options import (
    JsonOption,
    LangOption,
    NodeOption,
    PassphraseFileOption,
    WalletOption,
    node_urls,
)
from terminal.results import Result
from terminal.running import run_to_end

SUCCEED_HELP = text(
    "Passer au réseau qui a pris la place du vôtre.",
    "Go over to the network that took yours' place.",
)
SuccessorOption = Annotated[
    Path,
    typer.Option(
        "--genesis",
        metavar="FILE",
        help=text(
            "Genèse du nouveau réseau, reçue de la mairie.",
            "The new network's genesis, from your town hall.",
        ),
    ),
]
YesOption = Annotated[
    bool,
    typer.Option("--yes", help=text("Ne pas demander.", "Do not ask.")),
]


def succeed(
    genesis: SuccessorOption,
    wallet: WalletOption = None,
    node: NodeOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show who endorsed the new network and what stays, ask, and follow it."""
    from wallet import succeed_actions

    return run_to_end(
        succeed_actions.succeed(wallet, genesis, node_urls(node), passphrase_file, yes=yes)
    )
