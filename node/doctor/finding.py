"""What one look at one thing found."""

from collections.abc import Sequence
from dataclasses import dataclass

GOOD = "good"
WARNING = "warning"
BAD = "bad"
_MARKS = {GOOD: "✓", WARNING: "!", BAD: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is the stable name of what was looked at; `told` and `hint` are in the reader's
    language, `hint` empty where there is nothing to do."""

    check: str
    state: str
    told: str
    hint: str = ""

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {"check": self.check, "state": self.state, "told": self.told, "hint": self.hint}

    def lines(self) -> str:
        """For people."""
        told = f"{_MARKS[self.state]} {self.check}: {self.told}"
        return f"{told}\n  → {self.hint}" if self.hint else told


def worst_of(findings: Sequence[Finding]) -> str:
    """The worst state among them."""
    states = {finding.state for finding in findings}
    return BAD if BAD in states else WARNING if WARNING in states else GOOD
