"""A leader lets some time pass between two proposals; a lone payment waits for nothing."""

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
NEXT_LEADER = MEMBERS.leader(0, 2)
OTHERS = [key for key in KEYS if key not in (LEADER, NEXT_LEADER)]


def builds(effects: list[Effect]) -> list[Build]:
    return [effect for effect in effects if isinstance(effect, Build)]


def after_a_block() -> tuple[Replica, list[Effect]]:
    """The leader of view 2, with work, as the block of view 1 is notarized at once."""
    replica = replica_of(NEXT_LEADER)
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
    replica, _ = after_a_block()
    timing = Timing(delta_ms=80)
    replica.config = replace(replica.config, timing=timing)
    assert builds(replica.step(Tick(), NOW + timing.delta_ms // 8))
