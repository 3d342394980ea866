"""What the registry refuses line by line: a file or a month is taken whole or not at all.

Details hold codes and numbers that the sender wrote himself, never what the registry knows of
anybody.
"""

from collections.abc import Sequence
from typing import NamedTuple


class LineRefusal(NamedTuple):
    """Why a line is refused. `line` is None for what concerns the whole file; `allowed_minor` is
    the most that the amount may be."""

    line: int | None
    code: str
    field: str | None = None
    detail: str = ""
    allowed_minor: int | None = None


class BulletinRefusal(NamedTuple):
    """What keeps a bulletin, or a programme's bulletins, from being made out."""

    code: str
    person: str | None = None
    programme: str | None = None
    activity: int | None = None
    detail: str = ""
    allowed_minor: int | None = None


class LinesRefused(Exception):
    """At least one line is refused; nothing was changed."""

    def __init__(self, refusals: Sequence[LineRefusal]) -> None:
        super().__init__(len(refusals))
        self.refusals = tuple(refusals)

    @property
    def code(self) -> str:
        """The first refusal's code, which stands for all."""
        return self.refusals[0].code


class BulletinsRefused(Exception):
    """At least one bulletin is refused; nothing was prepared."""

    def __init__(self, refusals: Sequence[BulletinRefusal]) -> None:
        super().__init__(len(refusals))
        self.refusals = tuple(refusals)

    @property
    def code(self) -> str:
        """The first refusal's code, which stands for all."""
        return self.refusals[0].code


def in_order(refusals: Sequence[LineRefusal]) -> list[LineRefusal]:
    """By line, what concerns the whole file first."""
    return sorted(refusals, key=lambda one: (one.line or 0, one.code))
