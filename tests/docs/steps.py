"""How a document's command is run, and the walk through all of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.reading import Command
from tests.docs.stage import Stage
from tests.processes.network import Done

Words = Mapping[str, str | Callable[[Stage], str]]
"""What the reader puts in the place of a word of the document."""


def _nothing(stage: Stage) -> None:
    pass


def _no_more(stage: Stage, done: Done) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Run:
    """Typed into a shell, and must end with 0 (or `code`), unless it `stays` in the foreground as
    this territory's node. `before` brings about what the document takes for granted here, `words`
    go before those of the whole document, `after` looks at what came of it."""

    words: Words = field(default_factory=dict)
    before: Callable[[Stage], None] = _nothing
    after: Callable[[Stage, Done], None] = _no_more
    stays: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Not run here, and why not."""

    reason: str


Table = Mapping[str, Run | Elsewhere]
NOT_IN_A_SCRIPT = ("export ", "cd ", ". ")
"""What changes the shell itself, and holds for the commands below it in the same section."""


def walk(
    stage: Stage, commands: Iterable[Command], table: Table, words: Words, folder: Path
) -> list[str]:
    """Run them in order; one that stands there several times is run once. What was run."""
    session: list[str] = []
    section = ""
    typed: list[str] = []
    for command in commands:
        if command.section != section:
            section, session = command.section, []
        how = table.get(command.text)
        if command.is_reference or isinstance(how, Elsewhere):
            continue
        if command.text in typed and not command.text.startswith(NOT_IN_A_SCRIPT):
            continue
        if how is None:
            raise AssertionError(f"{command.place}\nis run by nobody: see tests/docs/runbook.py")
        how.before(stage)
        text = put(command.text, how.words, words, stage)
        if how.stays:
            done = stage.keep_running(how.stays, session, text)
        else:
            done = stage.type(session, text, folder)
        if done.code != how.code:
            raise AssertionError(f"{command.place}\n{text}\n{done.code}: {done.out}{done.err}")
        how.after(stage, done)
        typed.append(command.text)
        if command.text.startswith(NOT_IN_A_SCRIPT):
            session.append(text)
    return typed


def put(text: str, own: Words, general: Words, stage: Stage) -> str:
    """The command as the reader types it: longest words first, each place once."""
    words = {**general, **own}
    result: list[str] = []
    rest = text
    longest_first = sorted(words, key=len, reverse=True)
    while rest:
        found = next((word for word in longest_first if _begins(rest, word, result)), None)
        if found is None:
            result.append(rest[0])
            rest = rest[1:]
            continue
        value = words[found]
        result.append(value if isinstance(value, str) else value(stage))
        rest = rest[len(found) :]
    return "".join(result)


def _begins(rest: str, word: str, before: list[str]) -> bool:
    """Whether this whole word stands here. One that ends with '/' stands for what it begins."""
    if not rest.startswith(word) or (before and _is_inner(before[-1][-1:])):
        return False
    return word.endswith("/") or not _is_inner(rest[len(word) : len(word) + 1])


def _is_inner(letter: str) -> bool:
    return letter.isalnum() or (letter in ("_", "-") and letter != "")
