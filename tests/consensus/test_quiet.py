"""Nobody speaks when there is nothing to say, and one payment is final after three hops."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.messages import Message, VoteMessage
from consensus.simulation import run as simulation
from consensus.simulation.host import Host
from consensus.simulation.run import run
from consensus.simulation.scenario import Scenario
from consensus.simulation.world import World
from consensus.votes import NULLIFY

HOP_MS = 5


def faultless(members: int) -> Scenario:
    return replace(
        Scenario.from_seed(1, members),
        actors=(), loss=0, duplication=0, delay_ms_min=HOP_MS, delay_ms_max=HOP_MS, slow_ms=10**9,
        crash=0, partitions=0, all_restart=False, outage_ms=0, lost_finalize=False, night_ms=0,
        clock_skew_ms_max=0, clock_jumps=0, disk_ms_max=0, full_disks=0, work_ms_max=0,
        set_back=False, payments=4, real_signatures=False, changes=0, epoch_ms=0, restored=False,
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


def pay_now_and_then(world: World, hosts: dict[bytes, Host], scenario: Scenario) -> None:
    """Payments with pauses longer than `silent_ms` between them."""
    pause_ms = scenario.timing.silent_ms * 3 // 2
    for host in hosts.values():
        world.at(0, host.start)
        for number in range(scenario.payments + 1):
            when_ms = 1_000 + number * pause_ms + world.random.randint(0, 20)
            world.at(when_ms, partial(host.pay, number))


@pytest.mark.parametrize("members", [4, 7])
def test_no_live_leader_is_skipped_after_a_pause(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, whoever had not spoken last before a pause of `silent_ms` was found silent after it."""
    given_up: list[int] = []
    transmit = World.transmit

    def note(world: World, sender: bytes, receiver: bytes, message: Message) -> None:
        if isinstance(message, VoteMessage) and message.vote.kind == NULLIFY:
            given_up.append(world.now_ms)
        transmit(world, sender, receiver, message)

    monkeypatch.setattr(World, "transmit", note)
    monkeypatch.setattr(simulation, "_plan", pay_now_and_then)
    scenario = replace(faultless(members), delay_ms_max=4 * HOP_MS, payments=15)
    assert simulation.run(scenario).violation is None
    assert not given_up


@pytest.mark.parametrize("members", [4, 5, 7])
def test_a_member_a_little_slower_than_the_others_leads_too(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, all it said came when its view was final already, so that it counted as silent."""
    led: list[int] = []
    commit = Host._commit

    def bring(world: World, sender: bytes, receiver: bytes, arrive: Callable[[], None]) -> None:
        is_slow = min(world.endpoints) in (sender, receiver)
        world.at(world.now_ms + (10 * HOP_MS if is_slow else HOP_MS), arrive)

    def note(
        host: Host, blocks: tuple[Block, ...], certificate: Certificate, closing: tuple[Header, ...]
    ) -> None:
        slow = min(host.hosts)
        members = host.identity.members
        leaders = [members.leader(0, block.header.view) for block in blocks]
        led.extend(host.world.now_ms for leader in leaders if leader == slow)
        commit(host, blocks, certificate, closing)

    monkeypatch.setattr(World, "bring", bring)
    monkeypatch.setattr(Host, "_commit", note)
    monkeypatch.setattr(simulation, "_plan", pay_now_and_then)
    assert simulation.run(replace(faultless(members), payments=15)).violation is None
    late = [when_ms for when_ms in led if when_ms > 60_000]
    assert len(late) >= 3 * members, "each host commits at least three that the slow one made"
