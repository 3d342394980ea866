"""Whole networks whose members change: what must come about in some of the runs."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from consensus.certificates import Certificate
from consensus.effects import CatchUp
from consensus.header import Block, Header
from consensus.messages import EpochEnd, Message, Proposal, VoteMessage
from consensus.simulation import run as simulation
from consensus.simulation.host import Host
from consensus.simulation.machine import GENESIS_MS, NETWORK_ID
from consensus.simulation.roll import (
    CHANGES_FROM,
    JOIN,
    KINDS,
    LEAVE,
    REPLACE_KEY,
    Change,
    Roll,
    Terms,
    draw_changes,
)
from consensus.simulation.run import run
from consensus.simulation.scenario import Scenario
from consensus.simulation.signing import make_keys
from consensus.simulation.toy_ledger import ToyLedger
from tests.consensus.test_quiet import faultless

pytestmark = pytest.mark.simulation


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What honest hosts did."""
    counted: Counter[str] = Counter()
    commit, speak, caught_up, enter = (
        Host._commit,
        Host.speak,
        Host._caught_up,
        Host._enter_epoch,
    )

    def note_commit(
        host: Host,
        blocks: tuple[Block, ...],
        certificate: Certificate,
        closing: tuple[Header, ...] = (),
    ) -> None:
        counted["closed"] += bool(closing)
        commit(host, blocks, certificate, closing)

    def note_caught_up(host: Host, wanted: CatchUp) -> None:
        counted["caught up with a boundary"] += wanted.header.next_set_hash is not None
        caught_up(host, wanted)

    def note_enter(host: Host) -> None:
        was, key = host.replica.observing, host.identity.key
        enter(host)
        if host.honest:
            epoch = host.replica.config.epoch
            counted["epochs"] = max(counted["epochs"], epoch + 1)
            counted["key replaced"] += host.identity.key != key
            counted["in"] += was and not host.replica.observing
            counted["out"] += not was and host.replica.observing

    def note_speak(host: Host, peer: bytes, message: Message) -> None:
        counted["told the end"] += isinstance(message, EpochEnd)
        if isinstance(message, VoteMessage | Proposal) and host.votes_from and host.honest:
            counted["restored and voted"] += message.vote.signer == host.identity.key
        speak(host, peer, message)

    monkeypatch.setattr(Host, "_commit", note_commit)
    monkeypatch.setattr(Host, "_caught_up", note_caught_up)
    monkeypatch.setattr(Host, "_enter_epoch", note_enter)
    monkeypatch.setattr(Host, "speak", note_speak)
    return counted


def test_without_faults_members_come_and_go(seen: Counter[str]) -> None:
    for seed in range(4):
        scenario = replace(faultless(4), seed=seed, changes=4, epoch_ms=5_000, payments=30)
        assert run(scenario).violation is None
    assert seen["epochs"] >= 6
    assert seen["in"] and seen["out"] and seen["key replaced"]


def test_in_the_middle_of_faults_too(seen: Counter[str]) -> None:
    for seed in range(600, 640):
        scenario = replace(Scenario.from_seed(seed, 4), changes=4, epoch_ms=2_000)
        outcome = run(scenario)
        assert outcome.violation is None, f"seed {seed}: {outcome.violation}"
    assert seen["closed"], "F of a closing block finalized a boundary"
    assert seen["told the end"]
    assert seen["in"] and seen["out"] and seen["key replaced"]


def test_a_member_without_its_journal_votes_again_two_epochs_later(seen: Counter[str]) -> None:
    for seed in range(700, 712):
        scenario = replace(
            Scenario.from_seed(seed, 4), actors=(), set_back=True, restored=True, changes=2,
            epoch_ms=2_000, outage_ms=0, night_ms=0,
        )  # fmt: skip
        outcome = run(scenario)
        assert outcome.violation is None, f"seed {seed}: {outcome.violation}"
    assert seen["restored and voted"]


