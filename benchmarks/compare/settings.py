"""What one comparison carries, and how long; and how a side says what it found."""

from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]
"""What a side measured in one round. Every side has `payments_per_second`; those that are a network
or a server have `rates` and costs; one that could not run has `missing` alone."""


@dataclass(frozen=True)
class Settings:
    """The same for every side."""

    seconds: float = 20.0
    rates: tuple[int, ...] = (100, 400, 900)
    accounts: int = 1_000
    window: int = 3_000
    """Payments in flight at saturation."""

    warm_up_seconds: float = 3.0


def missing(why: str) -> Figures:
    """A side that cannot run here; nothing is guessed in its place."""
    return {"missing": why}
