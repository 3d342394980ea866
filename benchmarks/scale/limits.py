"""Where one chain ends: the size at which each of its costs meets a bound."""

from collections.abc import Callable

from benchmarks.scale.costs import Costs
from benchmarks.scale.model import Network
from consensus.certificates import MEMBERS_MAX

MEMORY_BYTES = 16e9
DISK_BYTES_A_YEAR = 2e12
WALLET_BYTES = 1e6
FINAL_MS = 1_000.0
FEW = 10
"""Members of a network whose residents are many: what they cost is hardly the votes."""

MANY = 10_000_000
"""Residents of a network whose members are many."""
RESIDENTS_MAX = 10**9


def residents_by_payments(costs: Costs) -> int:
    """As many as pay, in the peak hour, all that one processor of each node carries."""

    def holds(residents: int) -> bool:
        one = Network(FEW, residents, costs)
        return one.payments_per_second_at_peak <= one.payments_per_second_max

    return _most(1, RESIDENTS_MAX, holds)


def residents_by_memory(costs: Costs) -> int:
    """As many accounts as fit into the memory of a node."""
    return _most(1, RESIDENTS_MAX, lambda n: Network(FEW, n, costs).memory_bytes <= MEMORY_BYTES)


def residents_by_disk(costs: Costs) -> int:
    """As many as fill a disk in a year where everything is kept."""
    return _most(
        1, MANY * 10, lambda n: Network(FEW, n, costs).disk_bytes_a_year <= DISK_BYTES_A_YEAR
    )


def members_by_line(costs: Costs) -> int:
    """As many as a node's line carries the votes and certificates of, while blocks follow each
    other as fast as processors and distances let them."""
    return _most(1, MEMBERS_MAX, lambda n: not Network(n, MANY, costs).is_bound_by_line)


def members_by_finality(costs: Costs) -> int:
    """As many as make a payment final within a second in the peak hour."""
    return _most(
        1,
        MEMBERS_MAX,
        lambda n: sum(Network(n, MANY, costs).finality_parts_ms().values()) <= FINAL_MS,
    )


def members_by_wallet(costs: Costs) -> int:
    """As many as let a wallet that was a year away go on with a megabyte."""
    return _most(
        1, MEMBERS_MAX, lambda n: Network(n, MANY, costs).wallet_year_bytes <= WALLET_BYTES
    )


def _most(least: int, most: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to `most` that holds, of what holds up to some number and not above
    it. Raises ValueError where not even the least does."""
    if not holds(least):
        raise ValueError(f"not even {least} holds")
    while least < most:
        middle = (least + most + 1) // 2
        if holds(middle):
            least = middle
        else:
            most = middle - 1
    return least
