"""The options that the town hall's commands share."""

from pathlib import Path
from typing import Annotated

import typer

from terminal.languages import text

KeystoreOption = Annotated[
    list[Path],
    typer.Option(
        "--keystore",
        metavar="FILE",
        help=text(
            "Clé qui signe, par exemple recovery-staff-1.json ; répétable jusqu'au seuil.",
            "Key that signs, for example recovery-staff-1.json; repeatable up to the threshold.",
        ),
    ),
]
PassphrasesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=text(
            "Phrase secrète de chaque clé, dans l'ordre ; la dernière sert pour les suivantes.",
            "Passphrase of each key, in order; the last one serves those that remain.",
        ),
    ),
]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait",
        help=text(
            "Attendre que ce soit définitif (par défaut).", "Wait until it is final (default)."
        ),
        show_default=False,
    ),
]
ReasonOption = Annotated[
    str,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help=text(
            "Pourquoi ces données sont lues ; inscrit au journal d'audit.",
            "Why this data is read; written into the audit log.",
        ),
    ),
]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes",
        help=text("Signer sans poser la question.", "Sign without asking."),
        show_default=False,
    ),
]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help=text("Fichier CSV, en UTF-8.", "CSV file, in UTF-8."))
]
PeriodArgument = Annotated[
    str, typer.Argument(metavar="PERIOD", help=text("Mois, AAAA-MM.", "Month, YYYY-MM."))
]
ProgrammeArgument = Annotated[
    str,
    typer.Argument(metavar="PROGRAMME", help=text("Code du programme.", "The programme's code.")),
]
