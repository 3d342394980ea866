"""`democite office account …`: what the town hall does about keys; two of its staff sign."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.office.options import KeystoreOption, PassphrasesOption, ReasonOption, YesOption
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption, NodeOption, node_urls
from terminal.results import Result
from terminal.running import run_to_end

if TYPE_CHECKING:
    from clients.office.power_actions import Hall

KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help=text("Premiers chiffres de la clé (8 au moins).", "First digits, 8 at least."),
    ),
]
AddressArgument = Annotated[
    str,
    typer.Argument(metavar="ADDRESS", help=text("Adresse du compte.", "The account's address.")),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help=text(
            "Ne pas envoyer : écrire ce qu'un collègue signera (« account sign »).",
            "Do not send: write what a colleague will sign ('account sign').",
        ),
    ),
]
MakerOption = Annotated[
    str | None,
    typer.Option(
        "--maker",
        metavar="MAKER",
        help=text(
            "Qui demande : « hall » ou une clé ; inutile s'il n'y a qu'une demande.",
            "Who asks: 'hall' or a key; not needed where one request is open.",
        ),
    ),
]


def devices(
    address: AddressArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show an account's keys and requests."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason)
    return run_to_end(power_actions.show(hall, address))


def block(
    address: AddressArgument,
    key: KeyArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Block a key of an account at once."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    return run_to_end(power_actions.act(hall, address, power_actions.blocking(key)))


def unblock(
    address: AddressArgument,
    key: KeyArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a key's block is lifted."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    return run_to_end(power_actions.unblock(hall, address, key))


def recover(
    card: Annotated[
        str,
        typer.Argument(
            metavar="CARD",
            help=text(
                "Ligne « democite:device/… » du nouvel appareil.",
                "Line 'democite:device/…' of the new device.",
            ),
        ),
    ],
    keystore: KeystoreOption,
    reason: ReasonOption,
    replace: Annotated[
        str | None,
        typer.Option(
            "--replace",
            metavar="KEY",
            help=text("La clé dont il prend la place.", "The key whose place it takes."),
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            "--remove",
            metavar="KEY",
            help=text("Une autre clé à retirer.", "Another key to remove."),
        ),
    ] = None,
    threshold: Annotated[
        int | None,
        typer.Option(
            "--threshold",
            metavar="N",
            help=text("Nouveau seuil de signatures.", "New number of signatures required."),
        ),
    ] = None,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a new device joins an account."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    asked = power_actions.recover(hall, card, replace, remove or [], threshold)
    return run_to_end(asked)


def freeze(
    address: AddressArgument,
    because: Annotated[
        str,
        typer.Option(
            "--because",
            metavar="CODE",
            help="owner_request|suspected_theft|suspected_fraud|authority_order|death",
        ),
    ],
    keystore: KeystoreOption,
    reason: ReasonOption,
    days: Annotated[
        int,
        typer.Option("--days", metavar="N", min=1, max=30, help=text("30 au plus.", "30 at most.")),
    ] = 30,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Freeze an account, or renew its freeze."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    intent_of = power_actions.freezing(because, days)
    return run_to_end(power_actions.act(hall, address, intent_of))


def unfreeze(
    address: AddressArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Lift a freeze."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    return run_to_end(power_actions.act(hall, address, power_actions.unfreezing()))


def complete(
    address: AddressArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    maker: MakerOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Complete a request that is due."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason)
    return run_to_end(power_actions.act(hall, address, power_actions.completing(maker)))


def insist(
    address: AddressArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Insist on the town hall's request after a first veto."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    return run_to_end(power_actions.act(hall, address, power_actions.insisting()))


def withdraw(
    address: AddressArgument,
    keystore: KeystoreOption,
    reason: ReasonOption,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Withdraw the town hall's request."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    return run_to_end(power_actions.act(hall, address, power_actions.withdrawing()))


def decide(
    address: AddressArgument,
    other_keystore: Annotated[
        list[Path],
        typer.Option(
            "--other-keystore",
            metavar="FILE",
            help=text("Clé d'un agent d'un autre territoire.", "Key of another territory's staff."),
        ),
    ],
    agree: Annotated[
        bool,
        typer.Option("--agree/--refuse", help=text("Approuver ou rejeter.", "Agree or turn down.")),
    ],
    keystore: KeystoreOption,
    reason: ReasonOption,
    maker: MakerOption = None,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Decide on a request that was vetoed twice."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, reason, out)
    decided = power_actions.decide(hall, address, maker, other_keystore, agree=agree)
    return run_to_end(decided)


def sign(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=text("Fichier d'un collègue.", "A colleague's file.")),
    ],
    keystore: KeystoreOption,
    yes: YesOption = False,
    out: OutOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Sign an act that a colleague prepared, and send it."""
    from clients.office import power_actions

    hall = _hall(keystore, passphrase_file, genesis, node, "", out)
    return run_to_end(power_actions.sign(hall, file, yes=yes))


def _hall(
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    genesis: Path | None,
    node: list[str] | None,
    reason: str,
    out: Path | None = None,
) -> "Hall":
    from clients.office.power_actions import Hall
    from wallet.setup import require_network

    network = require_network(genesis)
    return Hall(network, node_urls(node), keystores, passphrase_files, reason, out)


HELP = {
    "devices": text(
        "Montrer les clés d'un compte et ce qui est demandé.",
        "Show an account's keys and what is asked about them.",
    ),
    "block": text(
        "Bloquer une clé d'un compte, tout de suite (deux agents).",
        "Block a key of an account, at once (two of the staff).",
    ),
    "unblock": text(
        "Appareil retrouvé : demander que sa clé soit débloquée (deux agents, délai, veto).",
        "Device found: ask that its key's block is lifted (two of the staff, delay, veto).",
    ),
    "recover": text(
        "Appareil perdu : demander qu'un nouveau le remplace (deux agents, délai, veto).",
        "Device lost: ask that a new one takes its place (two of the staff, delay, veto).",
    ),
    "freeze": text(
        "Geler un compte 30 jours au plus, ou renouveler (deux agents).",
        "Freeze an account for 30 days at most, or renew (two of the staff).",
    ),
    "unfreeze": text("Lever un gel (deux agents).", "Lift a freeze (two of the staff)."),
    "complete": text(
        "Exécuter une demande dont le délai est passé.", "Complete a request that is due."
    ),
    "insist": text(
        "Insister après un premier veto ; le délai recommence.",
        "Insist after a first veto; the delay begins again.",
    ),
    "withdraw": text("Retirer la demande de la mairie.", "Withdraw the town hall's request."),
    "sign": text(
        "Signer ce qu'un collègue a préparé avec --out.",
        "Sign what a colleague prepared with --out.",
    ),
    "decide": text(
        "Après deux vetos : trois signatures, dont une d'un autre territoire.",
        "After two vetoes: three signatures, one of another territory.",
    ),
}


def add_powers(account: typer.Typer) -> None:
    """Put these commands beside the other ones about accounts."""
    commands = (
        devices,
        block,
        unblock,
        recover,
        freeze,
        unfreeze,
        complete,
        insist,
        withdraw,
        decide,
        sign,
    )
    for command in commands:
        account.command(help=HELP[command.__name__])(command)
