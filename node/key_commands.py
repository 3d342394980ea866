"""`democite node keys …`: a node's keys: shown, renewed, sealed under another passphrase."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.application import application
from terminal.errors import CommandError
from terminal.languages import text
from terminal.options import (
    DataOption,
    JsonOption,
    LangOption,
    NewPassphraseFileOption,
    PassphraseFileOption,
)
from terminal.results import Result

app = application(
    text(
        "Les clés du nœud : les montrer, les renouveler, changer leur phrase secrète.",
        "The node's keys: show them, renew them, change their passphrase.",
    )
)
renew = application(
    text(
        "Renouveler une clé ; un nœud qui tourne la prend de lui-même.",
        "Renew a key; a running node takes it up by itself.",
    )
)
app.add_typer(renew, name="renew")

AgainOption = Annotated[
    bool,
    typer.Option(
        "--again",
        help=text(
            "Jeter celle qui attend déjà et en faire une autre.",
            "Throw away the one that waits already, and make another.",
        ),
        show_default=False,
    ),
]
NewCardOption = Annotated[
    Path,
    typer.Option(
        "--card",
        metavar="FILE",
        help=text("Nouvelle carte, écrite ici.", "The new card, written here."),
    ),
]
ShownDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help=text("Dossier de données du nœud.", "The node's data folder."),
    ),
]


@app.callback(invoke_without_command=True)
def keys(
    context: typer.Context,
    data: ShownDataOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result | None:
    """Show the public halves of the keys; secrets never leave their files."""
    if context.invoked_subcommand is not None:
        return None
    from node.inspection import check_keys, public_keys
    from terminal.passphrases import read_passphrase

    if data is None:
        raise CommandError("option_missing", text("il manque --data DIR", "--data DIR is missing"))
    content = public_keys(data)
    if passphrase_file is not None:
        content = check_keys(data, read_passphrase(passphrase_file))
    told = "\n".join(f"{name}: {key}" for name, key in content.items())
    return Result(dict[str, object](content), told)


@renew.command(
    help=text(
        "Une autre clé de vote (et de transport), et la carte à voter.",
        "Another voting (and transport) key, and the card to vote on.",
    )
)
def voting(
    data: DataOption,
    card: NewCardOption,
    again: AgainOption = False,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Prepare another voting key; the node takes it when the epoch begins in which it holds."""
    from node.key_renewal import renew_voting
    from terminal.passphrases import read_passphrase

    made = renew_voting(data, card, read_passphrase(passphrase_file), again=again)
    key = made.territory.voting_key.hex()
    told = text(
        f"{key}\nLa nouvelle clé attend. Faites-la voter : democite network propose keys {card} "
        "--keystore FILE. Le nœud la prend seul quand l'époque vient ; l'ancienne est alors "
        "effacée d'ici : détruisez aussi les sauvegardes qui la contiennent.",
        f"{key}\nThe new key waits. Have it voted: democite network propose keys {card} "
        "--keystore FILE. The node takes it by itself once the epoch comes; the old one is erased "
        "here then: destroy the backups that hold it, too.",
    )
    return Result({"voting": key, "card": str(card)}, told)


@renew.command(
    help=text(
        "Une autre clé de vote pour CometBFT, et la carte à voter.",
        "Another voting key for CometBFT, and the card to vote on.",
    )
)
def cometbft(
    data: DataOption,
    card: NewCardOption,
    again: AgainOption = False,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Prepare another voting key for CometBFT; also what gives a restored node its vote back."""
    from node.key_renewal import renew_cometbft
    from terminal.passphrases import read_passphrase

    made = renew_cometbft(data, card, read_passphrase(passphrase_file), again=again)
    key = (made.territory.cometbft_key or b"").hex()
    told = text(
        f"{key}\nLa nouvelle clé attend. Faites-la voter : democite network propose keys {card} "
        "--keystore FILE. Le nœud la prend seul à la hauteur où elle vote ; l'ancienne est alors "
        "effacée d'ici : détruisez aussi les sauvegardes qui la contiennent.",
        f"{key}\nThe new key waits. Have it voted: democite network propose keys {card} "
        "--keystore FILE. The node takes it by itself at the height where it votes; the old one is "
        "erased here then: destroy the backups that hold it, too.",
    )
    return Result({"cometbft": key, "card": str(card)}, told)


@renew.command(
    help=text("Une autre clé de transport, tout de suite.", "Another transport key, at once.")
)
def transport(
    data: DataOption,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Issue another transport certificate; nobody else has to do anything."""
    from node.key_renewal import renew_transport
    from terminal.passphrases import read_passphrase

    key = renew_transport(data, read_passphrase(passphrase_file)).hex()
    told = text(
        f"{key}\nUn nœud qui tourne la montre dans quelques secondes. Si l'ancienne a été volée, "
        "renouvelez aussi la clé de vote : les autres l'acceptent tant que celle-ci reste.",
        f"{key}\nA running node shows it within seconds. If the old one was stolen, renew the "
        "voting key too: the others accept it as long as that one stays.",
    )
    return Result({"transport": key}, told)


@renew.command(
    help=text(
        "Une autre clé du nœud, pour contresigner.", "Another key of the node's, to countersign."
    )
)
def signing(
    data: DataOption,
    again: AgainOption = False,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Prepare another key of the node's own; it signs once the territory's account names it."""
    from node.key_renewal import renew_signing
    from terminal.passphrases import read_passphrase

    old, new = renew_signing(data, read_passphrase(passphrase_file), again=again)
    told = text(
        f"{new.hex()}\nLa nouvelle clé attend. Deux agents, ou la clé de récupération, la mettent "
        f"sur le compte : democite office keys replace {old.hex()[:16]} {new.hex()} "
        "--keystore FILE. Le nœud signe avec elle dès que c'est définitif.",
        f"{new.hex()}\nThe new key waits. Two of the staff, or the recovery key, put it on the "
        f"account: democite office keys replace {old.hex()[:16]} {new.hex()} --keystore FILE. "
        "The node signs with it as soon as that is final.",
    )
    return Result({"signing": new.hex(), "replaces": old.hex()}, told)


@app.command(
    help=text(
        "Changer la phrase secrète de toutes les clés du nœud.",
        "Change the passphrase of all the node's keys.",
    )
)
def passphrase(
    data: DataOption,
    new_passphrase_file: NewPassphraseFileOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Seal every key of the node under another passphrase: all of them, or none."""
    from node.key_renewal import change_passphrase
    from terminal.passphrases import read_new_passphrase, read_passphrase

    old = read_passphrase(passphrase_file)
    changed = change_passphrase(data, old, read_new_passphrase(new_passphrase_file))
    told = text(
        f"{len(changed)} clés sont sous la nouvelle phrase secrète. Donnez-la au nœud et "
        "redémarrez-le. Les sauvegardes gardent la leur.",
        f"{len(changed)} keys are under the new passphrase. Give it to the node and start it "
        "again. Backups keep theirs.",
    )
    return Result({"files": [str(path) for path in changed]}, told)
