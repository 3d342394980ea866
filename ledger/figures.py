"""What a vote may set parameters to.

A genesis may say what it likes, within `ledger.rules`: who founds a network tries it first. A vote
changes one that runs, and a figure that stops it could not be voted back: with a validity of one
millisecond no transaction is ever in time again, and with timers or clocks that leave less than
distances, disks and cheap clocks need, no view is. Inside these bounds members can always vote on.
"""

from __future__ import annotations

from typing import Final

from ledger.rules import BLOCK_BYTES_CEILING, BLOCK_WORK_FLOOR, MS_PER_DAY, Parameters
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import Refused

TRANSACTION_BYTES_FLOOR: Final = 16_384
"""The largest proposal, a territory with all its keys, texts and currencies, with room to spare."""

_HOUR_MS: Final = 3_600_000

FIGURES: Final[dict[str, tuple[int, int]]] = {
    "delta_ms": (10, 60_000),
    "delta_max_ms": (10_000, _HOUR_MS),
    "view_window": (8, 4_096),
    "retry_ms": (100, 600_000),
    "silent_ms": (10, MS_PER_DAY),
    "heartbeat_ms": (1_000, _HOUR_MS),
    "candidates_max": (4, 1_024),
    "transaction_bytes_max": (TRANSACTION_BYTES_FLOOR, BLOCK_BYTES_CEILING),
    "lines_max": (1, 100_000),
    "block_bytes_max": (TRANSACTION_BYTES_FLOOR, BLOCK_BYTES_CEILING),
    "block_work_max": (BLOCK_WORK_FLOOR, 10_000_000),
    "valid_for_ms_max": (60_000, 365 * MS_PER_DAY),
    "valid_for_cosigned_ms_max": (_HOUR_MS, 365 * MS_PER_DAY),
    "clock_drift_ms_max": (5_000, 600_000),
    "epoch_ms": (_HOUR_MS, 365 * MS_PER_DAY),
    "trust_days_max": (1, 3_650),
    "recovery_delay_ms": (1, 365 * MS_PER_DAY),
    "refund_days_max": (1, 3_650),
    "accounts_opened_per_day_max": (1, AMOUNT_MINOR_MAX),
    "lines_per_day_max": (1, AMOUNT_MINOR_MAX),
    "transactions_per_day_max": (100, AMOUNT_MINOR_MAX),
}
"""The least and the most, by parameter."""


def check_figure(name: str, figure: int) -> None:
    """This figure of a parameter is within its bounds. Raises `Refused("change_invalid")`."""
    least, most = FIGURES[name]
    if not least <= figure <= most:
        raise Refused("change_invalid", f"{name} is {least} to {most}", field="figure")


def check_figures(parameters: Parameters, name: str) -> None:
    """The parameter that was just changed is one that the network can live with.

    Raises `Refused("change_invalid")`.
    """
    check_figure(name, getattr(parameters, name))
    if parameters.delta_max_ms < parameters.delta_ms:
        raise Refused("change_invalid", "delta_max_ms is at least delta_ms", field="figure")
