"""`democite demo`: its arguments, and how its figures are shown."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terminal.application import application
from terminal.errors import report_of
from terminal.languages import text
from terminal.options import LangOption
from terminal.results import json_line, json_wanted, want_json

if TYPE_CHECKING:
    from clients.demo.folder import DemoFolder
    from clients.demo.summary import Summary
    from clients.demo.supervisor import NodeProcess
    from clients.demo.visitors import VisitorWallet

HELP = text(
    "Faire vivre un réseau de quatre territoires ici, le vérifier, le laisser ouvert.",
    "Let a network of four territories live here, check it, leave it open.",
)

app = application(HELP)


def _note_json(value: str | None) -> str | None:
    want_json(value == "-")
    return value


OnceOption = Annotated[
    bool,
    typer.Option("--once", help=text("S'arrêter après le tableau.", "Stop after the table.")),
]
JsonFileOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE|-",
        is_eager=True,
        callback=_note_json,
        help=text(
            "Écrire les chiffres en JSON (« - » : sortie standard).",
            "Write the figures as JSON ('-': standard output).",
        ),
    ),
]
KeptDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help=text(
            "Garder le réseau dans ce dossier, ou l'y reprendre.",
            "Keep the network in this folder, or resume it there.",
        ),
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help=text(
            "Graine des clés, des achats et de la panne (1).",
            "Seed of keys, purchases and the breakdown (1).",
        ),
    ),
]
PortBaseOption = Annotated[
    int | None,
    typer.Option(
        "--port-base",
        metavar="P",
        min=1024,
        max=65_528,
        help=text(
            "Premier de huit ports (sinon les premiers libres).",
            "First of eight ports (else the first free ones).",
        ),
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="simplex|cometbft",
        help=text(
            "Moteur de consensus (simplex) ; cometbft demande son programme.",
            "The consensus engine (simplex); cometbft takes its program.",
        ),
    ),
]
NoKillOption = Annotated[
    bool,
    typer.Option(
        "--no-kill", help=text("Ne tuer aucun nœud.", "Do not kill a node."), show_default=False
    ),
]


@app.command(help=HELP)
def demo(
    once: OnceOption = False,
    json_file: JsonFileOption = None,
    data: KeptDataOption = None,
    seed: SeedOption = None,
    port_base: PortBaseOption = None,
    engine: EngineOption = None,
    no_kill: NoKillOption = False,
    lang: LangOption = None,
) -> int:
    """Let a network of four territories live on this machine."""
    from clients.demo.demonstration import Options, run

    def write(value: Mapping[str, object]) -> None:
        if json_file is not None and json_file != "-":
            Path(json_file).write_text(json_line(value) + "\n", encoding="utf-8")

    def show(
        summary: "Summary",
        folder: "DemoFolder",
        wallets: "list[VisitorWallet]",
        nodes: "list[NodeProcess]",
    ) -> None:
        write(summary.value())
        if json_wanted():
            print(json_line(summary.value()), flush=True)
        else:
            print(summary.table(), flush=True)
        if not once and not summary.problems:
            print(_invitation(folder, wallets, nodes), file=sys.stderr, flush=True)

    options = Options(
        once=once, data=data, seed=seed, port_base=port_base, kill=not no_kill, engine=engine
    )
    try:
        return run(options, show)
    except Exception as error:
        # A file of an earlier run must not stand for this one.
        write(report_of(error).value())
        raise


def _invitation(
    folder: "DemoFolder", wallets: "list[VisitorWallet]", nodes: "list[NodeProcess]"
) -> str:
    """Four addresses and three commands to try."""
    program = Path(sys.executable).with_name("democite")
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    mine, other = wallets[0], wallets[1]
    access = f"--wallet {mine.file} --passphrase-file {mine.passphrase_file}"
    addresses = [f"  {node.place.name:<26}{node.url}" for node in nodes]
    return "\n".join(
        [
            "",
            text("Le réseau reste ouvert :", "The network stays up:"),
            *addresses,
            "",
            text("Trois commandes à essayer :", "Three commands to try:"),
            f"  {program} wallet balance {access}",
            f"  {program} wallet pay {other.address} 4,20 {access}",
            f"  {program} node status --node {nodes[0].url}",
            "",
            text(
                f"Adresses, dossiers et portefeuilles : {folder.network_file}\nCtrl-C arrête tout.",
                f"Addresses, folders and wallets: {folder.network_file}\nCtrl-C stops everything.",
            ),
        ]
    )
