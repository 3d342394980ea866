"""What happens in a run, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from consensus.config import Timing

FAULTS_MS = 20_000
"""How long faults are injected."""
LIVENESS_MS = 240_000
"""How long after them everything must have become final."""

VIEWS_TO_RECOVER_MAX = 40
"""And in how many views; some of them carry the payments that waited."""

ACTORS = (
    "equivocating_leader",
    "double_voter",
    "stale_parent_leader",
    "withholder",
    "garbage_sender",
    "amnesiac",
    "impersonator",
    "fetch_flooder",
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run. Chances are per message or per turn, out of 1,000; times in ms."""

    seed: int
    members: int
    actors: tuple[str, ...]
    loss: int
    duplication: int
    delay_ms_min: int
    delay_ms_max: int
    slow_until_ms: int
    crash: int
    partitions: int
    all_restart: bool
    lost_finalize: bool
    clock_skew_ms_max: int
    clock_jumps: int
    disk_ms_max: int
    work_ms_max: int
    set_back: bool
    payments: int
    real_signatures: bool
    timing: Timing

    @staticmethod
    def from_seed(seed: int, members: int) -> Scenario:
        """Draw a run for a network of that size."""
        random = Random(seed * 1_000_003 + members)
        faults = (members - 1) // 3
        actors = tuple(random.choice(ACTORS) for _ in range(random.randint(0, faults)))
        delta = Timing().delta_ms
        return Scenario(
            seed=seed,
            members=members,
            actors=actors,
            loss=random.choice((0, 0, 50, 200, 500)),
            duplication=random.choice((0, 0, 100)),
            delay_ms_min=1,
            delay_ms_max=random.choice((20, delta // 2, delta, 2 * delta, 4 * delta)),
            slow_until_ms=random.choice((FAULTS_MS, FAULTS_MS * 2)),
            crash=random.choice((0, 2, 10, 40)),
            partitions=random.choice((0, 0, 1, 3)),
            all_restart=random.random() < 0.3,
            lost_finalize=random.random() < 0.2,
            clock_skew_ms_max=random.choice((0, 500, 4_000)),
            clock_jumps=random.choice((0, 0, 0, 3)),
            disk_ms_max=random.choice((0, 0, 5, 50, 1_000)),
            work_ms_max=random.choice((3, 3, 100, 600)),
            set_back=len(actors) < faults and random.random() < 0.2,
            payments=random.randint(1, 30),
            real_signatures=seed % 50 == 7,
            timing=Timing(),
        )
