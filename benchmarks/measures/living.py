"""Restarts, catching up and idleness, as `benchmarks/life` measures them, in either form."""

from benchmarks.life import catching_up, idle, restart
from benchmarks.measures.form import Figures, Form

CATCH_UP_POINTS = 1.5
"""Payments for so many points' time, so that there is something to catch up with."""


async def restarts(form: Form) -> Figures:
    """Stopped or killed, until it is ready again."""
    return await restart.measure(form.accounts_many, 1, compared=False)


async def catch_up(form: Form) -> Figures:
    """Of a node that lost its store, against what the others carried live."""
    return await catching_up.measure(form.seconds * CATCH_UP_POINTS, small=form.name == "full")


async def idleness(form: Form) -> Figures:
    """What four nodes use that have nothing to do."""
    return await idle.measure(form.idle_seconds)
