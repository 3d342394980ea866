"""`democite node backup …`: keys and registry, sealed with a passphrase of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terminal.application import application
from terminal.languages import text
from terminal.options import DataOption, JsonOption, LangOption, PassphraseFileOption
from terminal.results import Result

if TYPE_CHECKING:
    from node.registry.backups import BackupContent

app = application(
    text(
        "Sauvegardes des clés et du registre de la mairie.",
        "Backups of the node's keys and the town hall's registry.",
    )
)

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help=text("Nouveau fichier, écrit ici.", "A new file, written here."),
    ),
]
FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help=text("La sauvegarde.", "The backup.")),
]


@app.command(help=text("Sauvegarder, même si le nœud tourne.", "Back up, even while it runs."))
def create(
    data: DataOption,
    out: OutOption,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Seal the node's keys and everything that the registry holds, salts and secret included."""
    from node import node_backups
    from node.clock import now_ms
    from node.registry.records import Act
    from terminal.passphrases import read_passphrase

    passphrase = read_passphrase(passphrase_file, confirm=True)
    # Whoever may run this command holds the data: there is no key to name.
    content = node_backups.create(data, Act(now_ms(), b"", "node backup"), out, passphrase)
    return _result(
        content,
        out,
        text(
            f"Clés et registre sauvegardés dans {out}. Gardez la phrase secrète ailleurs : sans "
            "elle, il n'y a pas de sauvegarde.",
            f"Keys and registry backed up in {out}. Keep the passphrase elsewhere: without it "
            "there is no backup.",
        ),
    )


@app.command(help=text("Vérifier une sauvegarde entière.", "Check a backup from end to end."))
def verify(
    file: FileArgument,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Open it in memory; nothing is written."""
    from node.registry import backups
    from terminal.passphrases import read_passphrase

    content = backups.verify(file, read_passphrase(passphrase_file))
    return _result(content, file, text("La sauvegarde est entière.", "The backup is whole."))


@app.command(
    help=text(
        "Refaire le nœud dans un dossier vide, ou le registre là où il manque.",
        "Make the node again in an empty folder, or the registry where it is missing.",
    )
)
def restore(
    file: FileArgument,
    data: DataOption,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Put it where there is no node, or into the folder of a node whose registry is gone."""
    from node import node_backups
    from node.data_folder import DataFolder
    from node.registry import REGISTRY_FILE, backups
    from terminal.passphrases import read_passphrase

    folder = DataFolder(data)
    if not folder.file.exists():
        content = node_backups.restore(file, read_passphrase(passphrase_file), data)
        return _result(content, file, _node_restored())
    prefix = folder.read().prefix
    passphrase = read_passphrase(passphrase_file)
    folder.lock()
    try:
        content = backups.restore(file, passphrase, folder.registry / REGISTRY_FILE, prefix)
    finally:
        folder.unlock()
    return _result(
        content,
        file,
        text(
            "Registre restauré. Ce qui a été fait depuis la sauvegarde n'y est plus ; ce que le "
            "réseau a déjà payé ne peut pas être payé deux fois sous le même numéro.",
            "Registry restored. What was done since the backup is not in it; what the network has "
            "paid already can't be paid twice under the same run id.",
        ),
    )


def _node_restored() -> str:
    return text(
        "Nœud restauré. L'ancienne machine ne doit plus jamais tourner avec ces clés. Démarrez : "
        "la chaîne revient des autres, vérifiée. Le nœud observe d'abord, car il a pu oublier ce "
        "qu'il a signé ; il vote de nouveau de lui-même deux époques plus tard, ou, sous CometBFT, "
        "avec une nouvelle clé (node keys renew cometbft). Ce que le registre a noté depuis la "
        "sauvegarde n'y est plus.",
        "Node restored. The old machine must never run with these keys again. Start it: the chain "
        "comes back from the others, checked. The node observes at first, since it may have "
        "forgotten what it signed; it votes again by itself two epochs later, or, under CometBFT, "
        "with a new key (node keys renew cometbft). What the registry noted since the backup is "
        "not in it.",
    )


def _result(content: "BackupContent", file: Path, told: str) -> Result:
    counts = ", ".join(f"{name} {count}" for name, count in content.counts.items())
    answer: dict[str, object] = {"file": str(file), **content._asdict()}
    return Result(answer, f"{told}\n{counts}")
