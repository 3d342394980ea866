"""`democite network succeed …`: the new genesis, from a survivor's data to the endorsed file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command_options import PredecessorOption
from terminal.application import application
from terminal.languages import text
from terminal.options import DataOption, JsonOption, LangOption, PassphraseFileOption
from terminal.plain import plain
from terminal.results import Result

if TYPE_CHECKING:
    from ledger.genesis import Genesis

app = application(
    text(
        "Refonder un réseau qui a perdu trop de membres.",
        "Found a network anew that lost too many members.",
    )
)

DraftOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DRAFT",
        help=text("Projet à faire approuver.", "The draft, to be endorsed."),
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="SHORT",
        help=text(
            "Membre qui ne le sera plus ; ses comptes restent. Répétable.",
            "A member that will be none; its accounts stay. Repeatable.",
        ),
    ),
]
RenewedCardsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[CARD]…",
        help=text(
            "Cartes des membres dont le nœud a de nouvelles clés ou adresses.",
            "Cards of members whose node has other keys or addresses.",
        ),
    ),
]
DraftArgument = Annotated[
    Path, typer.Argument(metavar="DRAFT", help=text("Le projet.", "The draft."))
]
RecoveryKeyOption = Annotated[
    Path,
    typer.Option(
        "--keystore",
        metavar="FILE",
        help=text("La clé de récupération.", "The recovery key."),
    ),
]
EndorsementOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help=text("L'accord, à remettre.", "The endorsement, to hand over."),
    ),
]
OwnDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help=text(
            "Les données de votre nœud, s'il en reste : pour voir qu'il n'en sait ni plus ni autre "
            "chose. Avec --predecessor.",
            "Your node's data, if there is any left: to see that it knows neither more nor "
            "otherwise. With --predecessor.",
        ),
    ),
]
OwnPredecessorOption = Annotated[
    Path | None,
    typer.Option(
        "--predecessor",
        metavar="FILE",
        help=text("Genèse de l'ancien réseau.", "The old network's genesis."),
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help=text("Ne pas demander.", "Do not ask."))]
EndorsementsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="ENDORSEMENT…", help=text("Les accords.", "The endorsements.")),
]
SuccessorOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="GENESIS",
        help=text("Genèse du nouveau réseau.", "The new network's genesis."),
    ),
]
SuccessorEngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="simplex|cometbft",
        help=text("Moteur de consensus.", "Consensus engine."),
    ),
]


@app.command(
    help=text("Faire le projet, à un nœud qui reste.", "Draft it, at a node that is left.")
)
def draft(
    data: DataOption,
    predecessor: PredecessorOption,
    out: DraftOutOption,
    cards: RenewedCardsArgument = None,
    without: WithoutOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Write the draft of the new genesis, from the node that holds the highest block."""
    from node.succession.drafting import DraftPlan, make_draft, write_draft
    from node.succession.words import succession_data, succession_lines

    made = make_draft(DraftPlan(data, predecessor, without or [], cards or []))
    write_draft(out, made)
    ask = text(
        f"Projet dans {out}. Comparez l'identifiant de vive voix ; chacun l'approuve : "
        "democite network succeed endorse",
        f"Draft in {out}. Compare the id by voice; each endorses it: "
        "democite network succeed endorse",
    )
    return Result({**succession_data(made), "draft": str(out)}, f"{succession_lines(made)}\n{ask}")


@app.command(help=text("Approuver un projet.", "Endorse a draft."))
def endorse(
    draft: DraftArgument,
    keystore: RecoveryKeyOption,
    out: EndorsementOutOption,
    data: OwnDataOption = None,
    predecessor: OwnPredecessorOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Sign the draft with a recovery key, where that is kept; needs no network."""
    from node.succession.endorsing import endorse_draft, read_draft
    from node.succession.words import state_line, succession_data, succession_lines
    from terminal.passphrases import read_passphrase

    read = read_draft(draft)
    held = _held(read, data, predecessor)
    _ask(f"{succession_lines(read)}\n{state_line(held)}", yes=yes)
    prefix = endorse_draft(read, keystore, read_passphrase(passphrase_file), out)
    told = text(f"{prefix} approuve : {out}", f"{prefix} endorses it: {out}")
    content = {"prefix": prefix, "endorsement": str(out), "state_compared": held is True}
    return Result({**succession_data(read), **content}, told)


@app.command(help=text("Réunir les accords en une genèse.", "Put the endorsements under it."))
def finish(
    draft: DraftArgument,
    endorsements: EndorsementsArgument,
    out: SuccessorOutOption,
    engine: SuccessorEngineOption = "simplex",
    data: OwnDataOption = None,
    predecessor: OwnPredecessorOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Write the new genesis, once more than half of the recovery keys stand under it."""
    from node.genesis_file import ENGINES
    from node.succession import endorsing
    from node.succession.words import succession_data, succession_lines
    from terminal.errors import CommandError

    if engine not in ENGINES:
        raise CommandError("engine_unknown", field="--engine", exit_code=2)
    held = _held(endorsing.read_draft(draft), data, predecessor)
    genesis = endorsing.finish(draft, endorsements, out, engine)
    endorsed_by = list(genesis.endorsed_by())
    told = text(
        f"Approuvé par {', '.join(endorsed_by)}. Genèse dans {out} : chaque membre passe son nœud "
        "au nouveau réseau par « democite node succeed ».",
        f"Endorsed by {', '.join(endorsed_by)}. Genesis in {out}: each member takes its node over "
        "by 'democite node succeed'.",
    )
    content = {
        **succession_data(genesis),
        "endorsed_by": endorsed_by,
        "genesis": str(out),
        "state_compared": held is True,
    }
    return Result(content, f"{succession_lines(genesis)}\n{told}")


def _held(draft: "Genesis", data: Path | None, predecessor: Path | None) -> bool | None:
    """What an own node says of a draft, its sets and its state; None where none was named."""
    from node.succession.endorsing import check_own_chain
    from terminal.errors import CommandError

    if (data is None) != (predecessor is None):
        raise CommandError("usage", "--data DIR --predecessor GENESIS", field="--predecessor")
    if data is None or predecessor is None:
        return None
    return check_own_chain(draft, data, predecessor)


def _ask(shown: str, *, yes: bool) -> None:
    """Show what is about to be signed, and ask; `yes` is the answer of who can't be asked."""
    from terminal.errors import CommandError

    print(plain(shown), file=sys.stderr, flush=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("confirmation_missing", field="--yes")
    question = text("Approuver cela ? [o/N] ", "Endorse this? [y/N] ")
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("o", "oui", "y", "yes"):
        raise CommandError("interrupted")
