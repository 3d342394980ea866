"""How much a measure carries: a short form to look at, a full one to publish."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """Both forms measure the same things; the short one's figures spread more."""

    name: str
    seconds: float
    """Of one point."""

    rounds: int
    rates: tuple[int, ...]
    accounts_few: int
    accounts_many: int
    replicas: tuple[int, ...]
    disk_payments: int
    idle_seconds: float
    memory_seconds: float


SHORT = Form(
    name="short",
    seconds=5.0,
    rounds=1,
    rates=(100, 400, 900),
    accounts_few=10_000,
    accounts_many=100_000,
    replicas=(4, 7),  # with 16, five seconds hold no two blocks
    disk_payments=5_000,
    idle_seconds=5.0,
    memory_seconds=5.0,
)

FULL = Form(
    name="full",
    seconds=20.0,
    rounds=3,
    rates=(100, 400, 900),
    accounts_few=10_000,
    accounts_many=1_000_000,
    replicas=(4, 7, 16),
    disk_payments=100_000,
    idle_seconds=130.0,
    memory_seconds=60.0,
)

FORMS = {form.name: form for form in (SHORT, FULL)}

Figures = dict[str, Any]
Measure = Callable[[Form], Coroutine[Any, Any, Figures]]
