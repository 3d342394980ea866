"""The targets: where each figure stands in a file of `scripts/benchmark`, and what it must be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.compare import sides
from benchmarks.compare.ratios import PROCESSOR, SPEED, figure

Figures = Mapping[str, Any]
Value = Callable[[Figures], float | None]
"""A target's figure out of one round of its measure; None where it was not measured."""

AT_LEAST, AT_MOST, MORE_THAN = "≥", "≤", ">"


@dataclass(frozen=True)
class Bound:
    """What a figure is held against."""

    sign: str
    number: float

    def holds(self, value: float) -> bool:
        """Whether the figure is so."""
        if self.sign == MORE_THAN:
            return value > self.number
        return value >= self.number if self.sign == AT_LEAST else value <= self.number


@dataclass(frozen=True)
class Row:
    """One target. Some have no figure that must be reached, only one to aim at. `unit` is
    written behind the figures."""

    measure: str
    french: str
    english: str
    value: Value
    must: Bound | None
    aim: Bound | None = None
    unit: str = "×"
    digits: int = 2
    of_a_million: bool = False
    """Of a million accounts, which the short form has not: it decides nothing then."""


def at(*path: str, factor: float = 1.0) -> Value:
    """The figure that stands there."""

    def value(figures: Figures) -> float | None:
        found = figure(dict(figures), path)
        return None if found is None else found * factor

    return value


def ratio(above: tuple[str, ...], below: tuple[str, ...]) -> Value:
    """One figure by another of the same round."""

    def value(figures: Figures) -> float | None:
        top, bottom = figure(dict(figures), above), figure(dict(figures), below)
        return None if top is None or not bottom else top / bottom

    return value


def outside_check(figures: Figures) -> float | None:
    """Processor time beside the check that nodes make, by PyNaCl's check. Without the first
    (a file of before), they made PyNaCl's."""
    used = figure(dict(figures), (sides.OWN, PROCESSOR))
    check = figure(dict(figures), (sides.LIMIT, "check_microseconds"))
    in_use = figure(dict(figures), (sides.LIMIT, "verifier_in_use", "check_microseconds"))
    if used is None or not check:
        return None
    return (used * 1e6 - (check if in_use is None else in_use)) / check


def largest(*path: str) -> Value:
    """The largest of the figures in the list that stands there."""

    def value(figures: Figures) -> float | None:
        found: Any = figures
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return max(map(float, found)) if found else None

    return value


def told_when(figures: Figures) -> float | None:
    """Of those refused, the part that heard when to try again; None if nobody was refused."""
    refused = figures.get("refused")
    if not isinstance(refused, Mapping):
        return None
    total = sum(refused.values())
    told = figure(dict(figures), ("refused_told_when",)) or 0.0
    return told / total if total else None


def refused_within(figures: Figures) -> float | None:
    """How soon a refusal comes, p99; None if nobody was refused."""
    return at("refused_after_ms", "p99")(figures) if figures.get("refused") else None


def speed_beside(side: str) -> Value:
    """Our payments a second by another side's."""
    return ratio((sides.OWN, SPEED), (side, SPEED))


def _finality() -> list[Row]:
    half, third = Bound(AT_MOST, 0.5), Bound(AT_MOST, 1 / 3)
    rows = []
    for rate in ("100", "400", "900"):
        for part in ("p50", "p99"):
            rows.append(
                Row(
                    "compare",
                    f"délai jusqu'au définitif, {part}, à {rate} paiements/s, sur CometBFT réglé",
                    f"finality, {part}, at {rate} payments/s, by CometBFT tuned",
                    ratio(
                        (sides.OWN, "rates", rate, part),
                        (sides.TUNED, "rates", rate, part),
                    ),
                    half,
                    third,
                )
            )
    rows.append(
        Row(
            "compare",
            "délai p50 à 100 paiements/s",
            "finality p50 at 100 payments/s",
            at(sides.OWN, "rates", "100", "p50"),
            None,
            Bound(AT_MOST, 15),
            "ms",
            0,
        )
    )
    return rows


RESTART = ("with_them", "after_being_killed", "seconds")
CPU = "processor_seconds_per_payment_and_replica"
WIRE = "peer_bytes_per_payment_and_other_replica"
SIGNED = "signed_payment_bytes"
TENTHS = Bound(AT_MOST, 1.3), Bound(AT_MOST, 1.15)
LINES = Bound(AT_LEAST, 10_000), Bound(AT_LEAST, 20_000)

