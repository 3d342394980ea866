"""Single rules of the replica, without a network."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from consensus.certificates import Certificate
from consensus.config import Final, ReplicaConfig, Timing
from consensus.effects import (
    Append,
    Broadcast,
    Build,
    Commit,
    Effect,
    Evidence,
    Send,
    StopVoting,
    Sync,
)
from consensus.events import Built, Executed, Received, Started, Tick, WorkChanged
from consensus.header import Block, Header
from consensus.members import Member, MemberSet
from consensus.messages import CertificateMessage, FetchView, Proposal, VoteMessage
from consensus.replica import Replica
from consensus.simulation.signing import KeyedHashKey, verify_keyed_hash
from consensus.simulation.toy_ledger import ToyLedger, body_matches
from consensus.timers import Presence
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message

NETWORK = bytes(32)
KEYS = sorted(bytes([n]) * 32 for n in range(1, 5))
MEMBERS = MemberSet(tuple(Member(key, key, f"t{n}") for n, key in enumerate(KEYS)))
NOW = 1_000_000


def replica_of(key: bytes, records: Sequence[bytes] = (), *, observe: bool = False) -> Replica:
    config = ReplicaConfig(
        NETWORK, MEMBERS, key, KeyedHashKey(key), verify_keyed_hash, body_matches,
        Final.genesis(NETWORK, NOW - 1_000), observe_only=observe,
    )  # fmt: skip
    return Replica(config, records, NOW)


def vote_by(key: bytes, kind: int, digest: bytes, view: int = 1) -> Vote:
    message = vote_message(NETWORK, 0, view, kind, digest)
    return Vote(0, view, kind, digest, key, KeyedHashKey(key).sign(message))


LEADER = MEMBERS.leader(0, 1)
FOLLOWER, SECOND, THIRD = [key for key in KEYS if key != LEADER]
BLOCK = ToyLedger(NETWORK).build(1, None, [1, 2], NOW)


def votes_sent(effects: list[Effect]) -> list[tuple[int, int]]:
    messages = [e.message for e in effects if isinstance(e, Broadcast)]
    return [(m.vote.view, m.vote.kind) for m in messages if isinstance(m, VoteMessage | Proposal)]


def hear(replica: Replica, *votes: Vote) -> list[Effect]:
    effects: list[Effect] = []
    for vote in votes:
        effects += replica.step(Received(vote.signer, VoteMessage(vote)), NOW)
    return effects


def count_checks(replica: Replica) -> list[bytes]:
    """Whose signatures are checked from here on."""
    checked: list[bytes] = []

    def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
        checked.append(public_key)
        return verify_keyed_hash(public_key, message, signature)

    replica.config = replace(replica.config, verify=verify)
    return checked


def propose_to(replica: Replica) -> list[Effect]:
    vote = vote_by(LEADER, NOTARIZE, BLOCK.digest)
    effects = replica.step(Received(LEADER, Proposal(BLOCK, vote)), NOW)
    return effects + replica.step(Executed(BLOCK.digest, True), NOW)


def test_an_idle_replica_says_nothing_and_waits_for_the_heartbeat() -> None:
    replica = replica_of(FOLLOWER)
    assert replica.step(Started(), NOW) == []
    assert replica.next_deadline_ms == NOW - 1_000 + Timing().heartbeat_ms


def test_the_leader_builds_once_and_proposes_with_its_vote() -> None:
    replica = replica_of(LEADER)
    assert [e for e in replica.step(WorkChanged(True), NOW) if isinstance(e, Build)]
    assert not [e for e in replica.step(WorkChanged(True), NOW) if isinstance(e, Build)]
    effects = replica.step(Built(1, BLOCK), NOW)
    assert isinstance(effects[0], Append)
    assert isinstance(effects[1], Sync)
    assert isinstance(effects[2], Broadcast)
    assert effects[2].message == Proposal(BLOCK, vote_by(LEADER, NOTARIZE, BLOCK.digest))


def test_a_block_becomes_final() -> None:
    replica = replica_of(FOLLOWER)
    assert votes_sent(propose_to(replica)) == [(1, NOTARIZE)]
    effects = hear(replica, vote_by(SECOND, NOTARIZE, BLOCK.digest))
    assert votes_sent(effects) == [(1, FINALIZE)]
    effects = hear(
        replica, vote_by(SECOND, FINALIZE, BLOCK.digest), vote_by(THIRD, FINALIZE, BLOCK.digest)
    )
    commits = [e for e in effects if isinstance(e, Commit)]
    assert [c.blocks for c in commits] == [(BLOCK,)]
    order = [type(e) for e in effects]
    assert order.index(Append) < order.index(Sync) < order.index(Commit)


def test_no_vote_before_the_block_was_executed() -> None:
    replica = replica_of(FOLLOWER)
    vote = vote_by(LEADER, NOTARIZE, BLOCK.digest)
    assert votes_sent(replica.step(Received(LEADER, Proposal(BLOCK, vote)), NOW)) == []
    effects = replica.step(Executed(BLOCK.digest, False, "wrong root"), NOW)
    assert votes_sent(effects) == [(1, NULLIFY)]


def test_a_block_of_another_hour_is_not_voted_for() -> None:
    late = ToyLedger(NETWORK).build(1, None, [1], NOW + Timing().clock_drift_ms_max + 1)
    replica = replica_of(FOLLOWER)
    vote = vote_by(LEADER, NOTARIZE, late.digest)
    effects = replica.step(Received(LEADER, Proposal(late, vote)), NOW)
    assert votes_sent(effects) == [(1, NULLIFY)]


def test_a_body_that_the_header_does_not_name_is_dropped() -> None:
    replica = replica_of(FOLLOWER)
    vote = vote_by(LEADER, NOTARIZE, BLOCK.digest)
    replica.step(Received(LEADER, Proposal(Block(BLOCK.header, b"other"), vote)), NOW)
    assert BLOCK.digest not in replica.known.blocks


def test_a_certificate_with_the_header_of_another_view_is_not_taken() -> None:
    replica = replica_of(FOLLOWER)
    other = replace(BLOCK.header, view=2)
    signatures = {
        MEMBERS.index[key]: vote_by(key, FINALIZE, other.digest).signature
        for key in (LEADER, SECOND, THIRD)
    }
    certificate = Certificate.from_votes(0, 1, FINALIZE, other.digest, signatures, len(KEYS))
    assert replica.step(Received(SECOND, CertificateMessage(certificate, other)), NOW) == []
    assert replica.view == 1
    assert not replica.known.headers


def bent(**changed: Any) -> Proposal:
    header = replace(BLOCK.header, **changed)
    return Proposal(Block(header, BLOCK.body), vote_by(LEADER, NOTARIZE, header.digest))


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal(BLOCK, vote_by(SECOND, NOTARIZE, BLOCK.digest)),
        Proposal(BLOCK, vote_by(LEADER, FINALIZE, BLOCK.digest)),
        Proposal(BLOCK, vote_by(LEADER, NOTARIZE, b"x" * 32)),
        Proposal(BLOCK, vote_by(LEADER, NOTARIZE, BLOCK.digest, 5)),
        Proposal(BLOCK, replace(vote_by(LEADER, NOTARIZE, BLOCK.digest), signature=bytes(64))),
        bent(network_id=b"n" * 32),
        bent(epoch=1),
    ],
    ids=["not the leader", "kind", "digest", "view", "signature", "network", "epoch"],
)
def test_what_is_no_proposal_of_this_views_leader_is_not_held(proposal: Proposal) -> None:
    replica = replica_of(FOLLOWER)
    effects = replica.step(Received(LEADER, proposal), NOW)
    effects += replica.step(Executed(proposal.block.digest, True), NOW)
    assert not replica.proposals
    assert not replica.known.blocks
    assert votes_sent(effects) == []


def test_no_finalize_after_nullify_and_none_twice() -> None:
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    effects = replica.step(Tick(), NOW + 2 * Timing().delta_ms)
    assert set(votes_sent(effects)) == {(1, NULLIFY)}
    propose_to(replica)
    effects = hear(
        replica,
        vote_by(LEADER, NOTARIZE, BLOCK.digest),
        vote_by(SECOND, NOTARIZE, BLOCK.digest),
        vote_by(THIRD, NOTARIZE, BLOCK.digest),
    )
    assert replica.view == 2
    assert (1, FINALIZE) not in votes_sent(effects)


def test_f_plus_one_nullify_make_a_third_even_when_idle() -> None:
    replica = replica_of(FOLLOWER)
    effects = hear(replica, vote_by(SECOND, NULLIFY, NO_DIGEST), vote_by(THIRD, NULLIFY, NO_DIGEST))
    assert votes_sent(effects) == [(1, NULLIFY)]
    assert replica.view == 2


def test_a_duplicate_vote_counts_once() -> None:
    replica = replica_of(FOLLOWER)
    vote = vote_by(SECOND, NULLIFY, NO_DIGEST)
    hear(replica, vote, vote, vote, vote)
    assert replica.view == 1


def test_votes_for_different_blocks_are_not_counted_together() -> None:
    replica = replica_of(FOLLOWER)
    for number, key in enumerate((LEADER, SECOND, THIRD)):
        hear(replica, vote_by(key, NOTARIZE, bytes([number + 1]) * 32))
    assert replica.view == 1
    assert replica.known.certificates() == []


def test_a_forged_vote_counts_nothing() -> None:
    replica = replica_of(FOLLOWER)
    for key in (LEADER, SECOND, THIRD):
        forged = Vote(0, 1, NULLIFY, NO_DIGEST, key, bytes(64))
        replica.step(Received(SECOND, VoteMessage(forged)), NOW)
    assert replica.view == 1


def test_views_beyond_the_window_are_not_held() -> None:
    replica = replica_of(FOLLOWER)
    far = 1 + Timing().view_window + 1
    hear(replica, *(vote_by(key, NULLIFY, NO_DIGEST, far) for key in (LEADER, SECOND, THIRD)))
    assert replica.view == 1
    assert replica.tally.count(far, NULLIFY) == 0
    assert replica.presence.is_new(LEADER, far), "nor do they say that anybody is there"


def test_a_late_vote_that_is_said_again_costs_nothing_and_shows_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anybody could keep a member that is gone present for ever by its old votes."""
    replica = replica_of(FOLLOWER)
    propose_to(replica)
    for kind in (NOTARIZE, FINALIZE):
        hear(replica, *(vote_by(key, kind, BLOCK.digest) for key in (LEADER, SECOND)))
    checked = count_checks(replica)
    heard: list[bytes] = []
    hears = Presence.heard

    def note(presence: Presence, member: bytes, view: int, now_ms: int) -> None:
        heard.append(member)
        hears(presence, member, view, now_ms)

    monkeypatch.setattr(Presence, "heard", note)
    late, due_ms = vote_by(THIRD, NOTARIZE, BLOCK.digest), replica.next_deadline_ms
    for _ in range(5):
        assert hear(replica, late, vote_by(LEADER, FINALIZE, BLOCK.digest)) == []
    assert (heard, checked) == ([THIRD], [THIRD])
    assert replica.next_deadline_ms == due_ms, "nor does it wake anybody"


