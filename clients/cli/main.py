"""The one command `democite`: finds the group that is named, runs it, prints what came of it.

It imports no part of the house. Each package brings its group as an entry point in
`democite.commands`, loaded when it is named; so `democite --help` reads no package at all, and a
part that is not installed is a clear error rather than a crash.
"""

import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clients.cli.groups import GROUPS, is_ours
from clients.cli.help_language import translate_help
from terminal.errors import EXIT_DONE, EXIT_INTERRUPTED, CommandError, ErrorReport, report_of
from terminal.languages import LANGUAGES, choose_language, is_language, set_language, text
from terminal.plain import plain
from terminal.results import Result, json_line, json_wanted, want_json

if TYPE_CHECKING:
    import typer

ENTRY_POINTS = "democite.commands"
COMMANDS_BESIDE = {"network": "clients.office.network_commands"}
"""Groups of which clients have a share: what a town hall does in its network is signed with a
wallet's means, which the group of the node must not know."""

TRACEBACK_ENVIRONMENT_NAME = "DEMOCITE_TRACEBACK"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. The entry point of the program `democite`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    set_language(choose_language(words, os.environ))
    words, unknown = _without_language(words)
    want_json(False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if unknown is not None:
            raise CommandError("usage", f"--lang {unknown}: {' | '.join(LANGUAGES)}")
        return _run(words)
    except KeyboardInterrupt:
        return _fail(report_of(CommandError("interrupted")), json_wanted())
    except BrokenPipeError:
        # The reader has what it wanted; Python would complain again while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        return _fail(_report(error), json_wanted() or (_is_usage(error) and "--json" in words))


def _without_language(words: list[str]) -> tuple[list[str], str | None]:
    """The command line without `--lang`, which may stand anywhere, and an unknown value of it."""
    kept: list[str] = []
    unknown = None
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest], unknown
        if word == "--lang" or word.startswith("--lang="):
            value = word.removeprefix("--lang=") if "=" in word else next(rest, "")
            unknown = unknown if is_language(value) else value
        else:
            kept.append(word)
    return kept, unknown


def _run(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(_overview())
        return EXIT_DONE
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"democite {version('democite')}")
        return EXIT_DONE
    return _run_group(words[0], words[1:])


def _run_group(name: str, words: list[str]) -> int:
    import typer
    from typer.core import TyperGroup
    from typer.main import get_command

    application = _load(name)
    application.rich_markup_mode = None
    command = get_command(application)
    if not words and isinstance(command, TyperGroup) and not command.invoke_without_command:
        words = ["--help"]
    program = f"democite {name}"
    try:
        if "--help" in words:
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                outcome = command.main(words, prog_name=program, standalone_mode=False)
            sys.stdout.write(translate_help(shown.getvalue()))
        else:
            outcome = command.main(words, prog_name=program, standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if outcome == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return _finish(outcome)


def _load(name: str) -> "typer.Typer":
    """The command group `name`. Raises `CommandError`: `usage`, `part_not_installed`."""
    from importlib.metadata import entry_points

    import typer

    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == name]
    if not found:
        if name in GROUPS:
            raise CommandError("part_not_installed", _not_installed(name))
        raise CommandError(
            "usage",
            text(f"il n'y a pas de commande « {name} »", f"there is no command '{name}'"),
            text("« democite --help » les montre", "'democite --help' shows them"),
        )
    try:
        application = found[0].load()
    except ModuleNotFoundError as missing:
        if os.environ.get(TRACEBACK_ENVIRONMENT_NAME):
            traceback.print_exc()
        wanted = missing.name or ""
        hint = "" if is_ours(wanted) else f"requirements/runtime.lock ({wanted})"
        raise CommandError("part_not_installed", _not_installed(name), hint) from missing
    if not isinstance(application, typer.Typer):
        raise CommandError("part_not_installed", _not_installed(name))
    if name in COMMANDS_BESIDE:
        _add_commands(application, importlib.import_module(COMMANDS_BESIDE[name]).app)
    return application


def _add_commands(application: "typer.Typer", beside: "typer.Typer") -> None:
    """Put the commands of one group beside those of another, once."""
    known = {id(each) for each in application.registered_commands}
    if not known & {id(each) for each in beside.registered_commands}:
        application.registered_commands += beside.registered_commands
        application.registered_groups += beside.registered_groups


def _not_installed(name: str) -> str:
    return text(
        f"la partie « {name} » de Démocité n'est pas installée",
        f"the part '{name}' of Démocité is not installed",
    )


def _overview() -> str:
    heading = text(
        "Usage : democite GROUPE COMMANDE …\n\nDémocité, un registre commun de monnaies locales.",
        "Usage: democite GROUP COMMAND …\n\nDémocité, a shared ledger of local currencies.",
    )
    lines = [f"  {name:<10}{text(*description)}" for name, description in GROUPS.items()]
    footer = text(
        "« democite GROUPE --help » montre les commandes d'un groupe ; "
        "--lang fr|en choisit la langue.",
        "'democite GROUP --help' shows a group's commands; --lang fr|en chooses the language.",
    )
    groups = text("Groupes :", "Groups:")
    return "\n".join([heading, "", groups, *lines, "", footer])


def _finish(outcome: object) -> int:
    """Print what a command returned. A number is an exit code, nothing is nothing to say."""
    if isinstance(outcome, Result):
        if json_wanted():
            print(json_line(outcome.data), flush=True)
        elif outcome.text:
            print(plain(outcome.text), flush=True)
        if outcome.shown is not None:
            outcome.shown()
        return outcome.exit_code
    return outcome if isinstance(outcome, int) else EXIT_DONE


def _is_usage(error: BaseException) -> bool:
    """Whether the command line could not be read, so that no option's callback has run."""
    return isinstance(error, CommandError) or hasattr(error, "format_message")


def _report(error: Exception) -> ErrorReport:
    if hasattr(error, "format_message"):
        return report_of(CommandError("usage", str(error.format_message())))
    report = report_of(error)
    if os.environ.get(TRACEBACK_ENVIRONMENT_NAME) and report.exit_code == 1:
        traceback.print_exception(error)
    return report


def _fail(report: ErrorReport, as_json: bool) -> int:
    if as_json:
        print(json_line(report.value()), flush=True)
    if report.exit_code == EXIT_INTERRUPTED:
        print(file=sys.stderr)
    print(plain(report.lines()), file=sys.stderr, flush=True)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(run())
