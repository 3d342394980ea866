"""`democite network propose | vote | move | status`: a town hall as a member of its network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.office.options import KeystoreOption, PassphrasesOption, YesOption
from terminal.application import application
from terminal.errors import CommandError
from terminal.languages import text
from terminal.options import GenesisOption, JsonOption, LangOption, NodeOption, node_urls
from terminal.results import Result
from terminal.running import run_to_end

if TYPE_CHECKING:
    from clients.office.network_actions import Acting
    from ledger.changes import Change

app = application(text("Le réseau et ses membres.", "The network and its members."))
propose = application(
    text(
        "Proposer un changement du réseau ; plus de deux tiers des territoires décident.",
        "Propose a change of the network; more than two thirds of the territories decide.",
    )
)
app.add_typer(propose, name="propose")

PrefixArgument = Annotated[
    str,
    typer.Argument(
        metavar="PREFIX", help=text("Nom court du territoire.", "The territory's short name.")
    ),
]
CardArgument = Annotated[Path, typer.Argument(metavar="CARD", help=text("Sa carte.", "Its card."))]
OwnCardOption = Annotated[
    Path | None,
    typer.Option(
        "--card",
        metavar="FILE",
        help=text(
            "Votre propre carte, si vous n'êtes pas dans la genèse.",
            "Your own card, if you are not in the genesis.",
        ),
    ),
]


def _acting(
    keystore: list[Path],
    passphrase_file: list[Path] | None,
    node: list[str] | None,
    genesis: Path | None,
    card: Path | None,
) -> "Acting":
    from clients.office.network_actions import Acting
    from wallet.setup import require_network

    network = require_network(genesis)
    return Acting(network, node_urls(node), keystore, passphrase_file, card)


def _propose(acting: "Acting", change: "Change") -> Result:
    from clients.office import network_actions

    return run_to_end(network_actions.propose(acting, change))


@propose.command(help=text("Un territoire de plus.", "One more territory."))
def add(
    new: CardArgument,
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that the territory of this card joins."""
    from clients.office.network_actions import read_card
    from ledger.changes import AddMember

    change = AddMember(read_card(new))
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(help=text("Un territoire de moins.", "One territory less."))
def remove(
    prefix: PrefixArgument,
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that a territory leaves; its accounts and its money go on."""
    from ledger.changes import RemoveMember

    change = RemoveMember(prefix)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(help=text("Mettre un territoire en pause.", "Pause a territory."))
def pause(
    prefix: PrefixArgument,
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that a territory's node votes on no blocks for a while."""
    from ledger.changes import PauseMember

    change = PauseMember(prefix)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(help=text("Finir la pause d'un territoire.", "End a territory's pause."))
def resume(
    prefix: PrefixArgument,
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that a paused territory's node votes again."""
    from ledger.changes import ResumeMember

    change = ResumeMember(prefix)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(
    help=text("Une autre clé de vote pour un territoire.", "Another voting key for a territory.")
)
def keys(
    new: CardArgument,
    keystore: KeystoreOption,
    recovery: Annotated[
        bool,
        typer.Option(
            "--recovery",
            help=text(
                "Aussi la clé de récupération du membre ; celle du compte change avec "
                "« office keys replace ».",
                "The member's recovery key too; the account's changes with 'office keys replace'.",
            ),
            show_default=False,
        ),
    ] = False,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that a territory's node gets the voting keys of this new card of it."""
    from clients.office.network_actions import propose_keys, read_card

    acting = _acting(keystore, passphrase_file, node, genesis, card)
    return run_to_end(propose_keys(acting, read_card(new), recovery=recovery))


@propose.command(
    "recovery",
    help=text(
        "Une autre clé de récupération pour un territoire.",
        "Another recovery key for a territory.",
    ),
)
def recovery_(
    prefix: PrefixArgument,
    public_key: Annotated[
        str,
        typer.Argument(
            metavar="PUBLIC_KEY",
            help=text("Ligne que montre « office key ».", "Line that 'office key' shows."),
        ),
    ],
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose the recovery key that a territory signs a succession with."""
    from clients.office.network_actions import new_recovery

    change = new_recovery(prefix, public_key)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(help=text("Une autre valeur d'un paramètre.", "Another value of a parameter."))
def parameter(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    value: Annotated[int, typer.Argument(metavar="VALUE", min=1)],
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose another figure for a parameter of the network."""
    from ledger.changes import ChangeParameter

    change = ChangeParameter(name, value)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@propose.command(help=text("La version suivante des règles.", "The next version of the rules."))
def rules(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1)],
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Propose that the next rule version applies."""
    from ledger.changes import ChangeRules

    change = ChangeRules(version)
    return _propose(_acting(keystore, passphrase_file, node, genesis, card), change)


@app.command(help=text("Voter sur une proposition.", "Vote on a proposal."))
def vote(
    proposal: Annotated[
        str, typer.Argument(metavar="ID", help=text("La proposition.", "The proposal."))
    ],
    answer: Annotated[str, typer.Argument(metavar="yes|no")],
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    yes: YesOption = False,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Vote for the territory whose staff signs."""
    from clients.office import network_actions

    answers = {"yes": True, "oui": True, "no": False, "non": False}
    if answer.lower() not in answers:
        raise CommandError("usage", f"{answer[:20]} ≠ yes | no", exit_code=2)
    acting = _acting(keystore, passphrase_file, node, genesis, card)
    approve = answers[answer.lower()]
    return run_to_end(network_actions.vote(acting, proposal, approve=approve, yes=yes))


@app.command(help=text("Dire où votre nœud est joint.", "Say where your node is reached."))
def move(
    peer: Annotated[
        str, typer.Option("--peer", metavar="HOST:PORT", help=text("Par les nœuds.", "By nodes."))
    ],
    http: Annotated[
        str,
        typer.Option(
            "--http", metavar="HOST:PORT", help=text("Par les portefeuilles.", "By wallets.")
        ),
    ],
    keystore: KeystoreOption,
    card: OwnCardOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphrasesOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Change the addresses of one's own node; no vote is needed."""
    from clients.office import network_actions

    acting = _acting(keystore, passphrase_file, node, genesis, card)
    return run_to_end(network_actions.move(acting, peer, http))


@app.command(help=text("Époque, membres, propositions.", "The epoch, the members, the proposals."))
def status(
    node: NodeOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """What one node says of the network."""
    from clients.office import network_actions
    from wallet.setup import require_network

    urls = node_urls(node)
    if not urls:
        raise CommandError("option_missing", text("il manque --node URL", "--node URL is missing"))
    network = None if genesis is None else require_network(genesis)
    return run_to_end(network_actions.status(network, urls))
