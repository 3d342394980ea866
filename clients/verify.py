"""`democite verify FILE`: checked by anyone who has the genesis. No wallet, no node.

A file is a receipt, one line of a payroll or of bulletins that was disclosed, or evidence that a
territory's node signed two things that exclude each other.
"""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption
from terminal.results import Result

HELP = text(
    "Vérifier un reçu, ou une ligne communiquée, sans faire confiance à personne.",
    "Verify a receipt or a disclosed line, and trust nobody.",
)

app = application(HELP)


@app.command(help=HELP)
def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=text("Un reçu ou une ligne.", "A receipt or a line.")),
    ],
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Verify a receipt and trust nobody."""
    from clients import disclosure_actions, evidence_actions
    from wallet import receipt_actions

    if evidence_actions.is_evidence(file):
        return evidence_actions.verify(file, genesis)
    if disclosure_actions.is_disclosure(file):
        return disclosure_actions.verify(file, genesis)
    return receipt_actions.verify(file, genesis, None)
