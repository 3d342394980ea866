"""Nobody speaks when there is nothing to say, and one payment is final after three hops."""

from collections import Counter
from dataclasses import replace

import pytest

from consensus.messages import Message
from consensus.simulation.host import Host
from consensus.simulation.run import run
from consensus.simulation.scenario import Scenario
from consensus.simulation.world import World

HOP_MS = 5


def faultless(members: int) -> Scenario:
    return replace(
        Scenario.from_seed(1, members),
        actors=(), loss=0, duplication=0, delay_ms_min=HOP_MS, delay_ms_max=HOP_MS, slow_ms=10**9,
        crash=0, partitions=0, all_restart=False, outage_ms=0, lost_finalize=False, night_ms=0,
        clock_skew_ms_max=0, clock_jumps=0, disk_ms_max=0, full_disks=0, work_ms_max=0,
        set_back=False, payments=4, real_signatures=False,
    )  # fmt: skip


@pytest.mark.parametrize("members", [1, 2, 4, 7])
def test_an_idle_network_is_quiet(members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: Counter[int] = Counter()
    paid: set[int] = set()
    transmit, pay = World.transmit, Host.pay

    def count(world: World, sender: bytes, receiver: bytes, message: Message) -> None:
        spoken[world.now_ms // 1_000] += 1
        transmit(world, sender, receiver, message)

    def note(host: Host, number: int) -> None:
        paid.update(range(host.world.now_ms // 1_000, host.world.now_ms // 1_000 + 3))
        pay(host, number)

    monkeypatch.setattr(World, "transmit", count)
    monkeypatch.setattr(Host, "pay", note)
    assert run(faultless(members)).violation is None
    assert set(spoken) <= paid
    busiest = max(spoken.values(), default=0)
    assert busiest <= 40 * members * members


@pytest.mark.parametrize("members", [1, 2, 4, 7])
def test_one_payment_is_final_after_three_hops(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid_ms: dict[int, int] = {}
    took_ms: list[int] = []
    pay, commit = Host.pay, Host._commit

    def note(host: Host, number: int) -> None:
        paid_ms[number] = host.world.now_ms
        pay(host, number)

    def measure(host: Host, *arguments: object) -> None:
        before = host.ledger.paid(host.chain.tip.digest)
        commit(host, *arguments)  # type: ignore[arg-type]  # a wrapper
        new = host.ledger.paid(host.chain.tip.digest) - before
        took_ms.extend(host.world.now_ms - paid_ms[number] for number in new)

    monkeypatch.setattr(Host, "pay", note)
    monkeypatch.setattr(Host, "_commit", measure)
    assert run(faultless(members)).violation is None
    assert len(took_ms) == 5 * members
    assert max(took_ms) <= 3 * HOP_MS
