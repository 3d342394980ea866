"""What happens in a run, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from consensus.config import Timing

FAULTS_MS = 20_000
"""How long faults are injected; an outage comes on top of it."""
LIVENESS_MS = 240_000
"""How long after them everything must have become final."""

VIEWS_TO_RECOVER_MAX = 40
"""And in how many views; some of them carry the payments that waited."""

OUTAGES_MS = (10_000, 30_000, 120_000)
NIGHTS_MS = (10_000, 30_000, 90_000)
EPOCHS_MS = (2_000, 5_000)
ENDS_AFTER_STORM_MS = 12_000
"""So long after loss and crashes epochs still end by time: who lost a journal has to wait for two
of them."""
_LARGE_NETWORK = 7
"""From this size on nobody waits out the longest ones: everybody says where it stands to all."""

ACTORS = (
    "equivocating_leader",
    "double_voter",
    "stale_parent_leader",
    "mislabelling_leader",
    "withholder",
    "garbage_sender",
    "amnesiac",
    "old_disk",
    "twins",
    "impersonator",
    "fetch_flooder",
    "sync_liar",
    "censor",
    "never_leaves",
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run. Chances are per message or per turn, out of 1,000; times in ms.

    With `changes`, members join, leave and replace their keys; with `epoch_ms`, epochs end by time
    too. `restored`: whoever is set back knows it, and votes again by the rule for those. `aimed`:
    faults begin when a change of members is final somewhere, too (`aim`).

    With `outage_ms`, fewer than a quorum are there for that long. With `night_ms`, the other faults
    are over for that long already while every FINALIZE vote is still lost.
    """

    seed: int
    members: int
    actors: tuple[str, ...]
    loss: int
    duplication: int
    delay_ms_min: int
    delay_ms_max: int
    slow_ms: int
    crash: int
    partitions: int
    all_restart: bool
    outage_ms: int
    lost_finalize: bool
    night_ms: int
    clock_skew_ms_max: int
    clock_jumps: int
    disk_ms_max: int
    full_disks: int
    work_ms_max: int
    set_back: bool
    payments: int
    real_signatures: bool
    timing: Timing
    changes: int = 0
    epoch_ms: int = 0
    restored: bool = False
    aimed: bool = False

    @property
    def storm_ms(self) -> int:
        """When loss, crashes, partitions and full disks end."""
        return FAULTS_MS + self.outage_ms

    @property
    def faults_ms(self) -> int:
        """When the last faults end, but for slow messages, which may go on for `slow_ms` more."""
        return self.storm_ms + self.night_ms

    @staticmethod
    def from_seed(seed: int, members: int) -> Scenario:
        """Draw a run for a network of that size."""
        random = Random(seed * 1_000_003 + members)
        faults = (members - 1) // 3
        actors = tuple(random.choice(ACTORS) for _ in range(random.randint(0, faults)))
        delta = Timing().delta_ms
        long = 2 if members >= _LARGE_NETWORK else 3
        lost_finalize = random.random() < 0.2
        outage_ms = random.choice((0, 0, 0, 0, 0, *OUTAGES_MS[:long]))
        delay_ms_max = random.choice((20, delta // 2, delta, 2 * delta, 4 * delta))
        lives = Random(seed * 1_000_033 + members)
        changes = lives.choice((0, 0, 0, 1, 2, 4))
        # Nobody checks the clock of a member that is alone: the others that join would wait for it.
        jumps = 3 if members > 2 or not changes else 0
        return Scenario(
            seed=seed,
            members=members,
            actors=actors,
            loss=random.choice((0, 0, 50, 200, 500)),
            duplication=random.choice((0, 0, 100)),
            delay_ms_min=random.choice((1, 1, delay_ms_max * 9 // 10)),
            delay_ms_max=delay_ms_max,
            slow_ms=random.choice((0, FAULTS_MS)),
            crash=random.choice((0, 2, 10, 40)),
            partitions=random.choice((0, 0, 1, 3)),
            all_restart=random.random() < 0.3,
            outage_ms=outage_ms,
            lost_finalize=lost_finalize,
            night_ms=random.choice((0, 0, *NIGHTS_MS[:long])) if lost_finalize else 0,
            clock_skew_ms_max=random.choice((0, 500, 4_000)),
            clock_jumps=random.choice((0, 0, 0, jumps)),
            disk_ms_max=random.choice((0, 0, 5, 50, 1_000)),
            full_disks=random.choice((0, 0, 0, 1, members)),
            work_ms_max=random.choice((3, 3, 100, 600)),
            set_back=len(actors) < faults and random.random() < 0.2,
            # Whoever alone is away misses so many blocks that they are brought by height.
            payments=random.randint(20, 80) if outage_ms else random.randint(1, 30),
            real_signatures=seed % 50 == 7,
            timing=Timing(),
            changes=changes,
            epoch_ms=lives.choice((0, 0, 0, *EPOCHS_MS)),
            restored=lives.random() < 0.5,
            aimed=lives.random() < 0.5,
        )
