"""The table of docs/scale.md that holds the simulator's figures against what is computed."""

from collections.abc import Callable
from typing import Any

from benchmarks.scale.costs import Costs, read_simulated
from benchmarks.scale.model import Network
from benchmarks.scale.tables import KILO, RESIDENTS, exact, number, table
from benchmarks.targets.table import ENGLISH, FRENCH

Simulated = dict[str, Any]

LINES: tuple[tuple[str, str, Callable[[Simulated], float]], ...] = (
    ("définitif, médiane (ms)", "final, median (ms)", lambda one: one["complete"]["final_ms_p50"]),
    ("définitif, au plus tard (ms)", "final, the latest (ms)",
     lambda one: one["complete"]["final_ms_max"]),
    ("un membre absent : médiane (ms)", "one member away: median (ms)",
     lambda one: one["one_away"]["final_ms_p50"]),
    ("un membre absent : au plus tard (ms)", "one member away: the latest (ms)",
     lambda one: one["one_away"]["final_ms_max"]),
    ("messages envoyés par bloc et nœud", "messages sent per block and node",
     lambda one: one["complete"]["messages_per_block_and_node"]),
    ("envoyé par bloc et nœud (Ko)", "sent per block and node (kB)",
     lambda one: one["complete"]["bytes_per_block_and_node"] / KILO),
)  # fmt: skip


def simulated(costs: Costs, language: str) -> str:
    """Networks of each size in virtual time, and beside them what is computed."""
    networks = read_simulated()
    head = {FRENCH: "membres qui votent", ENGLISH: "members that vote"}[language]
    rows = [
        [
            french if language == FRENCH else english,
            *(exact(round(figure(one), 1), language) for one in networks),
        ]
        for french, english, figure in LINES
    ]
    words = {FRENCH: "la même chose, calculée", ENGLISH: "the same, computed"}[language]
    computed = [Network(one["members"], RESIDENTS[0], costs) for one in networks]
    rows.append([words, *(number(one.block_bytes_sent / KILO, language) for one in computed)])
    return table([head, *(exact(one["members"], language) for one in networks)], rows)
