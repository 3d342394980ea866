"""`democite wallet devices …` and what goes with it: keys, requests, twelve words."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.errors import CommandError
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

devices = application(
    text(
        "Les appareils qui agissent pour le compte : bloquer tout de suite, gagner en attendant.",
        "The devices that act for the account: block at once, gain by waiting.",
    )
)

KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help=text(
            "Premiers chiffres de la clé (8 au moins), voir « devices list ».",
            "First digits of the key (8 at least), see 'devices list'.",
        ),
    ),
]
CardArgument = Annotated[
    str,
    typer.Argument(
        metavar="CARD",
        help=text(
            "Ligne « democite:device/… » que montre l'autre appareil.",
            "Line 'democite:device/…' that the other device shows.",
        ),
    ),
]
MakerArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MAKER",
        help=text(
            "Qui demande : « hall » (la mairie) ou les premiers chiffres d'une clé ; "
            "inutile s'il n'y a qu'une demande.",
            "Who asks: 'hall' (the town hall) or a key's first digits; "
            "not needed where one request is open.",
        ),
    ),
]
WordsOption = Annotated[
    Path | None,
    typer.Option(
        "--words-file",
        metavar="FILE",
        help=text(
            "Les douze mots (« - » : entrée standard) ; sinon demandés.",
            "The twelve words ('-': standard input); else asked.",
        ),
    ),
]


@devices.command("list", help=text("Montrer les clés du compte.", "Show the account's keys."))
def list_(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show the account's keys."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.listed(opened, passphrase_file))


@devices.command(help=text("Bloquer une clé, tout de suite.", "Block a key, at once."))
def block(
    key: KeyArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Block a key, at once."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.block(opened, passphrase_file, key))


@devices.command(
    help=text("Demander que le blocage d'une clé soit levé.", "Ask that a key's block is lifted.")
)
def unblock(
    key: KeyArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a key's block is lifted."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(
        device_actions.change(opened, passphrase_file, device_actions.unblocking(key))
    )


@devices.command(help=text("Demander qu'un appareil soit ajouté.", "Ask that a device is added."))
def add(
    card: CardArgument,
    limit: Annotated[
        str,
        typer.Option(
            "--limit",
            metavar="AMOUNT",
            help=text("Plafond par paiement.", "Most that it spends at a time."),
            show_default=False,
        ),
    ] = "none",
    till: Annotated[
        bool,
        typer.Option(
            "--till",
            help=text(
                "Paie et bloque seulement, ne demande rien.", "Only pays and blocks, asks nothing."
            ),
            show_default=False,
        ),
    ] = False,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a device is added."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    changes = device_actions.adding(
        card,
        manages=not till,
        limit=lambda: device_actions.limit_minor(opened, limit, opened.currency[0]),
    )
    return run_to_end(device_actions.change(opened, passphrase_file, changes))


@devices.command(
    help=text(
        "Demander qu'une clé soit retirée pour toujours.", "Ask that a key is removed for ever."
    )
)
def remove(
    key: KeyArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a key is removed for ever."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.change(opened, passphrase_file, device_actions.removing(key)))


@devices.command(
    help=text(
        "Demander qu'un appareil en remplace un autre.", "Ask that a device takes another's place."
    )
)
def replace(
    key: KeyArgument,
    card: CardArgument,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Ask that a device takes another's place."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    changes = device_actions.replacing(key, card)
    return run_to_end(device_actions.change(opened, passphrase_file, changes))


@devices.command(
    help=text(
        "Fixer le plafond d'une clé ; plus haut, il faut attendre.",
        "Set a key's limit; a higher one waits.",
    )
)
def limit(
    key: KeyArgument,
    amount: Annotated[
        str,
        typer.Argument(metavar="AMOUNT", help=text("« none » : aucun.", "'none' for no limit.")),
    ],
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Set a key's limit; a higher one waits."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    changes = device_actions.limiting(opened, key, amount)
    return run_to_end(device_actions.change(opened, passphrase_file, changes))


HELP = {
    "requests": text(
        "Montrer ce qui est demandé sur les clés du compte.",
        "Show what is asked about the account's keys.",
    ),
    "veto": text(
        "Refuser une demande, ou retirer la sienne.", "Veto a request, or withdraw one's own."
    ),
    "insist": text("Insister après un premier veto.", "Insist after a first veto."),
    "complete": text(
        "Exécuter une demande dont le délai est passé.", "Complete a request that is due."
    ),
    "paper": text(
        "Créer douze mots à garder sur papier : la clé de secours.",
        "Make twelve words to keep on paper: the key of last resort.",
    ),
    "recover": text(
        "Reprendre le compte avec les douze mots, tout de suite.",
        "Take the account back with the twelve words, at once.",
    ),
}


def requests(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show what is asked about the account's keys."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.requests(opened, passphrase_file))


def veto(
    maker: MakerArgument = None,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help=text("Avec les douze mots.", "With the twelve words."),
            show_default=False,
        ),
    ] = False,
    words_file: WordsOption = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Veto a request, or withdraw one's own."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    if paper:
        from wallet import paper_actions

        return run_to_end(paper_actions.veto(opened, words_file, maker))
    return run_to_end(device_actions.settle(opened, passphrase_file, "veto", maker))


def insist(
    maker: MakerArgument = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Insist on one's own request after a first veto."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.settle(opened, passphrase_file, "insist", maker))


def complete(
    maker: MakerArgument = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Complete a request that is due."""
    from wallet import device_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(device_actions.settle(opened, passphrase_file, "complete", maker))


def paper(
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make twelve words to keep on paper."""
    from wallet import paper_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    return run_to_end(paper_actions.make(opened, passphrase_file))


def recover(
    others: Annotated[
        str,
        typer.Option(
            "--others",
            metavar="keep|remove",
            help=text("Que deviennent les autres appareils.", "What becomes of the other devices."),
        ),
    ] = "keep",
    words_file: WordsOption = None,
    wallet: WalletOption = None,
    node: NodeOption = None,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Take the account back with the twelve words."""
    from wallet import paper_actions
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, genesis, node_urls(node))
    if others not in ("keep", "remove"):
        raise CommandError("usage", f"--others {others}: keep | remove")
    return run_to_end(paper_actions.recover(opened, words_file, alone=others == "remove"))


def add_devices(app: typer.Typer) -> None:
    """Put these commands into the wallet's."""
    app.add_typer(devices, name="devices")
    for command in (requests, veto, insist, complete, paper, recover):
        app.command(help=HELP[command.__name__])(command)
