"""Asking before something is signed."""

import sys

from terminal.errors import CommandError
from terminal.languages import text
from wallet.wording import notice


def ask_to_sign(shown: str, *, yes: bool) -> None:
    """Show what is about to be signed, and ask; `yes` is the answer of who can't be asked.

    Raises `CommandError`: `confirmation_missing` where there is nobody to ask, `interrupted` for
    a no. Nothing is signed then; what waits for a signature goes on waiting.
    """
    notice(shown)
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("confirmation_missing", field="--yes")
    question = text("Signer cela ? [o/N] ", "Sign this? [y/N] ")
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("o", "oui", "y", "yes"):
        raise CommandError("interrupted")
