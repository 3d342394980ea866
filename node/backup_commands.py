"""`democite node backup …`: the registry, sealed with a passphrase of its own."""

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
    text("Sauvegardes du registre de la mairie.", "Backups of the town hall's registry.")
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
    """Seal everything that the registry holds, salts and secret included."""
    from node.clock import now_ms
    from node.data_folder import DataFolder
    from node.registry import REGISTRY_FILE, Registry, backups
    from node.registry.records import Act
    from primitives.errors import Refused
    from terminal.passphrases import read_passphrase

    folder = DataFolder(data)
    prefix = folder.read().prefix
    path = folder.registry / REGISTRY_FILE
    if not path.exists():
        raise Refused("data_missing", "there is no registry here yet", file=str(path))
    passphrase = read_passphrase(passphrase_file, confirm=True)
    registry = Registry.open(path, prefix)
    try:
        # Whoever may run this command holds the data: there is no key to name.
        content = backups.create(registry, Act(now_ms(), b"", "node backup"), out, passphrase)
    finally:
        registry.close()
    return _result(
        content,
        out,
        text(
            f"Registre sauvegardé dans {out}. Gardez la phrase secrète ailleurs : sans elle, il "
            "n'y a pas de sauvegarde.",
            f"Registry backed up in {out}. Keep the passphrase elsewhere: without it there is no "
            "backup.",
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
    help=text("Restaurer là où il n'y a pas de registre.", "Restore where there is no registry.")
)
def restore(
    file: FileArgument,
    data: DataOption,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Put it into the folder of a node that does not run."""
    from node.data_folder import DataFolder
    from node.registry import REGISTRY_FILE, backups
    from terminal.passphrases import read_passphrase

    folder = DataFolder(data)
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


def _result(content: "BackupContent", file: Path, told: str) -> Result:
    counts = ", ".join(f"{name} {count}" for name, count in content.counts.items())
    answer: dict[str, object] = {"file": str(file), **content._asdict()}
    return Result(answer, f"{told}\n{counts}")
