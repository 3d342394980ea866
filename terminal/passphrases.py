"""Passphrases: from a file, from standard input, or asked on the terminal. Never from argv."""

import os
import sys
from getpass import getpass
from pathlib import Path

from terminal.errors import CommandError
from terminal.languages import text

PASSPHRASE_BYTES_MAX = 4096
ENVIRONMENT_NAME = "DEMOCITE_PASSPHRASE_FILE"


def read_passphrase(file: Path | None, *, confirm: bool = False, what: str = "") -> str:
    """The passphrase for a keystore.

    `file` is `--passphrase-file` (`-` is standard input, of which the first line is taken); else
    the file that `DEMOCITE_PASSPHRASE_FILE` names; else the terminal is asked, twice when
    `confirm`. `what` names in the prompt what is opened. Raises `CommandError` with exit code 5:
    `passphrase_missing`, `passphrase_empty`, `passphrase_differs`.
    """
    if file is None and os.environ.get(ENVIRONMENT_NAME):
        file = Path(os.environ[ENVIRONMENT_NAME])
    if file is None:
        return _ask(confirm, what)
    return _from_file(file)


def read_new_passphrase(file: Path | None) -> str:
    """The passphrase that is to take another's place, from `--new-passphrase-file` or asked twice:
    never from the environment, which names the one in use. Raises as `read_passphrase`."""
    if file is None:
        return _ask(True, text("la nouvelle", "the new one"))
    return _from_file(file)


def _from_file(file: Path) -> str:
    raw = sys.stdin.buffer.readline(PASSPHRASE_BYTES_MAX + 1) if str(file) == "-" else _read(file)
    if len(raw) > PASSPHRASE_BYTES_MAX:
        raise CommandError(
            "passphrase_missing",
            text("cette phrase secrète est trop longue", "this passphrase is too long"),
            file=str(file),
        )
    try:
        passphrase = raw.decode("utf-8").splitlines()[0] if raw else ""
    except UnicodeDecodeError:
        raise CommandError("file_encoding_unknown", file=str(file)) from None
    return _not_empty(passphrase.removeprefix("\ufeff"))


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.readline(PASSPHRASE_BYTES_MAX + 1)


def _ask(confirm: bool, what: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError("passphrase_missing")
    name = f" ({what})" if what else ""
    passphrase = _not_empty(getpass(text(f"Phrase secrète{name} : ", f"Passphrase{name}: ")))
    if confirm and getpass(text("Encore une fois : ", "Once more: ")) != passphrase:
        raise CommandError("passphrase_differs")
    return passphrase


def _not_empty(passphrase: str) -> str:
    if not passphrase:
        raise CommandError("passphrase_empty")
    return passphrase