def test_who_was_caught_in_a_view_costs_no_more_checks_in_it() -> None:
    replica = replica_of(FOLLOWER)
    effects = hear(replica, *(vote_by(SECOND, NOTARIZE, digest * 32) for digest in (b"a", b"b")))
    assert [effect for effect in effects if isinstance(effect, Evidence)]
    checked = count_checks(replica)
    effects = hear(replica, *(vote_by(SECOND, NOTARIZE, bytes([n]) * 32) for n in range(1, 99)))
    assert (effects, checked) == ([], [])


def test_a_vote_that_comes_too_late_counts_for_nothing_but_its_member_is_there() -> None:
    replica = replica_of(FOLLOWER)
    propose_to(replica)
    for kind in (NOTARIZE, FINALIZE):
        hear(replica, *(vote_by(key, kind, BLOCK.digest) for key in (LEADER, SECOND)))
    assert replica.known.floor.view == 1
    assert replica.presence.is_new(THIRD, 1)
    hear(replica, Vote(0, 1, NOTARIZE, BLOCK.digest, THIRD, bytes(64)))
    assert replica.presence.is_new(THIRD, 1), "a forged one says nothing"
    hear(replica, vote_by(THIRD, NOTARIZE, BLOCK.digest))
    assert not replica.presence.is_new(THIRD, 1), "once for each view"
    assert replica.presence.is_new(THIRD, 2)
    assert replica.tally.voters(1) == set()


