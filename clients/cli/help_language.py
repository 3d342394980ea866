"""The few English words that typer puts around our help texts, in French."""

from terminal.languages import current_language

_FRENCH = {
    "Usage: ": "Usage : ",
    "\nOptions:\n": "\nOptions :\n",
    "\nArguments:\n": "\nArguments :\n",
    "\nCommands:\n": "\nCommandes :\n",
    "Show this message and exit.": "Montre cette aide.",
    "[required]": "[obligatoire]",
    "[default: ": "[par défaut : ",
    " COMMAND [ARGS]...": " COMMANDE [ARGUMENTS]…",
}


def translate_help(shown: str) -> str:
    """A help text as typer printed it, with its own words in the current language."""
    if current_language() == "fr":
        for english, french in _FRENCH.items():
            shown = shown.replace(english, french)
    return shown
