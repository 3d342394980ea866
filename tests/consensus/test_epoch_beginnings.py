"""How the next epoch begins, and what its replica makes of a journal that holds several."""

from dataclasses import replace

import pytest

from consensus.config import Final, Timing
from consensus.effects import Append, Broadcast, Build, Commit, Effect, Prune, StopVoting
from consensus.events import Built, Executed, Received, Started, Tick, WorkChanged
from consensus.header import Block
from consensus.journal_records import (
    certificate_record,
    position,
    recover,
    silence_record,
    vote_record,
)
from consensus.messages import CertificateMessage, EpochEnd, FetchView, Proposal, VoteMessage
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY
from tests.consensus.test_epochs import (
    BOUNDARY,
    CLOSING,
    FIRST,
    NEW_KEY,
    NEXT,
    certificate_of,
    propose,
    second_epoch,
    tell,
    vote_of,
)
from tests.consensus.test_replica import BLOCK, FOLLOWER, KEYS, NOW, votes_sent

# -- the beginning -------------------------------------------------------------------------------


def test_the_first_block_of_an_epoch_stands_on_the_boundary_as_its_view_0() -> None:
    leader = NEXT.leader(1, 1)
    replica = second_epoch(leader)
    effects = replica.step(WorkChanged(True), NOW)
    assert Build(1, BOUNDARY.header) in effects
    effects = replica.step(Built(1, FIRST), NOW)
    proposals = [e.message for e in effects if isinstance(e, Broadcast)]
    assert proposals == [Proposal(FIRST, vote_of(leader, NOTARIZE, FIRST, 1, 1))]


def test_it_becomes_final_and_the_journal_tells_epochs_apart() -> None:
    replica = second_epoch()
    effects = propose(replica, FIRST, 1)
    records = [e for e in effects if isinstance(e, Append)]
    assert [record.position for record in records] == [position(1, 1)] > [position(0, 9_999)]
    final = certificate_of(FINALIZE, FIRST, 1, NEXT, 1)
    effects = tell(replica, CertificateMessage(final, FIRST.header))
    assert Commit((FIRST,), final) in effects
    assert Prune(position(1, 1) - 1) in effects
    assert not replica.ended


def test_results_of_the_boundary_are_work_and_the_end_that_is_due_too() -> None:
    assert second_epoch().has_duty(), "the boundary's transactions stand in no final header yet"
    header = replace(BOUNDARY.header, transactions_count=0)
    record = certificate_record(certificate_of(FINALIZE, BOUNDARY, 1), BOUNDARY.header)
    assert not second_epoch(floor=Final.boundary(header), records=[record]).has_duty()
    due = second_epoch(floor=Final.boundary(header), records=[record], ends_ms=NOW + 7_000)
    assert due.next_deadline_ms == NOW + 7_000
    due.step(Tick(), NOW + 7_000)
    assert due.has_duty()


def test_what_is_of_another_epoch_is_dropped() -> None:
    replica = second_epoch()
    leader = NEXT.leader(1, 1)
    others = [key for key in NEXT.index if key != FOLLOWER]
    effects: list[Effect] = []
    for key in others:
        effects += tell(replica, VoteMessage(vote_of(key, NULLIFY, None, 1, epoch=0)))
        effects += tell(replica, VoteMessage(vote_of(key, NULLIFY, None, 1, epoch=2)))
    for epoch in (0, 2):
        certificate = certificate_of(NULLIFY, None, 1, NEXT, epoch)
        effects += tell(replica, CertificateMessage(certificate))
        block = Block(replace(FIRST.header, epoch=epoch), FIRST.body)
        vote = vote_of(leader, NOTARIZE, block, 1, epoch)
        effects += replica.step(Received(leader, Proposal(block, vote)), NOW)
        labelled = vote_of(leader, NOTARIZE, block, 1, 1)
        effects += replica.step(Received(leader, Proposal(block, labelled)), NOW)
    effects += tell(replica, FetchView(0, 1, 0))
    effects += tell(replica, EpochEnd(certificate_of(FINALIZE, BOUNDARY, 1), (BOUNDARY.header,)))
    assert effects == []
    assert (replica.view, replica.known.certificates()) == (1, [])


def test_a_removed_member_counts_no_more_and_a_new_one_does() -> None:
    replica = second_epoch()
    for key in (KEYS[3], KEYS[1], KEYS[0]):
        if key != FOLLOWER:
            tell(replica, VoteMessage(vote_of(key, NULLIFY, None, 1, 1)))
    assert replica.tally.voters(1).isdisjoint({KEYS[3]})
    before = replica.tally.count(1, NULLIFY)
    tell(replica, VoteMessage(vote_of(NEW_KEY, NULLIFY, None, 1, 1)))
    assert NEW_KEY in replica.tally.voters(1) or replica.view == 2
    assert replica.view == 2 or replica.tally.count(1, NULLIFY) == before + 1


