"""Refused lines of a file: each with its place, its reason and, for an amount, the most allowed.

A file is taken whole or not at all, so all its wrong lines are told at once: whoever mends the file
mends it once.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from terminal import catalogue
from terminal.languages import text


@dataclass(frozen=True)
class LineRefusal:
    """Why one line is refused. `line` is None for what concerns the whole file.

    `allowed_minor` is the most that the amount may be, and `allowed` the same as people read it.
    `about` names who or what it concerns where there is no line, by field.
    """

    code: str
    line: int | None = None
    field: str | None = None
    detail: str = ""
    allowed_minor: int | None = None
    allowed: str = ""
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def value(self) -> dict[str, object]:
        """The object that `--json` prints; absent fields are left out."""
        value: dict[str, object] = {
            "line": self.line,
            "field": self.field,
            "code": self.code,
            "message": catalogue.message(self.code),
            "detail": self.detail,
            "allowed_minor": self.allowed_minor,
            **self.about,
        }
        return {name: one for name, one in value.items() if one not in (None, "")}

    def shown(self, file: str | None) -> str:
        """The line that people read."""
        words = [f"refused[{self.code}]: {catalogue.message(self.code)}"]
        if self.detail:
            words.append(f": {' '.join(self.detail.split())}")
        if self.allowed:
            words.append(text(f", au plus {self.allowed}", f", at most {self.allowed}"))
        number = None if self.line is None else f"{catalogue.word('line')} {self.line}"
        about = [f"{name} {word}" for name, word in self.about.items()]
        place = ", ".join(part for part in (file, number, self.field, *about) if part)
        return "".join(words) + (f" ({place})" if place else "")


class LinesRefused(Exception):
    """A file, or what a town hall holds, is refused for the reasons of these lines.

    There is at least one. Nothing was changed.
    """

    def __init__(self, refusals: Sequence[LineRefusal], file: str | None = None) -> None:
        super().__init__(len(refusals))
        self.refusals = tuple(refusals)
        self.file = file

    @property
    def code(self) -> str:
        """The code of the first refusal, which stands for all."""
        return self.refusals[0].code if self.refusals else "internal_error"

    def __str__(self) -> str:
        return "; ".join(refusal.shown(self.file) for refusal in self.refusals[:20])

    def summary(self) -> str:
        """What is wrong with the whole, in one line."""
        count = len(self.refusals)
        if count == 1:
            return text(
                "une ligne est refusée, rien n'est fait", "a line is refused, nothing is done"
            )
        return text(
            f"{count} refus de lignes, rien n'est fait",
            f"{count} refusals of lines, nothing is done",
        )
