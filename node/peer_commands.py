"""`democite node peers …`: whom a node is connected with, and the observers its operator admits."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.errors import CommandError
from terminal.languages import text
from terminal.options import DataOption, JsonOption, LangOption, NodeOption, node_urls
from terminal.results import Result

app = application(
    text(
        "Les pairs d'un nœud ; les observateurs qu'il admet.",
        "A node's peers; the observers that it admits.",
    )
)


@app.callback(invoke_without_command=True)
def peers(
    context: typer.Context,
    node: NodeOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result | None:
    """Ask a node whom it is connected with."""
    if context.invoked_subcommand is not None:
        return None
    from node.remote import fetch_status, peer_lines

    urls = node_urls(node)
    if not urls:
        raise CommandError("option_missing", text("il manque --node URL", "--node URL is missing"))
    content = fetch_status(urls)
    names = ("network_id", "members", "peers", "peer_details")
    return Result({name: content[name] for name in names}, peer_lines(content))


@app.command(
    help=text("Admettre un nœud qui suit sans voter.", "Admit a node that follows without a vote.")
)
def add(
    card: Annotated[
        Path, typer.Argument(metavar="CARD", help=text("La carte du nœud.", "The node's card."))
    ],
    data: DataOption,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Admit an observer by its card; a running node takes it up within seconds."""
    from node.data_folder import DataFolder
    from node.observers import Observers

    folder = DataFolder(data)
    folder.read()
    one = Observers(folder.observers).add(card)
    told = text(
        f"{one.name} ({one.prefix}) est admis et peut suivre, sans voter.",
        f"{one.name} ({one.prefix}) is admitted and may follow, without a vote.",
    )
    return Result(_row(one.prefix, one.name, one.peer, one.voting_key), told)


@app.command("list", help=text("Les observateurs admis.", "The observers that are admitted."))
def list_(data: DataOption, lang: LangOption = None, as_json: JsonOption = False) -> Result:
    """Show the observers that this node admits."""
    from node.data_folder import DataFolder
    from node.observers import Observers

    folder = DataFolder(data)
    folder.read()
    found = [card.territory for card in Observers(folder.observers).all()]
    lines = [f"{one.prefix}  {one.name}  {one.peer}" for one in found]
    rows = [_row(one.prefix, one.name, one.peer, one.voting_key) for one in found]
    nobody = text("aucun observateur", "no observer")
    return Result({"observers": rows}, "\n".join(lines) or nobody)


@app.command(help=text("Ne plus admettre un observateur.", "Admit an observer no more."))
def remove(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX")],
    data: DataOption,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Dismiss an observer; a running node disconnects it within seconds."""
    from node.data_folder import DataFolder
    from node.observers import Observers

    folder = DataFolder(data)
    folder.read()
    Observers(folder.observers).remove(prefix)
    return Result({"prefix": prefix}, text(f"{prefix} n'est plus admis.", f"{prefix} is out."))


def _row(prefix: str, name: str, peer: str, voting_key: bytes) -> dict[str, object]:
    return {"prefix": prefix, "name": name, "peer": peer, "voting_key": voting_key.hex()}
