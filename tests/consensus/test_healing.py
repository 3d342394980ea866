"""What makes views heal, and that none of it can be used to make a member work or hold too much."""

import pytest

from consensus.answering import (
    BLOCK_BYTES_PER_WINDOW_MAX,
    CERTIFICATES_PER_WINDOW_MAX,
    PEERS_MAX,
)
from consensus.certificates import Certificate
from consensus.config import Final, Timing
from consensus.dissemination import STANDING_BYTES_MAX
from consensus.effects import Broadcast, CatchUp, Effect, Send
from consensus.events import CaughtUp, PeerConnected, Received, Started, Tick, WorkChanged
from consensus.fetching import FETCHES_MAX
from consensus.header import Block, Header
from consensus.journal_records import certificate_record, vote_record
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
    encode_message,
)
from consensus.replica import Replica
from consensus.simulation.toy_ledger import ToyLedger
from consensus.timers import Presence
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY
from tests.consensus.test_replica import (
    BLOCK,
    FOLLOWER,
    KEYS,
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

TIMING = Timing()


def certificate_of(view: int, kind: int, digest: bytes) -> Certificate:
    signers = [key for key in KEYS if key != FOLLOWER]
    signatures = {KEYS.index(k): vote_by(k, kind, digest, view).signature for k in signers}
    return Certificate.from_votes(0, view, kind, digest, signatures, len(KEYS))


def sent_to(effects: list[Effect], peer: bytes) -> list[Message]:
    return [e.message for e in effects if isinstance(e, Send) and e.peer_key == peer]


def skip_to(replica: Replica, view: int) -> None:
    for skipped in range(replica.view, view):
        message = CertificateMessage(certificate_of(skipped, NULLIFY, NO_DIGEST))
        replica.step(Received(SECOND, message), NOW)
    assert replica.view == view


def block_at(view: int, height: int = 1, body: bytes = b"body") -> Block:
    roots = (b"r" * 32, 1, b"s" * 32)
    header = Header(NETWORK, 0, view, view - 1, b"p" * 32, height, NOW + view, 1, *roots)
    return Block(header, body)


def test_own_votes_are_told_first_however_many_certificates_there_are() -> None:
    replica = replica_of(FOLLOWER)
    skip_to(replica, 1_200)
    replica.step(WorkChanged(True), NOW)
    replica.step(Tick(), NOW + 2 * TIMING.delta_max_ms)
    effects = replica.step(Started(), NOW + 2 * TIMING.delta_max_ms + 1)
    told = [e.message for e in effects if isinstance(e, Broadcast)]
    votes = [m.vote for m in told if isinstance(m, VoteMessage)]
    assert (votes[-1].view, votes[-1].kind) == (1_200, NULLIFY)
    newest = [m.certificate.view for m in told if isinstance(m, CertificateMessage)]
    assert newest[0] == 1_199
    assert sum(len(encode_message(message)) for message in told) <= STANDING_BYTES_MAX


def test_what_is_told_again_begins_with_the_newest_views() -> None:
    """Own votes of long ago must not crowd out the certificates that move the others on."""
    records: list[bytes] = []
    for view in range(1, 1_201):
        records.append(vote_record(vote_by(FOLLOWER, NULLIFY, NO_DIGEST, view), None))
        records.append(certificate_record(certificate_of(view, NULLIFY, NO_DIGEST), None))
    effects = replica_of(FOLLOWER, records).step(Started(), NOW)
    told: list[int] = []
    for effect in effects:
        if isinstance(effect, Broadcast) and isinstance(effect.message, VoteMessage):
            told.append(effect.message.vote.view)
        elif isinstance(effect, Broadcast) and isinstance(effect.message, CertificateMessage):
            told.append(effect.message.certificate.view)
    assert told[:4] == [1_200, 1_200, 1_199, 1_199]
    assert told == sorted(told, reverse=True)


def test_a_new_connection_is_told_at_once_and_again_not_too_often() -> None:
    replica = replica_of(FOLLOWER)
    skip_to(replica, 3)
    greeting = sent_to(replica.step(PeerConnected(THIRD), NOW), THIRD)
    assert [m.certificate.view for m in greeting if isinstance(m, CertificateMessage)] == [2, 1]
    assert sent_to(replica.step(PeerConnected(THIRD), NOW + 1), THIRD) == []
    later = NOW + TIMING.retry_ms
    assert replica.next_deadline_ms is not None and replica.next_deadline_ms <= later
    assert len(sent_to(replica.step(Tick(), later), THIRD)) == 2


def test_a_certificate_is_passed_on_to_some_at_once_and_to_the_others_after_a_while() -> None:
    replica = replica_of(FOLLOWER)
    message = CertificateMessage(certificate_of(1, NULLIFY, NO_DIGEST))
    at_once = replica.step(Received(SECOND, message), NOW)
    first = {e.peer_key for e in at_once if isinstance(e, Send)}
    assert MEMBERS.leader(0, 2) in first | {FOLLOWER}
    later = replica.step(Tick(), NOW + TIMING.delta_ms // 2)
    rest = {e.peer_key for e in later if isinstance(e, Send)}
    assert first | rest | {SECOND} == set(KEYS) - {FOLLOWER}
    assert not first & rest


def test_a_block_is_asked_of_one_holder_at_a_time() -> None:
    replica = replica_of(FOLLOWER)
    hear(replica, *(vote_by(key, NOTARIZE, BLOCK.digest) for key in (LEADER, SECOND, THIRD)))
    asked: list[bytes] = []
    now = NOW
    for _ in range(3):
        now += TIMING.delta_ms
        effects = replica.step(Tick(), now)
        peers = [
            e.peer_key
            for e in effects
            if isinstance(e, Send) and e.message == FetchBlock(BLOCK.digest)
        ]
        assert len(peers) == 1
        asked += peers
    assert sorted(asked) == sorted((LEADER, SECOND, THIRD))
    replica.step(Received(asked[-1], BlockResponse(BLOCK)), now)
    assert BLOCK.digest in replica.known.blocks


def test_a_block_that_nobody_asked_for_is_not_held() -> None:
    replica = replica_of(FOLLOWER)
    replica.step(Received(SECOND, BlockResponse(BLOCK)), NOW)
    assert not replica.known.blocks


def test_an_answer_has_a_budget() -> None:
    replica = replica_of(FOLLOWER)
    propose_to(replica)
    asked = [replica.step(Received(SECOND, FetchBlock(BLOCK.digest)), NOW + i) for i in range(50)]
    assert sum(len(sent_to(effects, SECOND)) for effects in asked) == 1
    assert sent_to(replica.step(Received(THIRD, FetchBlock(BLOCK.digest)), NOW), THIRD)
    again = replica.step(Received(SECOND, FetchBlock(BLOCK.digest)), NOW + TIMING.retry_ms)
    assert sent_to(again, SECOND) == [BlockResponse(BLOCK)]
    skip_to(replica, 2)
    asked = [replica.step(Received(LEADER, FetchView(0, 1, NULLIFY)), NOW) for _ in range(600)]
    answers = [m for effects in asked for m in sent_to(effects, LEADER)]
    assert len(answers) == CERTIFICATES_PER_WINDOW_MAX


def test_the_budgets_of_those_who_ask_do_not_pile_up() -> None:
    replica = replica_of(FOLLOWER)
    skip_to(replica, 9)
    settled = NOW + TIMING.delta_ms
    replica.step(Tick(), settled)
    old = VoteMessage(vote_by(THIRD, NULLIFY, NO_DIGEST, 1))
    for number in range(PEERS_MAX + 9):
        peer = number.to_bytes(32, "big")
        for message in (FetchView(0, 1, NULLIFY), old):
            assert sent_to(replica.step(Received(peer, message), settled), peer)
    assert max(len(replica.answering._budgets), len(replica.answering._told_ms)) <= PEERS_MAX


def test_blocks_that_are_not_final_do_not_pile_up() -> None:
    """Whoever votes NOTARIZE and never FINALIZE could have members hold hundreds of them."""
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    for view in range(1, TIMING.candidates_max + 1):
        assert replica._is_worth_a_block(BLOCK.header)
        message = CertificateMessage(certificate_of(view, NOTARIZE, bytes([view]) * 32))
        replica.step(Received(SECOND, message), NOW)
    assert not replica._is_worth_a_block(BLOCK.header)
    replica.step(Tick(), replica._patience_ms)
    assert replica._is_worth_a_block(BLOCK.header)


@pytest.mark.parametrize(("view", "skipped"), [(2, True), (3, True), (5, False), (9, False)])
def test_silent_leaders_are_skipped_for_as_many_views_as_there_are_members(
    view: int, skipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Presence, "is_silent", lambda *_: True)
    replica = replica_of(FOLLOWER)
    skip_to(replica, view)
    at_once = replica.step(WorkChanged(True), NOW)
    assert ((view, NULLIFY) in votes_sent(at_once)) == skipped
    waited = replica.step(Tick(), NOW + 2 * TIMING.delta_max_ms)
    assert (view, NULLIFY) in votes_sent(waited), "or its timers run in full"


def test_what_is_lacking_is_asked_for_in_bounds() -> None:
    replica = replica_of(FOLLOWER)
    far = 4 * FETCHES_MAX + 1
    leader = MEMBERS.leader(0, far)
    message = CertificateMessage(certificate_of(far - 1, NULLIFY, NO_DIGEST))
    replica.step(Received(SECOND, message), NOW)
    block = ToyLedger(NETWORK).build(far, None, [1], NOW)
    proposal = Proposal(block, vote_by(leader, NOTARIZE, block.digest, far))
    effects = replica.step(Received(leader, proposal), NOW)
    asked = {e.message for e in effects if isinstance(e, Send) and isinstance(e.message, FetchView)}
    assert len(asked) == FETCHES_MAX // 2, "a leader that lies leaves room for what else is lacking"
    fetching = replica.fetching
    fetching.begin_pass()
    for view in range(far):
        fetching.want_view(view, NULLIFY, None, NOW)
    fetching.end_pass(NOW)
    assert len(fetching._asks) == FETCHES_MAX


def test_large_blocks_are_not_given_without_end() -> None:
    replica = replica_of(FOLLOWER)
    large = BLOCK_BYTES_PER_WINDOW_MAX // 2 + 1
    for view in (1, 2, 3):
        replica.known.add_block(block_at(view, body=bytes(large)))
    answers = []
    for digest in list(replica.known.blocks):
        answers += sent_to(replica.step(Received(SECOND, FetchBlock(digest)), NOW), SECOND)
    assert len(answers) == 1


def test_few_proposals_of_later_views_are_kept_and_the_nearest() -> None:
    replica = replica_of(FOLLOWER)
    for view in range(40, 1, -1):
        leader = MEMBERS.leader(0, view)
        if leader == FOLLOWER:
            continue
        block = ToyLedger(NETWORK).build(view, None, [view], NOW)
        vote = vote_by(leader, NOTARIZE, block.digest, view)
        replica.step(Received(leader, Proposal(block, vote)), NOW)
    assert len(replica.proposals) == len(replica.known.blocks) == TIMING.candidates_max
    assert min(replica.proposals) <= 3
    assert max(replica.proposals) < 30


def test_the_body_of_a_nullified_proposal_is_let_go_unless_it_was_voted_for() -> None:
    replica = replica_of(FOLLOWER)
    vote = vote_by(LEADER, NOTARIZE, BLOCK.digest)
    replica.step(Received(LEADER, Proposal(BLOCK, vote)), NOW)
    skip_to(replica, 2)
    assert not replica.known.blocks
    voted = replica_of(FOLLOWER)
    propose_to(voted)
    skip_to(voted, 2)
    assert BLOCK.digest in voted.known.blocks


def test_who_is_behind_is_told_the_newest_at_a_bounded_rate() -> None:
    replica = replica_of(FOLLOWER)
    skip_to(replica, 5)
    settled = NOW + TIMING.delta_ms
    replica.step(Tick(), settled)
    old = VoteMessage(vote_by(THIRD, NULLIFY, NO_DIGEST, 1))
    told = [replica.step(Received(THIRD, old), settled + at) for at in range(0, 1_000, 10)]
    answers = [m for effects in told for m in sent_to(effects, THIRD)]
    newest = [m.certificate.view for m in answers if isinstance(m, CertificateMessage)]
    assert set(newest) == {4}
    assert 1 <= len(newest) <= 6


def test_what_is_far_behind_is_caught_up_with_by_height() -> None:
    replica = replica_of(FOLLOWER)
    far = block_at(50, height=40)
    final = certificate_of(50, FINALIZE, far.digest)
    effects = replica.step(Received(SECOND, CertificateMessage(final, far.header)), NOW)
    assert [e for e in effects if isinstance(e, CatchUp)] == [CatchUp(far.header, final, None)]
    assert replica.view == 51
    again = replica.step(Tick(), NOW + TIMING.retry_ms)
    assert [e for e in again if isinstance(e, CatchUp)]
    replica.step(CaughtUp(far.header, final), NOW + TIMING.retry_ms)
    assert replica.known.floor == Final.of(far.header, final)
    assert not [e for e in replica.step(Tick(), NOW + 5_000) if isinstance(e, CatchUp)]


def test_no_deadline_stays_behind_when_blocks_come_after_all() -> None:
    """Once, a member that had asked to catch up and then held most of the blocks spun for ever."""
    replica = replica_of(FOLLOWER)
    far = block_at(50, height=40)
    final = certificate_of(50, FINALIZE, far.digest)
    replica.step(Received(SECOND, CertificateMessage(final, far.header)), NOW)
    for view in range(2, 32):
        replica.known.add_block(block_at(view, height=view))
    for now in range(NOW, NOW + 5 * TIMING.retry_ms, 100):
        replica.step(Tick(), now)
        assert replica.next_deadline_ms is not None and replica.next_deadline_ms > now


def test_an_old_certificate_of_another_block_stops_nobody_but_a_second_one_does() -> None:
    replica = replica_of(FOLLOWER)
    other = block_at(1)
    for block in (BLOCK, other):
        assert replica.stopped is None
        certificate = certificate_of(1, NOTARIZE, block.digest)
        replica.step(Received(SECOND, CertificateMessage(certificate, block.header)), NOW)
    assert replica.stopped is not None
    assert replica.step(Tick(), NOW + 60_000) == []
