"""The options of `democite node` and `democite network`, each with its help in both languages."""

from pathlib import Path
from typing import Annotated, Any

import typer

from terminal.languages import text


def _option(name: str, metavar: str, french: str, english: str, **more: Any) -> Any:
    return typer.Option(name, metavar=metavar, help=text(french, english), **more)


NameOption = Annotated[
    str,
    _option(
        "--name", "NAME", "Nom du territoire, pour les gens.", "The territory's name, for people."
    ),
]
PrefixOption = Annotated[
    str,
    _option(
        "--prefix",
        "SHORT",
        "Nom court, début de toute adresse : 3 à 12 de a–z, 0–9.",
        "Short name, begins every address: 3 to 12 of a–z, 0–9.",
    ),
]
CurrencyOption = Annotated[
    str,
    _option(
        "--currency",
        "CODE",
        "Code de la monnaie : 2 à 8 capitales ou chiffres.",
        "The currency's code: 2 to 8 capitals or digits.",
    ),
]
PeerOption = Annotated[
    str,
    _option(
        "--peer",
        "HOST:PORT",
        "Où les autres nœuds joignent celui-ci.",
        "Where other nodes reach this one.",
    ),
]
HttpOption = Annotated[
    str,
    _option(
        "--http",
        "HOST:PORT",
        "Où il sert les portefeuilles (HTTP).",
        "Where it serves wallets (HTTP).",
    ),
]
CardOption = Annotated[
    Path,
    _option("--card", "FILE", "Carte publique à remettre.", "The public card, to be handed over."),
]
RecoveryOption = Annotated[
    Path,
    _option(
        "--recovery-out",
        "FILE",
        "Clé de récupération, à garder hors de cette machine.",
        "The recovery key, to be kept off this machine.",
    ),
]
StoreOption = Annotated[
    str | None,
    _option(
        "--store",
        "leveldb|rocksdb",
        "Base de données (sinon leveldb si elle est installée).",
        "The database (else leveldb if it is installed).",
    ),
]
IssuerOption = Annotated[
    Path | None,
    _option(
        "--issuer",
        "FILE",
        "Carte de l'émetteur (sinon sa clé est faite à côté de --recovery-out).",
        "The issuer's card (else its key is made beside --recovery-out).",
    ),
]
StaffKeyOption = Annotated[
    list[str] | None,
    _option(
        "--staff-key",
        "HEX",
        "Clé publique d'un membre du personnel (« office key ») ; répétable. Sans elle, deux clés "
        "sont faites à côté de --recovery-out.",
        "Public key of a member of staff ('office key'); repeatable. Without it, two keys are made "
        "beside --recovery-out.",
    ),
]
WageCapOption = Annotated[
    int,
    _option(
        "--wage-cap-bps",
        "N",
        "Part maximale d'un salaire en monnaie locale, en dix-millièmes (au plus 1000).",
        "Largest share of a wage in local money, in ten-thousandths (at most 1000).",
    ),
]
TwoSignersOption = Annotated[
    str,
    _option(
        "--two-signers-above",
        "AMOUNT",
        "Au-dessus, bulletins et budgets demandent deux signatures du personnel.",
        "Above it, bulletins and budgets need two of the staff's signatures.",
    ),
]
DemoSeedOption = Annotated[str | None, typer.Option("--demo-seed", hidden=True)]
GenesisFileOption = Annotated[
    Path,
    _option(
        "--genesis",
        "FILE",
        "Fichier de genèse du réseau (sinon DEMOCITE_GENESIS).",
        "The network's genesis file (else DEMOCITE_GENESIS).",
        envvar="DEMOCITE_GENESIS",
        show_envvar=False,
    ),
]
BehindProxyOption = Annotated[
    bool,
    typer.Option(
        "--behind-proxy",
        help=text(
            "HTTP sans TLS sur une autre adresse que la boucle locale.",
            "Plain HTTP on an address other than loopback.",
        ),
    ),
]
PredecessorOption = Annotated[
    Path,
    _option(
        "--predecessor",
        "FILE",
        "Genèse de l'ancien réseau.",
        "The old network's genesis.",
    ),
]
StoreFromOption = Annotated[
    Path | None,
    _option(
        "--from",
        "STORE",
        "Copie du dossier « store » d'un nœud qui a le dernier bloc, si celui-ci ne l'a pas.",
        "A copy of the 'store' folder of a node that has the last block, where this one has not.",
    ),
]
AgainOption = Annotated[
    bool,
    typer.Option(
        "--again",
        help=text(
            "Ce nœud était déjà dans le nouveau réseau et en a perdu le journal : il observe "
            "d'abord.",
            "This node was in the new network already and lost its journal: it observes first.",
        ),
    ),
]
KeysFolderOption = Annotated[
    Path,
    _option("--out", "DIR", "Dossier des clés, un fichier chacune.", "Folder, a file for each."),
]
ThresholdOption = Annotated[
    int,
    _option(
        "--threshold",
        "M",
        "Combien de clés signent ensemble.",
        "How many keys sign together.",
    ),
]
KeysOption = Annotated[int, _option("--keys", "N", "Combien de clés.", "How many.", min=1, max=16)]
GenesisOutOption = Annotated[
    Path,
    _option("--out", "GENESIS", "Fichier de genèse, écrit ici.", "The genesis, written here."),
]
CardsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="CARD…", help=text("Les cartes des territoires.", "The territories' cards.")
    ),
]
EngineArgument = Annotated[
    str,
    typer.Argument(
        metavar="simplex|cometbft", help=text("Le moteur de consensus.", "The consensus engine.")
    ),
]
EngineOption = Annotated[
    str,
    _option(
        "--engine",
        "simplex|cometbft",
        "Moteur de consensus, noté dans GENESIS.engine.",
        "The consensus engine, noted in GENESIS.engine.",
    ),
]
DemoOption = Annotated[
    bool,
    typer.Option(
        "--demo",
        help=text("Un réseau d'essai, sur cette machine.", "A trial, on this machine only."),
    ),
]
ParameterOption = Annotated[
    list[str] | None,
    _option(
        "--parameter",
        "NAME=FIGURE",
        "Autre valeur d'un paramètre ; répétable.",
        "Another value of a parameter; repeatable.",
    ),
]
PeerListenOption = Annotated[
    str | None,
    typer.Option(
        "--peer-listen",
        metavar="HOST:PORT",
        help=text(
            "Où écouter les autres nœuds, si l'adresse de la carte n'est pas celle de la machine.",
            "Where to listen for other nodes, if the card's address is not this machine's own.",
        ),
    ),
]
HttpListenOption = Annotated[
    str | None,
    typer.Option(
        "--http-listen",
        metavar="HOST:PORT",
        help=text(
            "Où écouter les portefeuilles, de même (derrière un serveur web : 127.0.0.1:…).",
            "Where to listen for wallets, likewise (behind a web server: 127.0.0.1:…).",
        ),
    ),
]
EvidenceDataOption = Annotated[
    Path | None,
    _option("--data", "DIR", "Dossier de données d'un nœud.", "A node's data folder."),
]
EvidenceOutOption = Annotated[
    Path | None,
    _option(
        "--out",
        "DIR",
        "Y écrire chaque preuve, pour la remettre à d'autres.",
        "Write each piece of evidence there, to hand it on.",
    ),
]
JoinFromOption = Annotated[
    str,
    _option(
        "--from",
        "HOST:PORT",
        "Le nœud d'un membre qui connaît votre carte.",
        "The node of a member that knows your card.",
    ),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="EPOCH:DIGEST",
        help=text(
            "Après une longue absence : ce que 'democite network status' montre chez un membre.",
            "After a long absence: what 'democite network status' shows at a member's.",
        ),
    ),
]
FullHistoryOption = Annotated[
    bool,
    typer.Option(
        "--full-history",
        help=text(
            "Nœud vide : reprendre tous les blocs depuis la genèse, sans instantané.",
            "An empty node: fetch every block since the genesis, and no snapshot.",
        ),
    ),
]
DaysOption = Annotated[
    str | None,
    _option(
        "--days",
        "N|all",
        "Jours de blocs à garder, ou all (tous) ; sans lui, montre ce qui est choisi.",
        "Days of blocks to keep, or all; without it, shows what is chosen.",
    ),
]