def test_a_restart_remembers_and_sends_again_what_it_promised() -> None:
    replica = replica_of(FOLLOWER)
    effects = propose_to(replica)
    records = [e.record for e in effects if isinstance(e, Append)]
    again = replica_of(FOLLOWER, records)
    assert votes_sent(again.step(Started(), NOW)) == [(1, NOTARIZE)]
    assert again.own_votes[1][NOTARIZE].digest == BLOCK.digest
    assert BLOCK.digest in again.known.blocks


def test_a_twin_makes_it_stop_voting() -> None:
    replica = replica_of(FOLLOWER)
    effects = hear(replica, vote_by(FOLLOWER, NULLIFY, NO_DIGEST))
    assert [e for e in effects if isinstance(e, StopVoting)]
    assert votes_sent(propose_to(replica)) == []


def test_an_observer_follows_and_never_votes() -> None:
    replica = replica_of(FOLLOWER, observe=True)
    effects = propose_to(replica)
    for kind in (NOTARIZE, FINALIZE):
        effects += hear(replica, *(vote_by(k, kind, BLOCK.digest) for k in (LEADER, SECOND, THIRD)))
    assert votes_sent(effects) == []
    assert [e for e in effects if isinstance(e, Commit)]


def test_it_asks_for_exactly_what_is_missing() -> None:
    replica = replica_of(FOLLOWER)
    leader = MEMBERS.leader(0, 3)
    hear(replica, *(vote_by(k, NULLIFY, NO_DIGEST, 2) for k in KEYS if k != FOLLOWER))
    assert replica.view == 3
    block = ToyLedger(NETWORK).build(3, None, [1], NOW)
    vote = vote_by(leader, NOTARIZE, block.digest, 3)
    effects = replica.step(Received(leader, Proposal(block, vote)), NOW)
    assert Send(leader, FetchView(0, 1, NULLIFY)) in effects
    effects += replica.step(Executed(block.digest, True), NOW)
    assert not [vote for vote in votes_sent(effects) if vote[0] == 3], "view 1 may hold a block"
    effects = hear(replica, *(vote_by(k, NULLIFY, NO_DIGEST, 1) for k in KEYS if k != FOLLOWER))
    effects += replica.step(Executed(block.digest, True), NOW)
    assert (3, NOTARIZE) in votes_sent(effects)


def test_a_pruned_view_is_answered_with_the_floor() -> None:
    replica = replica_of(FOLLOWER)
    propose_to(replica)
    for kind in (NOTARIZE, FINALIZE):
        hear(replica, *(vote_by(k, kind, BLOCK.digest) for k in (LEADER, SECOND, THIRD)))
    effects = replica.step(Received(SECOND, FetchView(0, 1, NOTARIZE)), NOW)
    answers = [e.message for e in effects if isinstance(e, Send) and e.peer_key == SECOND]
    assert answers and isinstance(answers[0], CertificateMessage)
    assert (answers[0].certificate.view, answers[0].certificate.kind) == (1, FINALIZE)


def test_empty_blocks_do_not_follow_each_other_for_ever() -> None:
    header = Header(
        NETWORK, 0, 1, 0, BLOCK.header.parent_digest, 1, NOW, 1, b"t" * 32, 0, b"s" * 32
    )
    replica = replica_of(FOLLOWER)
    assert not replica._is_worth_a_block(header)
    assert replica._is_worth_a_block(BLOCK.header)
