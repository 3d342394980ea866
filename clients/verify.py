"""`democite verify FILE`: a receipt, checked by anyone who has the genesis. No wallet, no node."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption
from terminal.results import Result

HELP = text(
    "Vérifier un reçu sans faire confiance à personne.", "Verify a receipt and trust nobody."
)

app = application(HELP)


@app.command(help=HELP)
def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=text("Le reçu, un fichier.", "The receipt, a file.")),
    ],
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Verify a receipt and trust nobody."""
    from wallet import receipt_actions

    return receipt_actions.verify(file, genesis, None)
