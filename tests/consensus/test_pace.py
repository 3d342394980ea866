"""A leader lets some time pass between two proposals, and more of it the more there is to do; a
lone payment waits for nothing."""

from dataclasses import replace

from consensus.config import Timing
from consensus.effects import Build, Effect
from consensus.events import Executed, Received, Tick, WorkChanged
from consensus.messages import Proposal
from consensus.replica import Replica
from consensus.simulation.toy_ledger import ToyLedger
from consensus.votes import NOTARIZE
from tests.consensus.test_replica import (
    BLOCK,
    KEYS,
    LEADER,
    MEMBERS,
    NETWORK,
    NOW,
    hear,
    replica_of,
    vote_by,
)

PACE_MS = Timing().pace_ms
HALF_DELTA_MS = Timing().delta_ms // 2
NEXT_LEADER = MEMBERS.leader(0, 2)
OTHERS = [key for key in KEYS if key not in (LEADER, NEXT_LEADER)]


def builds(effects: list[Effect]) -> list[Build]:
    return [effect for effect in effects if isinstance(effect, Build)]


def after_a_block(timing: Timing | None = None) -> tuple[Replica, list[Effect]]:
    """The leader of view 2, with work, as the block of view 1 is notarized at once."""
    replica = replica_of(NEXT_LEADER)
    replica.config = replace(replica.config, timing=timing or Timing())
    effects = replica.step(WorkChanged(True), NOW)
    vote = vote_by(LEADER, NOTARIZE, BLOCK.digest)
    effects += replica.step(Received(LEADER, Proposal(BLOCK, vote)), NOW)
    effects += replica.step(Executed(BLOCK.digest, True), NOW)
    effects += hear(replica, *(vote_by(key, NOTARIZE, BLOCK.digest) for key in OTHERS))
    assert replica.view == 2
    return replica, effects


def test_the_next_leader_waits_until_the_block_before_is_old_enough() -> None:
    replica, effects = after_a_block()
    assert not builds(effects)
    assert replica.next_deadline_ms == NOW + PACE_MS
    assert not builds(replica.step(Tick(), NOW + PACE_MS - 1))
    (build,) = builds(replica.step(Tick(), NOW + PACE_MS))
    assert build.view == 2 and build.parent == BLOCK.header


def test_who_sends_proposals_of_later_views_holds_nobody_up() -> None:
    replica, _ = after_a_block()
    liar = LEADER
    later = [view for view in range(3, 40) if MEMBERS.leader(0, view) == liar]
    for number, view in enumerate(later[:8]):
        block = ToyLedger(NETWORK).build(view, None, [view], NOW + number)
        vote = vote_by(liar, NOTARIZE, block.digest, view)
        at_ms = NOW + PACE_MS - 1 - number
        assert not builds(replica.step(Received(liar, Proposal(block, vote)), at_ms))
        assert view in replica.proposals
    assert builds(replica.step(Tick(), NOW + PACE_MS))


def test_work_that_comes_later_waits_for_nothing() -> None:
    replica, _ = after_a_block()
    replica.step(WorkChanged(False), NOW)
    assert builds(replica.step(WorkChanged(True), NOW + PACE_MS))


def test_the_first_proposal_waits_for_nothing() -> None:
    assert builds(replica_of(LEADER).step(WorkChanged(True), NOW))


def test_where_rounds_are_short_so_is_the_pace() -> None:
    timing = Timing(delta_ms=80)
    replica, _ = after_a_block(timing)
    assert builds(replica.step(Tick(), NOW + timing.delta_ms // 8))


def test_a_full_block_stands_alone_for_longer_and_never_longer_than_half_of_delta() -> None:
    for each_ms, more_ms in ((10, 10 * BLOCK.header.transactions_count), (1_000, HALF_DELTA_MS)):
        timing = Timing(pace_microseconds_per_transaction=each_ms * 1_000)
        pace_ms = min(PACE_MS + more_ms, HALF_DELTA_MS)
        replica, effects = after_a_block(timing)
        assert not builds(effects)
        assert replica.next_deadline_ms == NOW + pace_ms
        assert not builds(replica.step(Tick(), NOW + pace_ms - 1))
        assert builds(replica.step(Tick(), NOW + pace_ms))


def test_who_is_behind_with_what_comes_waits_until_it_is_not() -> None:
    replica, _ = after_a_block()
    replica.step(WorkChanged(True, is_behind=True), NOW)
    assert replica.next_deadline_ms == NOW + HALF_DELTA_MS
    assert not builds(replica.step(Tick(), NOW + HALF_DELTA_MS - 1))
    assert builds(replica.step(WorkChanged(True), NOW + HALF_DELTA_MS - 1))


def test_who_stays_behind_waits_for_half_of_delta() -> None:
    replica, _ = after_a_block()
    replica.step(WorkChanged(True, is_behind=True), NOW)
    assert builds(replica.step(Tick(), NOW + HALF_DELTA_MS))
