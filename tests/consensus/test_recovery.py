"""What a replica finds in its journal, and when it must not vote any more."""

from dataclasses import replace

import pytest

from consensus.config import Final, ReplicaConfig
from consensus.effects import Append, Broadcast, Commit, Effect, Prune, StopVoting, Sync
from consensus.events import Built, Executed, Received, Started, WorkChanged
from consensus.header import Block
from consensus.journal_records import FOREVER, certificate_record, recover, silence_record
from consensus.messages import BlockResponse, CertificateMessage, Proposal
from consensus.replica import Replica
from consensus.simulation.signing import KeyedHashKey, verify_keyed_hash
from consensus.simulation.toy_ledger import body_matches
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY
from primitives.errors import InvariantBroken
from tests.consensus.test_healing import certificate_of
from tests.consensus.test_replica import (
    BLOCK,
    FOLLOWER,
    LEADER,
    MEMBERS,
    NETWORK,
    NOW,
    SECOND,
    THIRD,
    hear,
    propose_to,
    replica_of,
    vote_by,
    votes_sent,
)

FINAL = certificate_of(1, FINALIZE, BLOCK.digest)


def replica_above_block(records: list[bytes]) -> Replica:
    """A replica whose chain ends with `BLOCK`."""
    config = ReplicaConfig(
        NETWORK, MEMBERS, FOLLOWER, KeyedHashKey(FOLLOWER), verify_keyed_hash, body_matches,
        Final.of(BLOCK.header, FINAL),
    )  # fmt: skip
    return Replica(config, records, NOW)


def appended(effects: list[Effect]) -> list[bytes]:
    return [e.record for e in effects if isinstance(e, Append)]


def test_the_view_after_a_restart_is_the_highest_that_was_voted_in_or_certified() -> None:
    replica = replica_of(FOLLOWER)
    records = appended(propose_to(replica))
    assert replica_of(FOLLOWER, records).view == 1
    records.append(certificate_record(certificate_of(1, NULLIFY, NO_DIGEST), None))
    assert replica_of(FOLLOWER, records).view == 2


def test_own_votes_count_again_after_a_restart() -> None:
    replica = replica_of(FOLLOWER)
    records = appended(propose_to(replica))
    again = replica_of(FOLLOWER, records)
    hear(again, vote_by(LEADER, NOTARIZE, BLOCK.digest))
    others = [k for k in MEMBERS.index if k not in (FOLLOWER, LEADER)]
    hear(again, vote_by(others[0], NOTARIZE, BLOCK.digest))
    assert again.view == 2


def test_a_restarted_leader_proposes_the_same_block_again() -> None:
    replica = replica_of(LEADER)
    replica.step(WorkChanged(True), NOW)
    records = appended(replica.step(Built(1, BLOCK), NOW))
    again = replica_of(LEADER, records)
    effects = again.step(Started(), NOW) + again.step(WorkChanged(True), NOW)
    told = [e.message for e in effects if isinstance(e, Broadcast)]
    assert [m.block for m in told if isinstance(m, Proposal)] == [BLOCK]


def test_a_journal_that_ends_below_the_chain_silences_for_good() -> None:
    replica = replica_above_block([])
    effects = replica.step(Started(), NOW)
    assert [e for e in effects if isinstance(e, StopVoting)]
    records = appended(effects)
    assert Append(records[0], FOREVER) in effects and Sync() in effects
    records.append(certificate_record(FINAL, BLOCK.header))
    again = replica_above_block(records)
    assert again.observing, "a newer F in the journal must not make it forget"
    assert [e for e in again.step(Started(), NOW) if isinstance(e, StopVoting)]


def test_a_journal_that_was_pruned_as_told_is_whole() -> None:
    replica = replica_of(FOLLOWER)
    effects = propose_to(replica)
    for kind in (NOTARIZE, FINALIZE):
        for key in (LEADER, SECOND, THIRD):
            effects += hear(replica, vote_by(key, kind, BLOCK.digest))
    floors = [effect.floor_position for effect in effects if isinstance(effect, Prune)]
    written = [effect for effect in effects if isinstance(effect, Append)]
    left = [effect.record for effect in written if effect.position > max(floors)]
    assert not replica_above_block(left).observing


def test_a_whole_journal_votes_on() -> None:
    replica = replica_above_block([certificate_record(FINAL, BLOCK.header)])
    assert not replica.observing
    assert replica.view == 2


def test_a_twin_is_remembered() -> None:
    replica = replica_of(FOLLOWER)
    effects = hear(replica, vote_by(FOLLOWER, NULLIFY, NO_DIGEST))
    again = replica_of(FOLLOWER, appended(effects))
    assert again.observing
    assert votes_sent(propose_to(again)) == []


def test_a_certificate_with_an_own_signature_that_was_never_given_is_a_twin() -> None:
    replica = replica_of(LEADER)
    message = CertificateMessage(certificate_of(1, NULLIFY, NO_DIGEST))
    effects = replica.step(Received(FOLLOWER, message), NOW)
    assert [e for e in effects if isinstance(e, StopVoting)]


def test_below_a_final_block_nothing_is_finalized() -> None:
    # A chain that is made again stands at the genesis, and the journal holds no vote of view 1 any
    # more: it may have been NULLIFY.
    replica = replica_of(
        FOLLOWER, [certificate_record(certificate_of(5, FINALIZE, b"5" * 32), None)]
    )
    notarized = CertificateMessage(certificate_of(1, NOTARIZE, BLOCK.digest), BLOCK.header)
    effects = replica.step(Received(LEADER, notarized), NOW)
    effects += replica.step(Received(LEADER, BlockResponse(BLOCK)), NOW)
    effects += replica.step(Executed(BLOCK.digest, True), NOW)
    assert votes_sent(effects) == []


def test_a_final_block_beside_the_chain_stops_it() -> None:
    replica = replica_above_block([certificate_record(FINAL, BLOCK.header)])
    beside = Block(replace(BLOCK.header, view=3, parent_view=1, height=2), BLOCK.body)
    final = CertificateMessage(certificate_of(3, FINALIZE, beside.digest), beside.header)
    replica.step(Received(LEADER, final), NOW)
    assert replica.stopped is None
    effects = replica.step(Received(LEADER, BlockResponse(beside)), NOW)
    assert replica.stopped == "a final block does not descend from the chain"
    assert not [effect for effect in effects if isinstance(effect, Commit)]


def test_an_old_own_vote_is_dropped_unread() -> None:
    replica = replica_above_block([certificate_record(FINAL, BLOCK.header)])
    effects = hear(replica, vote_by(FOLLOWER, NULLIFY, NO_DIGEST, 1))
    assert not [e for e in effects if isinstance(e, StopVoting)]


def test_a_block_that_was_not_asked_for_is_our_own_fault() -> None:
    replica = replica_of(LEADER)
    replica.step(WorkChanged(True), NOW)
    wrong = Block(replace(BLOCK.header, height=7), BLOCK.body)
    with pytest.raises(InvariantBroken):
        replica.step(Built(1, wrong), NOW)


def test_records_come_back() -> None:
    found = recover([silence_record(LEADER, "lost"), certificate_record(FINAL, BLOCK.header)])
    assert found.silenced == {LEADER: "lost"}
    assert found.floor_position == 1
