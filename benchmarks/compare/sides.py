"""The sides of the comparison, by name, and rounds in which they take turns."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.compare import cometbft_peer, limit, own, postgres
from benchmarks.compare.settings import Figures, Settings
from terminal.errors import CommandError

OWN = "own engine"
TUNED = "CometBFT, tuned"
DEFAULTS = "CometBFT, its defaults"
OUR_LEDGER = "CometBFT, our ledger"
POSTGRES = "PostgreSQL"
LIMIT = "signature checks alone"

Side = Callable[[Settings], Figures]

SIDES: dict[str, Side] = {
    OWN: lambda settings: own.measure(settings, own.SIMPLEX),
    TUNED: lambda settings: cometbft_peer.measure(settings, tuned=True),
    DEFAULTS: lambda settings: cometbft_peer.measure(settings, tuned=False),
    OUR_LEDGER: lambda settings: own.measure(settings, own.COMETBFT),
    POSTGRES: postgres.measure,
    LIMIT: limit.measure_limit,
}

SHORT_NAMES = {
    "own": OWN,
    "tuned": TUNED,
    "defaults": DEFAULTS,
    "our-ledger": OUR_LEDGER,
    "postgres": POSTGRES,
    "limit": LIMIT,
}
"""As one types them."""

Rounds = dict[str, list[Figures]]
"""What each side measured, round after round."""


def run_rounds(
    settings: Settings, rounds: int, names: Sequence[str], on_side: Callable[[Rounds], None]
) -> Rounds:
    """Every side once, then all again in the other direction, and so on; `on_side` after each, so
    that what was measured is not lost with a later one."""
    found: Rounds = {name: [] for name in names}
    for turn in range(rounds):
        for name in _in_turn(names, turn):
            print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            found[name].append(_measured(name, settings))
            on_side(found)
    return found


def run_round(settings: Settings) -> dict[str, Figures]:
    """Every side once."""
    return {name: _measured(name, settings) for name in SIDES}


def _measured(name: str, settings: Settings) -> Figures:
    """One side; that it failed is told, and costs the other sides nothing."""
    try:
        return SIDES[name](settings)
    except (RuntimeError, OSError, subprocess.SubprocessError, CommandError) as error:
        print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        return {"failed": f"{type(error).__name__}: {error}"}


def _in_turn(names: Sequence[str], turn: int) -> Iterable[str]:
    return names if turn % 2 == 0 else reversed(names)
