"""Faults that other networks had and that only show in a whole network, each under its name."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.simulation import run as simulation
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.chain import Chain
from consensus.simulation.host import Host
from consensus.simulation.scenario import Scenario
from consensus.simulation.world import World
from tests.consensus.test_quiet import faultless

pytestmark = pytest.mark.simulation

HOUR_MS = 3_600_000


class Absent(Host):
    """Never there."""

    honest = False

    def start(self) -> None:
        """It does not."""


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """(when, how many blocks) of each commit of an honest host."""
    commits: list[tuple[int, int]] = []
    commit = Host._commit

    def note(
        host: Host, blocks: tuple[Block, ...], certificate: Certificate, closing: tuple[Header, ...]
    ) -> None:
        if host.honest:
            commits.append((host.world.now_ms, len(blocks)))
        commit(host, blocks, certificate, closing)

    monkeypatch.setattr(Host, "_commit", note)
    monkeypatch.setitem(ACTOR_CLASSES, "absent", Absent)
    yield commits


def busy(members: int, actors: tuple[str, ...]) -> Scenario:
    """More payments than fit into the blocks of 20 s, at 50 ms a hop."""
    return replace(
        faultless(members), actors=actors, delay_ms_min=40, delay_ms_max=60, payments=1_000
    )


@pytest.mark.parametrize("members", [4, 7])
def test_commonware_588_and_2375_an_absent_leader_costs_no_two_thirds(
    members: int, committed: list[tuple[int, int]]
) -> None:
    """Each of its views was waited out in full, also when it had been away for hours."""
    blocks: dict[int, int] = {}
    for absent in (0, 1):
        committed.clear()
        simulation.run(busy(members, ("absent",) * absent))
        late = [count for when_ms, count in committed if 12_000 <= when_ms < 20_000]
        blocks[absent] = sum(late) // (members - absent)
    assert blocks[0] > 60
    assert blocks[1] * 4 >= blocks[0] * 3, "less than its own quarter is lost"


def test_besu_7642_after_an_hour_without_a_quorum_it_goes_on_within_seconds(
    monkeypatch: pytest.MonkeyPatch, committed: list[tuple[int, int]]
) -> None:
    """The round timer had doubled to 4,096 s, and all waited for it once they were back."""
    back_ms = 1_000 + HOUR_MS

    def plan(world: World, hosts: dict[bytes, Host], scenario: Scenario, random: Random) -> None:
        for key in random.sample(sorted(hosts), 2):
            world.at(1_000, lambda host=hosts[key]: host.shut_down(back_ms))  # type: ignore[misc]

    monkeypatch.setattr(simulation, "_plan_outage", plan)
    outcome = simulation.run(replace(faultless(4), outage_ms=HOUR_MS, payments=30))
    assert outcome.violation is None
    first_ms = min(when_ms for when_ms, _ in committed if when_ms > 1_000)
    assert back_ms <= first_ms <= back_ms + 5_000


def test_cometbft_asa_2025_001_a_sync_liar_keeps_nobody_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever was behind believed the height that a peer claimed, and waited for it for ever."""
    believed: list[bool] = []
    is_continued_by = Chain.is_continued_by

    def note(chain: Chain, *arguments: object) -> bool:
        believed.append(is_continued_by(chain, *arguments))  # type: ignore[arg-type]  # a wrapper
        return believed[-1]

    def plan(world: World, hosts: dict[bytes, Host], scenario: Scenario, random: Random) -> None:
        behind = next(host for host in hosts.values() if host.honest)
        world.at(1_000, lambda: behind.shut_down(19_000))

    monkeypatch.setattr(Chain, "is_continued_by", note)
    monkeypatch.setattr(simulation, "_plan_outage", plan)
    for seed in range(12):
        scenario = replace(faultless(4), seed=seed, actors=("sync_liar",), payments=80)
        assert simulation.run(scenario).violation is None, f"seed {seed}"
    assert believed.count(True) >= 12
    assert believed.count(False) >= 3, "it was asked and had lied"
