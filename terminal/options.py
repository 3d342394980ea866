"""The options that commands share, so that they are spelt and explained once.

Help texts are chosen when this module is loaded: `clients.cli.main.run` sets the language first.
"""

import os
from pathlib import Path
from typing import Annotated, cast

import typer

from terminal.languages import LANGUAGES, Language, is_language, set_language, text
from terminal.results import want_json

NODES_ENVIRONMENT_NAME = "DEMOCITE_NODES"


def _choose_language(value: str | None) -> str | None:
    if value is None:
        return None
    if not is_language(value):
        raise typer.BadParameter(" | ".join(LANGUAGES))
    set_language(cast(Language, value))
    return value


def node_urls(given: list[str] | None) -> tuple[str, ...]:
    """The nodes to talk to, in order: from `--node` (repeatable), else `DEMOCITE_NODES`.

    Commas separate several; a final `/` is dropped; one that stands twice is taken once.
    """
    words = given or [os.environ.get(NODES_ENVIRONMENT_NAME, "")]
    urls = [part.strip().rstrip("/") for word in words for part in word.split(",")]
    return tuple(dict.fromkeys(url for url in urls if url))


NodeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--node",
        metavar="URL",
        help=text(
            "Nœud à joindre ; répétable (sinon DEMOCITE_NODES).",
            "Node to talk to; repeatable (else DEMOCITE_NODES).",
        ),
    ),
]
GenesisOption = Annotated[
    Path | None,
    typer.Option(
        "--genesis",
        metavar="FILE",
        envvar="DEMOCITE_GENESIS",
        show_envvar=False,
        help=text(
            "Fichier de genèse du réseau (sinon DEMOCITE_GENESIS).",
            "The network's genesis file (else DEMOCITE_GENESIS).",
        ),
    ),
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        envvar="DEMOCITE_PASSPHRASE_FILE",
        show_envvar=False,
        help=text(
            "Fichier de la phrase secrète, « - » pour l'entrée standard "
            "(sinon DEMOCITE_PASSPHRASE_FILE, sinon demandée).",
            "File with the passphrase, '-' for standard input "
            "(else DEMOCITE_PASSPHRASE_FILE, else asked).",
        ),
    ),
]
NewPassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--new-passphrase-file",
        metavar="FILE",
        help=text(
            "Fichier de la nouvelle phrase secrète, « - » pour l'entrée standard (sinon demandée).",
            "File with the new passphrase, '-' for standard input (else asked).",
        ),
    ),
]
# `clients.cli.main` takes `--lang` wherever it stands; the option is here to be listed by `--help`.
LangOption = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="fr|en",
        is_eager=True,
        callback=_choose_language,
        help=text("Langue des messages.", "Language of messages."),
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        is_eager=True,
        callback=want_json,
        help=text("Un seul objet JSON en sortie.", "Exactly one JSON object on stdout."),
    ),
]
WalletOption = Annotated[
    Path | None,
    typer.Option(
        "--wallet",
        metavar="FILE",
        envvar="DEMOCITE_WALLET",
        show_envvar=False,
        help=text(
            "Fichier du portefeuille (sinon DEMOCITE_WALLET).",
            "The wallet's file (else DEMOCITE_WALLET).",
        ),
    ),
]
DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help=text("Dossier de données du nœud.", "The node's data folder."),
    ),
]