def test_a_member_that_was_removed_follows_and_signs_nothing() -> None:
    replica = second_epoch(KEYS[3])
    assert replica.observing
    effects = replica.step(Started(), NOW) + propose(replica, FIRST, 1)
    final = certificate_of(FINALIZE, FIRST, 1, NEXT, 1)
    effects += tell(replica, CertificateMessage(final, FIRST.header))
    effects += replica.step(Executed(FIRST.digest, True), NOW)
    assert votes_sent(effects) == []
    assert [e for e in effects if isinstance(e, Commit)]
    assert not [e for e in effects if isinstance(e, StopVoting)]


def test_whoever_signs_nothing_and_knows_nothing_asks_while_there_is_work() -> None:
    replica = second_epoch(KEYS[3])
    effects = replica.step(WorkChanged(True), NOW)
    assert not effects
    effects = replica.step(Tick(), NOW + Timing().retry_ms)
    assert effects == [Broadcast(FetchView(1, 1, 0))]


# -- the journal ---------------------------------------------------------------------------------

FINAL_RECORD = certificate_record(certificate_of(FINALIZE, BOUNDARY, 1), BOUNDARY.header)


def test_a_replica_reads_its_own_epoch_and_forgets_nothing_of_it() -> None:
    old = vote_record(vote_of(FOLLOWER, NULLIFY, None, 40), None)
    own = vote_record(vote_of(FOLLOWER, NOTARIZE, FIRST, 1, 1), FIRST)
    later = certificate_record(certificate_of(NULLIFY, None, 9, epoch=2), None)
    replica = second_epoch(records=[old, FINAL_RECORD, own])
    assert replica.view == 1
    assert replica.own_votes[1][NOTARIZE].digest == FIRST.digest
    assert FIRST.digest in replica.known.blocks
    assert not replica.observing
    # The store was made again from the genesis on, and the journal knows of a later epoch.
    again = second_epoch(records=[old, FINAL_RECORD, own, later])
    assert again.own_votes[1][NOTARIZE].digest == FIRST.digest
    assert again.observing
    assert not [e for e in again.step(Started(), NOW) if isinstance(e, StopVoting)]


@pytest.mark.parametrize("closing", [False, True])
def test_an_epoch_begins_with_the_end_of_the_one_before_in_the_journal(closing: bool) -> None:
    block = CLOSING if closing else BOUNDARY
    certificate = certificate_of(FINALIZE, block, block.header.view)
    assert not second_epoch(records=[certificate_record(certificate, block.header)]).observing


def test_a_journal_that_ends_below_the_boundary_silences_for_good() -> None:
    below = certificate_record(certificate_of(FINALIZE, BLOCK, 40, epoch=0), None)
    replica = second_epoch(
        records=[below], floor=Final.of(FIRST.header, certificate_of(FINALIZE, FIRST, 1, NEXT, 1))
    )
    effects = replica.step(Started(), NOW)
    assert [e for e in effects if isinstance(e, StopVoting)]
    assert recover(replica.handed_on).silenced.keys() == {FOLLOWER}
    assert second_epoch(records=[FINAL_RECORD, *replica.handed_on]).observing


def test_silence_is_of_a_key() -> None:
    others = silence_record(KEYS[3], "a twin")
    assert not second_epoch(records=[FINAL_RECORD, others]).observing
    own = silence_record(FOLLOWER, "a twin")
    assert second_epoch(records=[FINAL_RECORD, own]).observing


def test_votes_of_a_key_that_was_replaced_are_not_sent_again_as_own_ones() -> None:
    replaced = vote_record(vote_of(KEYS[1], NOTARIZE, FIRST, 1, 1), FIRST)
    replica = second_epoch(NEW_KEY, records=[FINAL_RECORD, replaced])
    assert replica.own_votes == {}
    assert votes_sent(replica.step(Started(), NOW)) == []


def test_a_restored_validator_signs_nothing_before_its_epoch() -> None:
    replica = second_epoch(records=[], observe_until=3)
    effects = replica.step(Started(), NOW) + propose(replica, FIRST, 1)
    earlier = vote_of(FOLLOWER, NULLIFY, None, 1, 1)
    effects += tell(replica, VoteMessage(earlier))
    assert votes_sent(effects) == []
    assert not [e for e in effects if isinstance(e, StopVoting)], "its own votes are no twin's"
    assert not second_epoch(observe_until=1).observing


def test_a_twin_in_the_epoch_from_which_it_votes_again_silences_it() -> None:
    replica = second_epoch(observe_until=1)
    effects = tell(replica, VoteMessage(vote_of(FOLLOWER, NULLIFY, None, 1, 1)))
    assert [e for e in effects if isinstance(e, StopVoting)]