ROWS: tuple[Row, ...] = (
    Row(
        "compare",
        "paiements/s, sur CometBFT réglé",
        "payments/s, by CometBFT tuned",
        speed_beside(sides.TUNED),
        Bound(MORE_THAN, 1),
        Bound(AT_LEAST, 2),
    ),
    Row(
        "compare",
        "paiements/s, sur PostgreSQL",
        "payments/s, by PostgreSQL",
        speed_beside(sides.POSTGRES),
        Bound(MORE_THAN, 1),
    ),
    Row(
        "compare",
        "paiements/s, sur la limite des vérifications",
        "payments/s, by the limit of the checks",
        speed_beside(sides.LIMIT),
        Bound(AT_LEAST, 0.40),
        Bound(AT_LEAST, 0.55),
    ),
    *_finality(),
    Row(
        "killed",
        "un nœud sur quatre tué : paiements/s, sur avant",
        "one of four killed: payments/s, by before",
        ratio(("three", "saturation", SPEED), ("four", "saturation", SPEED)),
        Bound(AT_LEAST, 0.9),
        Bound(AT_LEAST, 1),
    ),
    Row(
        "killed",
        "un nœud sur quatre tué : délai p50, sur avant",
        "one of four killed: finality p50, by before",
        ratio(("three", "steady", "latency_ms", "p50"), ("four", "steady", "latency_ms", "p50")),
        Bound(AT_MOST, 1.3),
        Bound(AT_MOST, 1),
    ),
    Row(
        "compare",
        "processeur par paiement et réplique hors vérification, sur la vérification",
        "processor per payment and replica outside the check, by the check",
        outside_check,
        Bound(AT_MOST, 2),
        Bound(AT_MOST, 1),
    ),
    Row(
        "wages",
        "lignes de paie par seconde",
        "wage lines per second",
        at("saturation", "lines_per_second"),
        *LINES,
        "/s",
        0,
    ),
    Row(
        "bulletins",
        "lignes de bulletins par seconde",
        "bulletin lines per second",
        at("saturation", "lines_per_second"),
        *LINES,
        "/s",
        0,
    ),
    Row(
        "accounts",
        "processeur par paiement, beaucoup de comptes sur 10 000",
        "processor per payment, many accounts by 10 thousand",
        ratio(("many", CPU), ("few", CPU)),
        *TENTHS,
        of_a_million=True,
    ),
    Row(
        "replicas",
        "processeur par paiement et réplique, 7 nœuds sur 4",
        "processor per payment and replica, 7 nodes by 4",
        ratio(("7", CPU), ("4", CPU)),
        *TENTHS,
    ),
    Row(
        "replicas",
        "processeur par paiement et réplique, 16 nœuds sur 4",
        "processor per payment and replica, 16 nodes by 4",
        ratio(("16", CPU), ("4", CPU)),
        *TENTHS,
    ),
    Row(
        "disk",
        "disque par paiement, compacté, sur le paiement signé",
        "disk per payment, compacted, by the signed payment",
        ratio(("bytes_per_payment",), (SIGNED,)),
        Bound(AT_MOST, 3),
        Bound(AT_MOST, 1.5),
    ),
    Row(
        "replicas",
        "octets entre nœuds par paiement, TLS compris, sur le paiement signé",
        "bytes between nodes per payment, TLS included, by the signed payment",
        ratio(("4", WIRE), ("4", SIGNED)),
        Bound(AT_MOST, 3),
        Bound(AT_MOST, 2),
    ),
    Row(
        "memory",
        "mémoire d'un nœud au repos",
        "memory of an idle node",
        at("idle", "memory_megabytes"),
        Bound(AT_MOST, 120),
        Bound(AT_MOST, 80),
        "Mo|MB",
        0,
    ),
    Row(
        "memory",
        "mémoire d'un nœud avec beaucoup de comptes",
        "memory of a node with many accounts",
        at("many", "memory_megabytes"),
        Bound(AT_MOST, 500),
        Bound(AT_MOST, 300),
        "Mo|MB",
        0,
        of_a_million=True,
    ),
    Row(
        "restart",
        "redémarrage jusqu'à prêt, beaucoup de comptes",
        "restart to ready, many accounts",
        largest(*RESTART),
        Bound(AT_MOST, 5),
        Bound(AT_MOST, 2),
        "s",
        1,
        of_a_million=True,
    ),
    Row(
        "catching-up",
        "rattrapage, sur la cadence en direct",
        "catch-up, by the live rate",
        ratio(("full_blocks", SPEED), ("live", SPEED)),
        Bound(AT_LEAST, 2),
        Bound(AT_LEAST, 4),
    ),
    Row(
        "overload",
        "surcharge à 3 × : paiements définitifs, sur le sommet",
        "overload at 3 ×: goodput, by the peak",
        ratio(("goodput_per_second",), ("peak", SPEED)),
        Bound(AT_LEAST, 0.9),
    ),
    Row(
        "overload",
        "surcharge : refusés à qui il est dit quand revenir",
        "overload: refused who are told when to try again",
        told_when,
        Bound(AT_LEAST, 1),
        None,
        "",
        2,
    ),
    Row(
        "overload",
        "surcharge : refus dit en (p99)",
        "overload: a refusal comes within (p99)",
        refused_within,
        Bound(AT_MOST, 1_000),
        None,
        "ms",
        0,
    ),
    Row(
        "overload",
        "surcharge : mémoire, sur avant",
        "overload: memory, by before",
        ratio(("memory_megabytes_most",), ("memory_megabytes_before",)),
        Bound(AT_MOST, 1.5),
    ),
    Row(
        "overload",
        "surcharge : p99 des acceptés, sur celui du sommet",
        "overload: p99 of the accepted, by that at peak",
        ratio(("latency_ms", "p99"), ("peak", "latency_ms", "p99")),
        None,
        Bound(AT_MOST, 2),
    ),
    Row(
        "idle",
        "processeur d'un nœud au repos",
        "processor of an idle node",
        largest("percent_of_one_processor"),
        Bound(AT_MOST, 1),
        None,
        "%",
        2,
    ),
    Row(
        "balances",
        "soldes prouvés par seconde, WebSocket signé une fois",
        "balances with proof per second, WebSocket signed once",
        at("web_socket", "per_second"),
        Bound(AT_LEAST, 3_000),
        None,
        "/s",
        0,
    ),
    Row(
        "balances",
        "soldes prouvés par seconde, GET signé",
        "balances with proof per second, signed GET",
        at("signed_get", "per_second"),
        Bound(AT_LEAST, 1_000),
        None,
        "/s",
        0,
    ),
)
