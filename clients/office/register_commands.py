"""`democite office resident|employer|service|level|activity …`: the registers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.office.options import (
    FileArgument,
    KeystoreOption,
    PassphrasesOption,
    ReasonOption,
    WaitOption,
)
from terminal.application import application
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption, NodeOption, node_urls
from terminal.results import Result
from terminal.running import run_to_end

if TYPE_CHECKING:
    from clients.office.counter import Asked

resident = application(text("Les habitants inscrits.", "The residents registered."))
employer = application(text("Les employeurs inscrits.", "The employers registered."))
service = application(
    text("Les services et commerces inscrits.", "The services and shops registered.")
)
level = application(
    text("Les niveaux d'activité et leur taux horaire.", "The levels of activity and their rates.")
)
activity = application(
    text("Les heures données, à confirmer.", "The hours that were given, to be confirmed.")
)

CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help=text("Code au registre.", "Code in the register."))
]


def asked_of(
    genesis: Path | None,
    node: list[str] | None,
    keystore: list[Path],
    passphrase_file: list[Path] | None,
    reason: str = "",
) -> "Asked":
    """What every command is given, in one value."""
    from clients.office.counter import Asked

    return Asked(genesis, node_urls(node), keystore, passphrase_file, reason)


def _add_import(app: typer.Typer, register: str) -> None:
    @app.command(
        "import",
        help=text(
            "Importer un fichier : tout ou rien.", "Import a file: the whole of it or nothing."
        ),
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
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        return run_to_end(register_actions.import_file(asked, register, file))


def _add_list(app: typer.Typer, register: str) -> None:
    @app.command("list", help=text("Montrer tout le registre.", "Show the whole register."))
    def list_(
        keystore: KeystoreOption,
        reason: ReasonOption = "",
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file, reason)
        return run_to_end(register_actions.list_register(asked, register, {}))


def _add_opening(app: typer.Typer, kind: str) -> None:
    @app.command(
        "open",
        help=text(
            "Ouvrir le compte que demande son portefeuille, et le noter au registre.",
            "Open the account that their wallet asks for, and note it in the register.",
        ),
    )
    def open_(
        code: CodeArgument,
        request: Annotated[
            str,
            typer.Argument(
                metavar="REQUEST",
                help=text(
                    "Ligne « democite:account/… » de « wallet address », ou son fichier.",
                    "Line 'democite:account/…' from 'wallet address', or its file.",
                ),
            ),
        ],
        keystore: KeystoreOption,
        wait: WaitOption = True,
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        return run_to_end(register_actions.open_for(asked, kind, code, request, wait=wait))


def _add_entries(app: typer.Typer, kind: str, register: str) -> None:
    @app.command(
        help=text(
            "Noter à qui est un compte déjà ouvert.", "Note whose an account is that is open."
        )
    )
    def link(
        code: CodeArgument,
        address: Annotated[str, typer.Argument(metavar="ADDRESS")],
        keystore: KeystoreOption,
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        return run_to_end(register_actions.link(asked, kind, code, address))

    @app.command(help=text("Montrer une inscription.", "Show one entry."))
    def show(
        code: CodeArgument,
        keystore: KeystoreOption,
        reason: ReasonOption = "",
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file, reason)
        return run_to_end(register_actions.show_one(asked, register, code))


def _add_partner_register(app: typer.Typer, register: str) -> None:
    @app.command("register", help=text("Inscrire à la main.", "Register by hand."))
    def register_(
        code: Annotated[str, typer.Option("--code", metavar="CODE")],
        name: Annotated[str, typer.Option("--name", metavar="TEXT")],
        keystore: KeystoreOption,
        siret: Annotated[str, typer.Option("--siret", metavar="NUMBER")] = "",
        sector: Annotated[str, typer.Option("--sector", metavar="TEXT")] = "",
        node: NodeOption = None,
        genesis: GenesisOption = None,
        passphrase_file: PassphrasesOption = None,
        lang: LangOption = None,
        as_json: JsonOption = False,
    ) -> Result:
        from clients.office import register_actions

        asked = asked_of(genesis, node, keystore, passphrase_file)
        cells = {"code": code, "name": name, "siret": siret, "sector": sector}
        return run_to_end(register_actions.register_one(asked, register, cells))


@resident.command("register", help=text("Inscrire à la main.", "Register by hand."))
def register_resident(
    person: Annotated[str, typer.Option("--person", metavar="CODE")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT")],
    birth_date: Annotated[str, typer.Option("--birth-date", metavar="YYYY-MM-DD")],
    keystore: KeystoreOption,
    first_name: Annotated[str, typer.Option("--first-name", metavar="TEXT")] = "",
    email: Annotated[str, typer.Option("--email", metavar="TEXT")] = "",
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Register one resident by hand."""
    from clients.office import register_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    cells = {
        "person": person,
        "name": name,
        "first_name": first_name,
        "birth_date": birth_date,
        "email": email,
    }
    return run_to_end(register_actions.register_one(asked, "residents", cells))


@activity.command(
    help=text(
        "Confirmer des activités : par numéro, ou celles d'un programme et d'un mois.",
        "Confirm activities: by number, or those of a programme and a month.",
    )
)
def confirm(
    keystore: KeystoreOption,
    confirmed_by: Annotated[
        str,
        typer.Option(
            "--by", metavar="TEXT", help=text("Qui s'en porte garant.", "Who vouches for them.")
        ),
    ],
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
    programme: Annotated[str | None, typer.Option("--programme", metavar="CODE")] = None,
    period: Annotated[str | None, typer.Option("--period", metavar="YYYY-MM")] = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Confirm activities."""
    from clients.office import register_actions

    asked = asked_of(genesis, node, keystore, passphrase_file)
    return run_to_end(register_actions.confirm(asked, confirmed_by, ids or [], programme, period))


@activity.command("list", help=text("Montrer des activités.", "Show activities."))
def list_activities(
    keystore: KeystoreOption,
    period: Annotated[str, typer.Option("--period", metavar="YYYY-MM")] = "",
    programme: Annotated[str, typer.Option("--programme", metavar="CODE")] = "",
    unconfirmed: Annotated[
        bool,
        typer.Option(
            "--unconfirmed",
            help=text("Seulement celles à confirmer.", "Only those to be confirmed."),
        ),
    ] = False,
    reason: ReasonOption = "",
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show activities."""
    from clients.office import register_actions

    asked = asked_of(genesis, node, keystore, passphrase_file, reason)
    given = {
        "period": period,
        "programme": programme,
        "unconfirmed": "1" if unconfirmed else "",
    }
    filters = {name: word for name, word in given.items() if word}
    return run_to_end(register_actions.list_register(asked, "activities", filters))


for _app, _register in (
    (resident, "residents"),
    (employer, "employers"),
    (service, "services"),
    (level, "levels"),
    (activity, "activities"),
):
    _add_import(_app, _register)
for _app, _register in (
    (resident, "residents"),
    (employer, "employers"),
    (service, "services"),
    (level, "levels"),
):
    _add_list(_app, _register)
for _app, _kind, _register in (
    (resident, "resident", "residents"),
    (employer, "employer", "employers"),
    (service, "service", "services"),
):
    _add_opening(_app, _kind)
    _add_entries(_app, _kind, _register)
for _app, _register in ((employer, "employers"), (service, "services")):
    _add_partner_register(_app, _register)