def test_whoever_was_away_for_epochs_comes_back_through_all_of_them(
    seen: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(world: object, hosts: dict[bytes, Host], scenario: Scenario, random: Random) -> None:
        behind = hosts[min(hosts)]
        behind.world.at(1_000, lambda: behind.shut_down(19_000))

    monkeypatch.setattr(simulation, "_plan_outage", plan)
    for seed in range(6):
        scenario = replace(faultless(4), seed=seed, payments=80, epoch_ms=5_000)
        assert run(scenario).violation is None, f"seed {seed}"
    assert seen["caught up with a boundary"]


def test_the_seeds_change_members_in_networks_of_every_size() -> None:
    for members in (1, 2, 3, 4, 5, 7, 10, 16):
        scenarios = [Scenario.from_seed(seed, members) for seed in range(60)]
        changed = [s for s in scenarios if s.changes or s.epoch_ms]
        assert len(changed) >= 30
        assert any(s.changes and s.epoch_ms and s.crash and s.partitions for s in scenarios)


# -- the toy ledger's own rules ------------------------------------------------------------------

FIRST_TERMS = ((0, True), (0, True), (0, True), (0, True), (0, False))


def roll_of(changes: tuple[Change, ...], epoch_ms: int = 0) -> Roll:
    signers, _ = make_keys(10, real=False)
    keys = list(signers)
    pairs = tuple(zip(keys[:5], keys[5:], strict=True))
    return Roll(pairs, signers, FIRST_TERMS, changes, epoch_ms, GENESIS_MS + 10_000)


def test_every_set_bears_its_bad_members() -> None:
    for seed in range(50):
        changes = draw_changes(Random(seed), FIRST_TERMS, 6, frozenset({1}), frozenset({2}))
        terms: Terms = FIRST_TERMS
        for change in changes:
            assert change.kind in KINDS
            assert change != Change(REPLACE_KEY, 2)
            terms = change.apply(terms)
            inside = [place for place, (_, is_in) in enumerate(terms) if is_in]
            assert 1 not in inside or len(inside) >= 4


def test_the_block_after_a_change_is_the_boundary_and_names_the_next_set() -> None:
    roll = roll_of((Change(LEAVE, 3), Change(JOIN, 4)))
    ledger = ToyLedger(NETWORK_ID, GENESIS_MS, roll)
    early = ledger.build(1, None, [CHANGES_FROM + 1], GENESIS_MS)
    assert early.header.transactions_count == 0, "changes apply in their order"
    block = ledger.build(1, None, [CHANGES_FROM, CHANGES_FROM + 1, 7], GENESIS_MS)
    assert block.header.transactions_count == 3
    assert block.header.next_set_hash is None
    assert ledger.execute(block)
    boundary = ledger.build(2, block.header, [8], GENESIS_MS)
    after = roll.members(((0, True), (0, True), (0, True), (0, False), (0, True)))
    assert boundary.header.next_set_hash == after.hash()
    assert not ledger.execute(Block(replace(boundary.header, next_set_hash=None), boundary.body))
    assert ledger.execute(boundary)
    closing = ledger.build(3, boundary.header, [9], GENESIS_MS, closing=True)
    assert (closing.header.height, closing.header.transactions_count) == (2, 0)
    assert ledger.execute(closing)
    first = ledger.build(1, boundary.header, [9], GENESIS_MS)
    assert (first.header.epoch, first.header.parent_view, first.header.height) == (1, 0, 3)
    assert first.header.next_set_hash is None
    assert ledger.execute(first)
    assert ledger.above(first.digest)[:2] == (1, ledger.above(boundary.digest)[1])


def test_an_epoch_ends_with_the_first_block_after_its_time() -> None:
    ledger = ToyLedger(NETWORK_ID, GENESIS_MS, roll_of((), 2_000))
    block = ledger.build(1, None, [1], GENESIS_MS + 1_999)
    assert block.header.next_set_hash is None
    assert ledger.execute(block)
    assert ledger.above(block.digest)[2] == GENESIS_MS + 2_000
    boundary = ledger.build(2, block.header, [2], GENESIS_MS + 2_000)
    assert boundary.header.next_set_hash is not None
    assert ledger.execute(boundary)
    assert ledger.above(boundary.digest)[2] == GENESIS_MS + 4_000
