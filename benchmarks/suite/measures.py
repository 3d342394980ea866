"""Every measure by its name, with how long it takes about, on a machine that does nothing else."""

from dataclasses import dataclass

from benchmarks.compare.settings import Settings
from benchmarks.compare.sides import run_round
from benchmarks.measures import (
    accounts,
    balances,
    disk,
    killed,
    lines,
    living,
    memory,
    overload,
    replicas,
)
from benchmarks.measures.form import SHORT, Figures, Form, Measure


@dataclass(frozen=True)
class Entry:
    """One measure."""

    run: Measure
    short_seconds: int
    """Of one round."""

    full_seconds: int
    full_rounds: int | None = None
    """Fewer than usual, where a round takes long and spreads little."""

    def seconds(self, form: Form) -> int:
        """All its rounds in this form."""
        each = self.short_seconds if form.name == SHORT.name else self.full_seconds
        return each * self.rounds(form)

    def rounds(self, form: Form) -> int:
        """How many in this form."""
        return min(form.rounds, self.full_rounds or form.rounds)


async def compare(form: Form) -> Figures:
    """Every side once."""
    settings = Settings(seconds=form.seconds, rates=form.rates)
    # Not in a thread: one that waits for a side's processes could not be told to end them.
    return run_round(settings)


MEASURES: dict[str, Entry] = {
    "compare": Entry(compare, 190, 560),
    "killed": Entry(killed.measure, 46, 117),
    "replicas": Entry(replicas.measure, 45, 130),
    "wages": Entry(lines.wage_lines, 24, 45),
    "bulletins": Entry(lines.bulletin_lines, 24, 45),
    "accounts": Entry(accounts.measure, 36, 200, full_rounds=2),
    "disk": Entry(disk.measure, 25, 120, full_rounds=1),
    "memory": Entry(memory.measure, 40, 320, full_rounds=1),
    "restart": Entry(living.restarts, 40, 180),
    "catching-up": Entry(living.catch_up, 30, 150),
    "overload": Entry(overload.measure, 45, 120),
    "idle": Entry(living.idleness, 16, 155, full_rounds=1),
    "balances": Entry(balances.measure, 15, 35),
}
