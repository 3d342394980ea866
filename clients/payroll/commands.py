"""`democite payroll …`: the commands of an employer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from wallet.setup import OpenedWallet

app = application(
    text(
        "L'employeur : vérifier, transmettre et suivre la part locale des salaires.",
        "The employer: check, submit and follow the local share of wages.",
    )
)

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help=text("La paie, un fichier CSV.", "The payroll, a CSV.")),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--run-name",
        metavar="TEXT",
        help=text(
            "Nom de cette paie, s'il y en a plusieurs du même mois.",
            "This payroll's name, if a month has several.",
        ),
    ),
]


def _opened(wallet: Path | None, genesis: Path | None, node: list[str] | None) -> "OpenedWallet":
    from wallet.setup import open_wallet

    return open_wallet(wallet, genesis, node_urls(node))


@app.command(
    help=text("Donner la première ligne du fichier de paie.", "Give the payroll file's first line.")
)
def template(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ] = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Give the payroll file's first line."""
    from clients.payroll import payroll_actions

    return payroll_actions.template(out)


@app.command(
    help=text(
        "Vérifier un fichier ligne par ligne, puis auprès de la mairie ; rien n'est transmis.",
        "Check a file line by line, then with the town hall; nothing is submitted.",
    )
)
def check(
    file: FileArgument,
    run_name: NameOption = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help=text("Sans demander à la mairie.", "Without asking the town hall."),
        ),
    ] = False,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Check a payroll."""
    from clients.payroll import payroll_actions

    opened = _opened(wallet, genesis, node)
    return run_to_end(
        payroll_actions.check(opened, passphrase_file, file, run_name, offline=offline)
    )


@app.command(
    help=text(
        "Transmettre une paie : toutes ses lignes sont payées, ou aucune.",
        "Submit a payroll: all its lines are paid, or none.",
    )
)
def submit(
    file: FileArgument,
    run_name: NameOption = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait",
            help=text(
                "Attendre que ce soit définitif (par défaut).", "Wait until it is final (default)."
            ),
            show_default=False,
        ),
    ] = True,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Submit a payroll."""
    from clients.payroll import payroll_actions

    opened = _opened(wallet, genesis, node)
    return run_to_end(payroll_actions.submit(opened, passphrase_file, file, run_name, wait=wait))


@app.command(help=text("Montrer les paies transmises.", "Show the payrolls submitted."))
def status(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the payrolls submitted."""
    from clients.payroll import payroll_actions

    return run_to_end(payroll_actions.status(_opened(wallet, genesis, node), passphrase_file))


@app.command(
    help=text(
        "Écrire de quoi vérifier une ligne de paie face au registre, pour un contrôleur.",
        "Write what checks one payroll line against the ledger, for an auditor.",
    )
)
def disclose(
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help=text("La transaction de la paie.", "The payroll's transaction.")
        ),
    ],
    employee: Annotated[str, typer.Argument(metavar="EMPLOYEE")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ],
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Write what checks one payroll line against the ledger."""
    from clients.payroll import payroll_actions
    from wallet.payment_actions import parse_id

    opened = _opened(wallet, genesis, node)
    return run_to_end(
        payroll_actions.disclose(opened, passphrase_file, parse_id(id), employee, out)
    )
