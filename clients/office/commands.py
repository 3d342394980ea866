"""`democite office …`: the commands of a town hall and of an issuer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.office.bulletin_commands import bulletin, programme
from clients.office.options import KeystoreOption, PassphrasesOption, WaitOption
from clients.office.own_key_commands import keys
from clients.office.power_commands import add_powers
from clients.office.register_commands import activity, employer, level, resident, service
from terminal.application import application
from terminal.languages import text
from terminal.options import (
    GenesisOption,
    JsonOption,
    LangOption,
    NodeOption,
    PassphraseFileOption,
    node_urls,
)
from terminal.results import Result
from terminal.running import run_to_end

if TYPE_CHECKING:
    from wallet.light.trust import TrustedNetwork

app = application(
    text(
        "La mairie et l'émetteur : habitants, bulletins, comptes, monnaie.",
        "The town hall and the issuer: residents, bulletins, accounts, money.",
    )
)
account = application(text("Les comptes du territoire.", "The territory's accounts."))
reserve = application(text("La monnaie et sa réserve.", "The money and its reserve."))
app.add_typer(account, name="account")
add_powers(account)
app.add_typer(keys, name="keys")
app.add_typer(reserve, name="reserve")
app.add_typer(resident, name="resident")
app.add_typer(employer, name="employer")
app.add_typer(service, name="service")
app.add_typer(level, name="level")
app.add_typer(activity, name="activity")
app.add_typer(programme, name="programme")
app.add_typer(bulletin, name="bulletin")


@app.command(
    help=text(
        "Se faire une clé d'agent ; sa moitié publique va à « node init --staff-key ».",
        "Make a staff key for oneself; its public half goes to 'node init --staff-key'.",
    )
)
def key(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help=text("Où écrire la clé.", "Where to write it.")),
    ],
    territory: Annotated[
        str | None,
        typer.Option(
            "--territory",
            metavar="PREFIX",
            help=text(
                "Pour une clé qui rejoint un territoire déjà fondé (« office keys add »).",
                "For a key that joins a territory that exists already ('office keys add').",
            ),
        ),
    ] = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make a staff key for oneself."""
    from clients.office import key_actions

    return key_actions.make_key(out, passphrase_file, territory)


@account.command(
    help=text(
        "L'adresse des communs, d'où viennent les budgets.",
        "The address of the commons, where budgets come from.",
    )
)
def commons(
    territory: Annotated[str, typer.Argument(metavar="PREFIX")],
    node: NodeOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show where money for programmes is issued to."""
    from primitives.addresses import format_address
    from wallet.following import meet_now
    from wallet.node_urls import node_urls_of

    network = _network(genesis)
    meet_now(network, node_urls(node) or node_urls_of(network, territory), territory)
    address = format_address(territory, network.territory(territory).commons_id)
    return Result({"address": address}, address)


@account.command(
    "open",
    help=text(
        "Ouvrir les comptes que des portefeuilles demandent.",
        "Open the accounts that wallets ask for.",
    ),
)
def open_(
    requests: Annotated[
        list[str],
        typer.Argument(
            metavar="REQUEST",
            help=text(
                "Ligne « democite:account/… » de « wallet address », ou fichier de telles lignes.",
                "Line 'democite:account/…' from 'wallet address', or a file of such lines.",
            ),
        ),
    ],
    keystore: KeystoreOption,
    currency: Annotated[
        str | None,
        typer.Option(
            "--currency",
            metavar="CODE",
            help=text("Sinon la première du territoire.", "Else the territory's first."),
        ),
    ] = None,
    wait: WaitOption = True,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Open the accounts that wallets ask for."""
    from clients.office import actions

    return run_to_end(
        actions.open_accounts(
            _network(genesis),
            node_urls(node),
            keystore,
            passphrase_file,
            requests,
            currency,
            wait=wait,
        )
    )


@reserve.command(
    help=text(
        "Émettre contre des euros entrés dans la réserve.",
        "Issue against euros paid into the reserve.",
    )
)
def issue(
    address: Annotated[str, typer.Argument(metavar="ADDRESS")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT")],
    keystore: KeystoreOption,
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            metavar="TEXT",
            help=text(
                "Référence bancaire ; le registre n'en garde qu'une empreinte salée.",
                "Bank reference; the ledger keeps a salted hash of it only.",
            ),
            show_default=False,
        ),
    ] = "",
    idempotency_key: Annotated[
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
    ] = "",
    wait: WaitOption = True,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Issue against euros paid into the reserve."""
    from clients.office import actions

    return run_to_end(
        actions.issue(
            _network(genesis),
            node_urls(node),
            keystore,
            passphrase_file,
            address,
            amount,
            reference,
            wait=wait,
            idempotency_key=idempotency_key,
        )
    )


@reserve.command(
    help=text(
        "Compléter et déposer la demande de reprise d'un porteur.",
        "Complete and submit a holder's request to redeem.",
    )
)
def redeem(
    request: Annotated[
        Path,
        typer.Option(
            "--request",
            metavar="FILE",
            help=text("Fichier de « wallet redeem ».", "File from 'wallet redeem'."),
        ),
    ],
    keystore: KeystoreOption,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help=text(
                "Où écrire la demande s'il manque encore des signatures.",
                "Where to write the request if signatures are still missing.",
            ),
        ),
    ] = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Complete and submit a holder's request to redeem."""
    from clients.office import actions

    return run_to_end(
        actions.redeem(_network(genesis), node_urls(node), keystore, passphrase_file, request, out)
    )


def _network(genesis: Path | None) -> "TrustedNetwork":
    from wallet.setup import require_network

    return require_network(genesis)
