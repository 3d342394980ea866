"""`democite office keys …`: the keys of the territory's own account, or of its issuer's."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.office.options import KeystoreOption, PassphrasesOption
from terminal.application import application
from terminal.languages import text
from terminal.options import (
    GenesisOption,
    JsonOption,
    LangOption,
    NewPassphraseFileOption,
    NodeOption,
    PassphraseFileOption,
    node_urls,
)
from terminal.results import Result
from terminal.running import run_to_end

if TYPE_CHECKING:
    from clients.office.own_key_actions import OwnKeys

keys = application(
    text(
        "Les clés de la mairie, de son nœud et de l'émetteur : ajouter, remplacer, bloquer.",
        "The keys of the town hall, its node and the issuer: add, replace, block.",
    )
)

IssuerOption = Annotated[
    bool,
    typer.Option(
        "--issuer",
        help=text("Celles de l'émetteur.", "Those of the issuer."),
        show_default=False,
    ),
]
CommonsOption = Annotated[
    bool,
    typer.Option(
        "--commons",
        help=text("Celles du compte des communs.", "Those of the account of the commons."),
        show_default=False,
    ),
]
RecoveryOption = Annotated[
    bool,
    typer.Option(
        "--recovery",
        help=text(
            "Une clé de récupération de plus, quand l'ancienne est perdue.",
            "One more recovery key, where the old one is lost.",
        ),
        show_default=False,
    ),
]
KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help=text("Premiers chiffres, 8 au moins.", "First digits, 8 at least.")
    ),
]
PublicArgument = Annotated[
    str,
    typer.Argument(
        metavar="PUBLIC_KEY",
        help=text("Ligne que montre « office key ».", "Line that 'office key' shows."),
    ),
]
MakerArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MAKER",
        help=text("Clé qui a fait la demande.", "Key that made the request."),
    ),
]


@keys.command("list", help=text("Montrer les clés.", "Show the keys."))
def list_(
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the keys."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.show())


@keys.command(help=text("Ajouter une clé.", "Add a key."))
def add(
    public_key: PublicArgument,
    keystore: KeystoreOption,
    recovery: RecoveryOption = False,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Add a key."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.add(public_key, recovery=recovery))


@keys.command(help=text("Retirer une clé à jamais.", "Remove a key for ever."))
def remove(
    key: KeyArgument,
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Remove a key for ever."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.remove(key))


@keys.command(help=text("Remplacer une clé.", "Replace a key."))
def replace(
    key: KeyArgument,
    public_key: PublicArgument,
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Replace a key."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.replace(key, public_key))


@keys.command(help=text("Fixer le seuil.", "Set the threshold."))
def threshold(
    number: Annotated[int, typer.Argument(metavar="N", min=1)],
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Set the threshold."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.set_threshold(number))


@keys.command(help=text("Bloquer une clé, tout de suite.", "Block a key, at once."))
def block(
    key: KeyArgument,
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Block a key, at once."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.block(key))


@keys.command(help=text("Débloquer une clé.", "Lift a key's block."))
def unblock(
    key: KeyArgument,
    keystore: KeystoreOption,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Lift a key's block."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.unblock(key))


@keys.command(help=text("Refuser une demande.", "Veto a request."))
def veto(
    keystore: KeystoreOption,
    maker: MakerArgument = None,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Veto a request."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.settle("veto", maker))


@keys.command(help=text("Exécuter une demande échue.", "Complete a request that is due."))
def complete(
    keystore: KeystoreOption,
    maker: MakerArgument = None,
    issuer: IssuerOption = False,
    commons: CommonsOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Complete a request that is due."""
    own = _own(keystore, passphrase_file, genesis, node, issuer, commons)
    return run_to_end(own.settle("complete", maker))


@keys.command(
    help=text(
        "Changer la phrase secrète de fichiers de clés.", "Change the passphrase of key files."
    )
)
def passphrase(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help=text(
                "Clés du personnel, d'un émetteur, de récupération.",
                "Keys of staff, of an issuer, recovery keys.",
            ),
        ),
    ],
    new_passphrase_file: NewPassphraseFileOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Seal key files under another passphrase."""
    from clients.office import key_actions

    return key_actions.change_passphrase(files, passphrase_file, new_passphrase_file)


def _own(
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    genesis: Path | None,
    node: list[str] | None,
    issuer: bool,
    commons: bool,
) -> "OwnKeys":
    from clients.office.own_key_actions import OwnKeys
    from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
    from wallet.setup import require_network

    network = require_network(genesis)
    kind = ISSUER if issuer else COMMONS if commons else TERRITORY
    return OwnKeys(network, node_urls(node), keystores, passphrase_files, kind=kind)
