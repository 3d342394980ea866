"""`democite office programme|bulletin …`: budgets, and the bulletins credited from them."""

from pathlib import Path
from typing import Annotated

import typer

from clients.office.options import (
    FileArgument,
    KeystoreOption,
    PassphrasesOption,
    PeriodArgument,
    ProgrammeArgument,
    ReasonOption,
    WaitOption,
    YesOption,
)
from clients.office.register_commands import asked_of
from terminal.application import application
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption, NodeOption
from terminal.results import Result
from terminal.running import run_to_end

programme = application(
    text("Les programmes et leurs budgets.", "The programmes and their budgets.")
)
bulletin = application(
    text("Les bulletins d'activité sociétale.", "The bulletins of societal activity.")
)

OperationArgument = Annotated[
    str,
    typer.Argument(
        metavar="OPERATION",
        help=text("Son numéro, montré à l'émission.", "Its number, shown when it was made."),
    ),
]


@programme.command(
    "import",
    help=text("Importer un fichier : tout ou rien.", "Import a file: the whole of it or nothing."),
)
def import_(
    file: FileArgument,
    keystore: KeystoreOption,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Import programmes."""
    from clients.office import register_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    return run_to_end(register_actions.import_file(asked, "programmes", file))


@programme.command("list", help=text("Montrer tout le registre.", "Show the whole register."))
def list_(
    keystore: KeystoreOption,
    reason: ReasonOption = "",
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the programmes."""
    from clients.office import register_actions

    asked = asked_of(genesis, node, keystore, passphrase_file, reason)
    return run_to_end(register_actions.list_register(asked, "programmes", {}))


@programme.command(
    "open",
    help=text(
        "Ouvrir un programme : son budget vient du compte commun.",
        "Open a programme: its budget comes from the commons.",
    ),
)
def open_(
    code: ProgrammeArgument,
    keystore: KeystoreOption,
    wait: WaitOption = True,
    yes: YesOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Open a programme."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    return run_to_end(bulletin_actions.open_programme(asked, code, wait=wait, yes=yes))


@programme.command(help=text("Ajouter au budget d'un programme.", "Add to a programme's budget."))
def fund(
    code: ProgrammeArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT")],
    keystore: KeystoreOption,
    wait: WaitOption = True,
    yes: YesOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Add to a programme's budget."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    return run_to_end(bulletin_actions.fund_programme(asked, code, amount, wait=wait, yes=yes))


@programme.command(
    help=text(
        "Clore un programme : le reste revient au compte commun.",
        "Close a programme: what is left goes back to the commons.",
    )
)
def close(
    code: ProgrammeArgument,
    keystore: KeystoreOption,
    wait: WaitOption = True,
    yes: YesOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Close a programme."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    return run_to_end(bulletin_actions.close_programme(asked, code, wait=wait, yes=yes))


@bulletin.command(
    help=text(
        "Montrer ce que seraient les bulletins d'un mois ; rien n'est fait.",
        "Show what a month's bulletins would be; nothing is done.",
    )
)
def preview(
    period: PeriodArgument,
    keystore: KeystoreOption,
    reason: ReasonOption = "",
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show what a month's bulletins would be."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file, reason)
    return run_to_end(bulletin_actions.preview(asked, period))


@bulletin.command(
    help=text(
        "Établir et signer les bulletins d'un mois ; au-dessus du seuil, à deux.",
        "Make out and sign a month's bulletins; above the threshold it takes two.",
    )
)
def issue(
    period: PeriodArgument,
    keystore: KeystoreOption,
    programmes: Annotated[
        list[str] | None,
        typer.Option(
            "--programme",
            metavar="CODE",
            help=text("Seulement celui-ci ; répétable.", "Only this one; repeatable."),
        ),
    ] = None,
    skip_unconfirmed: Annotated[
        bool,
        typer.Option(
            "--skip-unconfirmed",
            help=text(
                "Laisser pour plus tard ce qui n'est pas confirmé.",
                "Leave for later what is not confirmed.",
            ),
        ),
    ] = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    yes: YesOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make out and sign a month's bulletins."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file, reason)
    return run_to_end(
        bulletin_actions.issue(
            asked,
            period,
            skip_unconfirmed=skip_unconfirmed,
            programmes=programmes or None,
            wait=wait,
            yes=yes,
        )
    )


def _add_signing(app: typer.Typer, name: str) -> None:
    """`sign` and `status` are the same for all that staff sign."""

    @app.command(
        help=text(
            "Ajouter sa signature à une opération qui attend, d'où que l'on soit.",
            "Add one's signature to an operation that waits, from wherever one is.",
        )
    )
    def sign(
        operation: OperationArgument,
        keystore: KeystoreOption,
        wait: WaitOption = True,
        yes: YesOption = False,
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import bulletin_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        return run_to_end(bulletin_actions.sign(asked, operation, wait=wait, yes=yes, command=name))

    @app.command(
        help=text(
            "Montrer une opération, ou toutes celles qui attendent ; rien n'est signé.",
            "Show an operation, or all that wait; nothing is signed.",
        )
    )
    def status(
        keystore: KeystoreOption,
        operation: Annotated[
            str | None, typer.Argument(metavar="[OPERATION]", show_default=False)
        ] = None,
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import bulletin_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        return run_to_end(bulletin_actions.status(asked, operation, command=name))


_add_signing(programme, "programme")
_add_signing(bulletin, "bulletin")


@bulletin.command(
    help=text(
        "Écrire de quoi vérifier un bulletin face au registre, pour un contrôleur.",
        "Write what checks one bulletin against the ledger, for an auditor.",
    )
)
def disclose(
    period: PeriodArgument,
    person: Annotated[str, typer.Argument(metavar="PERSON")],
    keystore: KeystoreOption,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help=text("Où l'écrire.", "Where to write it.")),
    ],
    programme: Annotated[str | None, typer.Option("--programme", metavar="CODE")] = None,
    reason: ReasonOption = "",
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Write what checks one bulletin against the ledger."""
    from clients.office import bulletin_actions

    asked = asked_of(genesis, node, keystore, passphrase_file, reason)
    return run_to_end(bulletin_actions.disclose(asked, period, person, programme, out))
