"""Blocks that do not hold, certificates that can't both be, and answers to what was not asked."""

from dataclasses import replace

import pytest

from consensus.effects import Append, Build, Effect, Stop
from consensus.events import Built, CaughtUp, Event, Executed, Received, Tick, WorkChanged
from consensus.header import Block, Header
from consensus.journal_records import vote_record
from consensus.messages import CertificateMessage, Proposal
from consensus.replica import Replica
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY
from primitives.errors import InvariantBroken
from tests.consensus.test_healing import certificate_of
from tests.consensus.test_replica import (
    BLOCK,
    FOLLOWER,
    LEADER,
    NOW,
    SECOND,
    THIRD,
    hear,
    propose_to,
    replica_of,
    vote_by,
    votes_sent,
)

NOTARIZED = CertificateMessage(certificate_of(1, NOTARIZE, BLOCK.digest), BLOCK.header)
NULLIFIED = CertificateMessage(certificate_of(1, NULLIFY, NO_DIGEST))
FINAL = CertificateMessage(certificate_of(1, FINALIZE, BLOCK.digest), BLOCK.header)


def propose(replica: Replica, header: Header) -> list[Effect]:
    proposal = Proposal(Block(header, BLOCK.body), vote_by(LEADER, NOTARIZE, header.digest))
    return replica.step(Received(LEADER, proposal), NOW)


@pytest.mark.parametrize("certified_first", [True, False])
def test_a_certified_block_that_does_not_hold_stops_the_replica(certified_first: bool) -> None:
    """A bug here, or more than f others are faulty: it must not go on as if it had agreed."""
    replica = replica_of(FOLLOWER)
    propose(replica, BLOCK.header)
    events: list[Event] = [Received(SECOND, NOTARIZED), Executed(BLOCK.digest, False, "root")]
    effects: list[Effect] = []
    for event in events if certified_first else reversed(events):
        assert replica.stopped is None
        effects += replica.step(event, NOW)
    assert [effect for effect in effects if isinstance(effect, Stop)]
    assert (1, FINALIZE) not in votes_sent(effects)


@pytest.mark.parametrize("order", [(FINAL, NULLIFIED), (NULLIFIED, FINAL)])
def test_a_view_that_is_final_and_nullified_stops_the_replica(
    order: tuple[CertificateMessage, CertificateMessage],
) -> None:
    replica = replica_of(FOLLOWER)
    for message in order:
        assert replica.stopped is None
        replica.step(Received(SECOND, message), NOW)
    assert replica.stopped == "view 1 is both final and nullified"


def test_what_an_equivocating_leader_got_notarized_is_not_finalized() -> None:
    replica = replica_of(FOLLOWER)
    propose_to(replica)
    hear(replica, vote_by(LEADER, NOTARIZE, b"x" * 32))
    effects = hear(replica, *(vote_by(key, NOTARIZE, BLOCK.digest) for key in (SECOND, THIRD)))
    assert replica.view == 2, "it is notarized"
    assert (1, FINALIZE) not in votes_sent(effects)


@pytest.mark.parametrize(
    "header",
    [
        replace(BLOCK.header, height=2),
        replace(BLOCK.header, height=0),
        replace(BLOCK.header, time_ms=NOW - 1_000),
        replace(BLOCK.header, parent_digest=b"p" * 32),
        replace(BLOCK.header, parent_view=1),
    ],
    ids=["height above", "height below", "time of its parent", "another parent", "no older view"],
)
def test_a_header_that_does_not_fit_its_parent_is_voted_down(header: Header) -> None:
    replica = replica_of(FOLLOWER)
    effects = propose(replica, header)
    effects += replica.step(Executed(header.digest, True), NOW)
    assert votes_sent(effects) == [(1, NULLIFY)]


@pytest.mark.parametrize("pair", [(FINALIZE, NULLIFY), (NULLIFY, FINALIZE), (NOTARIZE, NOTARIZE)])
def test_no_forbidden_pair_is_signed_whatever_the_rules_ask_for(pair: tuple[int, int]) -> None:
    replica = replica_of(FOLLOWER)
    replica._vote(pair[0], 1, BLOCK)
    with pytest.raises(InvariantBroken, match="forbidden pair"):
        replica._vote(pair[1], 1, BLOCK)
    assert list(replica.own_votes[1]) == [pair[0]]


def test_a_finalize_that_is_alone_in_the_journal_is_not_followed_by_nullify() -> None:
    replica = replica_of(FOLLOWER, [vote_record(vote_by(FOLLOWER, FINALIZE, BLOCK.digest), None)])
    assert replica.view == 1
    effects = replica.step(WorkChanged(True), NOW)
    effects += hear(replica, *(vote_by(key, NULLIFY, NO_DIGEST) for key in (SECOND, THIRD)))
    effects += replica.step(Tick(), NOW + 60_000)
    assert set(votes_sent(effects)) <= {(1, FINALIZE)}


def test_what_was_built_before_a_twin_was_found_is_not_signed() -> None:
    replica = replica_of(LEADER)
    effects = replica.step(WorkChanged(True), NOW)
    assert [effect for effect in effects if isinstance(effect, Build)]
    hear(replica, vote_by(LEADER, FINALIZE, b"x" * 32, 5))
    assert replica.observing
    effects = replica.step(Built(1, BLOCK), NOW)
    assert votes_sent(effects) == []
    assert not [effect for effect in effects if isinstance(effect, Append)]


def test_caught_up_with_what_is_not_final_is_our_own_fault() -> None:
    for certificate in (NOTARIZED.certificate, certificate_of(1, FINALIZE, b"x" * 32)):
        with pytest.raises(InvariantBroken):
            replica_of(FOLLOWER).step(CaughtUp(BLOCK.header, certificate), NOW)
