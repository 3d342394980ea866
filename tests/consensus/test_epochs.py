"""How an epoch ends and the next one begins, and that neither is mistaken for the other."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.certificates import Certificate
from consensus.config import Final, ReplicaConfig, Timing
from consensus.effects import (
    Append,
    Broadcast,
    Build,
    CatchUp,
    Commit,
    Effect,
    Execute,
    Prune,
    Send,
)
from consensus.events import (
    Built,
    CaughtUp,
    Executed,
    Received,
    Tick,
    WorkChanged,
)
from consensus.header import Block, Header
from consensus.journal_records import (
    certificate_record,
    position,
)
from consensus.members import Member, MemberSet
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    EpochEnd,
    FetchBlock,
    FetchView,
    Proposal,
    VoteMessage,
    decode_message,
    encode_message,
    epoch_of,
)
from consensus.replica import Replica
from consensus.simulation.signing import KeyedHashKey, verify_keyed_hash
from consensus.simulation.toy_ledger import body_matches, body_of
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from tests.consensus.test_replica import (
    BLOCK,
    FOLLOWER,
    KEYS,
    MEMBERS,
    NETWORK,
    NOW,
    replica_of,
    votes_sent,
)

EMPTY = body_of([])
EMPTY_ROOT = hash_bytes("toy_body", EMPTY)
DELTA_MS = Timing().delta_ms
NEW_KEY = b"\x09" * 32
NEXT = MemberSet.of(
    [*(m for m in MEMBERS.members if m.voting_key != KEYS[3]), Member(NEW_KEY, NEW_KEY, "new")]
)
"""The next epoch's set: the last key is out, another one is in."""

BOUNDARY = Block(replace(BLOCK.header, next_set_hash=NEXT.hash()), BLOCK.body)


def closing_on(parent: Header, view: int, root: bytes = b"a" * 32) -> Block:
    header = Header(
        NETWORK, 0, view, parent.view, parent.digest, parent.height, parent.time_ms + 1, 1,
        EMPTY_ROOT, 0, root, closing=True,
    )  # fmt: skip
    return Block(header, EMPTY)


CLOSING = closing_on(BOUNDARY.header, 2)
SECOND_CLOSING = closing_on(CLOSING.header, 3)


def vote_of(key: bytes, kind: int, block: Block | None, view: int, epoch: int = 0) -> Vote:
    digest = NO_DIGEST if block is None else block.digest
    message = vote_message(NETWORK, epoch, view, kind, digest)
    return Vote(epoch, view, kind, digest, key, KeyedHashKey(key).sign(message))


def certificate_of(
    kind: int,
    block: Block | None,
    view: int,
    members: MemberSet = MEMBERS,
    epoch: int = 0,
    without: bytes = FOLLOWER,
) -> Certificate:
    votes = [vote_of(key, kind, block, view, epoch) for key in members.index if key != without]
    signatures = {members.index[vote.signer]: vote.signature for vote in votes}
    return Certificate.from_votes(
        epoch, view, kind, votes[0].digest, signatures, len(members.members)
    )


def tell(replica: Replica, message: object, now_ms: int = NOW) -> list[Effect]:
    peer = next(key for key in KEYS if key != replica.config.own_key)
    return replica.step(Received(peer, message), now_ms)  # type: ignore[arg-type]


def certify(replica: Replica, kind: int, block: Block | None, view: int) -> list[Effect]:
    header = None if block is None else block.header
    certificate = certificate_of(kind, block, view)
    return tell(replica, CertificateMessage(certificate, header))


def propose(replica: Replica, block: Block, epoch: int = 0) -> list[Effect]:
    view = block.header.view
    vote = vote_of(replica.members.leader(epoch, view), NOTARIZE, block, view, epoch)
    effects = replica.step(Received(vote.signer, Proposal(block, vote)), NOW)
    if Execute(block) in effects:
        effects += replica.step(Executed(block.digest, True), NOW)
    return effects


def at_boundary(key: bytes = FOLLOWER) -> Replica:
    """A replica in view 2, above a boundary that is notarized and not final."""
    replica = replica_of(key)
    if key == MEMBERS.leader(0, 1):
        replica.step(WorkChanged(True), NOW)
        replica.step(Built(1, BOUNDARY), NOW)
    else:
        assert (1, NOTARIZE) in votes_sent(propose(replica, BOUNDARY))
    certify_without(replica, key)
    assert replica.view == 2
    return replica


def certify_without(replica: Replica, key: bytes) -> None:
    certificate = certificate_of(NOTARIZE, BOUNDARY, 1, without=key)
    tell(replica, CertificateMessage(certificate, BOUNDARY.header))


def second_epoch(
    key: bytes = FOLLOWER,
    records: Sequence[bytes] | None = None,
    floor: Final | None = None,
    observe_until: int = 0,
    ends_ms: int | None = None,
) -> Replica:
    if records is None:
        records = [certificate_record(certificate_of(FINALIZE, BOUNDARY, 1), BOUNDARY.header)]
    config = ReplicaConfig(
        NETWORK, NEXT, key, KeyedHashKey(key), verify_keyed_hash, body_matches,
        Final.boundary(BOUNDARY.header) if floor is None else floor,
        epoch=1, observe_until_epoch=observe_until, ends_ms=ends_ms,
    )  # fmt: skip
    return Replica(config, records, NOW)


FIRST = Block(
    Header(
        NETWORK, 1, 1, 0, BOUNDARY.digest, 2, NOW + 5, 1, hash_bytes("toy_body", body_of([7])), 1,
        b"a" * 32,
    ),
    body_of([7]),
)  # fmt: skip
"""The first block of the second epoch."""


# -- the end -------------------------------------------------------------------------------------


def commits_of(effects: list[Effect]) -> list[Commit]:
    return [effect for effect in effects if isinstance(effect, Commit)]


def test_a_boundary_with_its_own_f_ends_the_epoch() -> None:
    replica = at_boundary()
    effects = certify(replica, FINALIZE, BOUNDARY, 1)
    final = certificate_of(FINALIZE, BOUNDARY, 1)
    assert Commit((BOUNDARY,), final, ()) in effects
    assert Prune(position(0, 1) - 1) in effects, "its F stays in the journal"
    assert replica.ended
    assert replica.next_deadline_ms is None
    assert certify(replica, NULLIFY, None, 2) == []
    assert replica.handed_on == [certificate_record(final, BOUNDARY.header)]


def test_a_notarized_boundary_ends_nothing() -> None:
    replica = at_boundary()
    assert not replica.ended
    effects = tell(replica, VoteMessage(vote_of(KEYS[3], FINALIZE, BOUNDARY, 1)))
    assert not [e for e in effects if isinstance(e, Commit)]


def test_f_of_a_closing_block_ends_it_too_and_the_closing_blocks_join_no_chain() -> None:
    replica = at_boundary()
    assert votes_sent(propose(replica, CLOSING)) == [(2, NOTARIZE)]
    certify(replica, NOTARIZE, CLOSING, 2)
    assert votes_sent(propose(replica, SECOND_CLOSING)) == [(3, NOTARIZE)]
    effects = certify(replica, FINALIZE, SECOND_CLOSING, 3)
    commits = commits_of(effects)
    assert [c.blocks for c in commits] == [(BOUNDARY,)]
    assert commits[0].closing == (CLOSING.header, SECOND_CLOSING.header)
    assert replica.ended


@pytest.mark.parametrize("header", [None, SECOND_CLOSING.header])
def test_the_boundarys_own_f_ends_it_where_a_closing_block_above_is_had_from_nobody(
    header: Header | None,
) -> None:
    replica = at_boundary()
    unseen = certificate_of(FINALIZE, SECOND_CLOSING, 3)
    assert not commits_of(tell(replica, CertificateMessage(unseen, header)))
    (commit,) = commits_of(certify(replica, FINALIZE, BOUNDARY, 1))
    assert (commit.blocks, commit.closing) == ((BOUNDARY,), ())
    assert commit.certificate.view == 1 and replica.ended


def test_while_its_header_may_come_the_newest_f_waits_for_it() -> None:
    replica = at_boundary()
    tell(replica, CertificateMessage(certificate_of(FINALIZE, CLOSING, 2), None))
    (commit,) = commits_of(certify(replica, FINALIZE, CLOSING, 2))
    assert commit.closing == (CLOSING.header,) and replica.ended


def test_the_last_word_goes_to_whoever_has_not_shown_that_it_knows() -> None:
    replica = at_boundary()
    final = certificate_of(FINALIZE, BOUNDARY, 1)
    teller = KEYS[0] if KEYS[0] != FOLLOWER else KEYS[1]
    message = CertificateMessage(final, BOUNDARY.header)
    effects = replica.step(Received(teller, message), NOW)
    told = {e.peer_key for e in effects if isinstance(e, Send)}
    assert told >= {key for key in KEYS if key not in (FOLLOWER, teller)}


WRONG_ABOVE_BOUNDARY = {
    "not closing": replace(CLOSING.header, closing=False),
    "a height of its own": replace(CLOSING.header, height=2),
    "another boundary": replace(CLOSING.header, next_set_hash=b"n" * 32),
    "with transactions": replace(CLOSING.header, transactions_count=1),
    "an hour of its own": replace(CLOSING.header, time_ms=BOUNDARY.header.time_ms),
    "other rules": replace(CLOSING.header, rule_version=2),
}


@pytest.mark.parametrize("name", WRONG_ABOVE_BOUNDARY)
def test_above_a_boundary_only_closing_blocks_are_voted_for(name: str) -> None:
    replica = at_boundary()
    wrong = Block(WRONG_ABOVE_BOUNDARY[name], EMPTY)
    assert votes_sent(propose(replica, wrong)) == [(2, NULLIFY)]


def test_closing_blocks_have_one_root() -> None:
    replica = at_boundary()
    propose(replica, CLOSING)
    certify(replica, NOTARIZE, CLOSING, 2)
    wrong = closing_on(CLOSING.header, 3, b"b" * 32)
    assert votes_sent(propose(replica, wrong)) == [(3, NULLIFY)]


def test_a_closing_block_below_no_boundary_is_voted_down() -> None:
    replica = replica_of(FOLLOWER)
    wrong = Block(replace(BLOCK.header, closing=True), BLOCK.body)
    assert votes_sent(propose(replica, wrong)) == [(1, NULLIFY)]


def test_a_leader_closes_only_after_a_while_whatever_waits() -> None:
    leader = MEMBERS.leader(0, 2)
    replica = at_boundary(leader)
    assert not [e for e in replica.step(WorkChanged(True), NOW) if isinstance(e, Build)]
    effects = replica.step(Tick(), NOW + DELTA_MS)
    assert Build(2, BOUNDARY.header, closing=True) in effects
    effects = replica.step(Built(2, CLOSING), NOW + DELTA_MS)
    assert [e for e in effects if isinstance(e, Broadcast) and isinstance(e.message, Proposal)]


def test_a_leader_that_is_given_another_block_than_a_closing_one_says_so() -> None:
    replica = at_boundary(MEMBERS.leader(0, 2))
    replica.step(Tick(), NOW + DELTA_MS)
    wrong = Block(WRONG_ABOVE_BOUNDARY["not closing"], EMPTY)
    with pytest.raises(InvariantBroken):
        replica.step(Built(2, wrong), NOW + DELTA_MS)


def test_nothing_more_is_signed_once_the_end_is_known_to_be_final() -> None:
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    effects = certify(replica, FINALIZE, BOUNDARY, 1)  # the body is not here
    effects += replica.step(Tick(), NOW + 60_000)
    effects += tell(replica, VoteMessage(vote_of(KEYS[1], NULLIFY, None, 2)), NOW + 60_000)
    effects += tell(replica, VoteMessage(vote_of(KEYS[2], NULLIFY, None, 2)), NOW + 60_000)
    assert votes_sent(effects) == []
    assert [e for e in effects if isinstance(e, Send) and e.message == FetchBlock(BOUNDARY.digest)]
    effects = tell(replica, BlockResponse(BOUNDARY), NOW + 60_000)
    effects += replica.step(Executed(BOUNDARY.digest, True), NOW + 60_000)
    assert [e for e in effects if isinstance(e, Commit)]
    assert replica.ended


# -- who lags ------------------------------------------------------------------------------------

HIGH = Block(replace(BOUNDARY.header, height=50, view=70, parent_view=69), BOUNDARY.body)
HIGH_CLOSING = closing_on(HIGH.header, 71)
HIGH_END = EpochEnd(certificate_of(FINALIZE, HIGH_CLOSING, 71), (HIGH.header, HIGH_CLOSING.header))


def test_whoever_lags_is_told_the_end_and_catches_up_with_it() -> None:
    replica = replica_of(FOLLOWER)
    effects = tell(replica, HIGH_END)
    final = HIGH_END.certificate
    assert CatchUp(HIGH.header, final, None, (HIGH_CLOSING.header,)) in effects
    record = certificate_record(final, HIGH_CLOSING.header)
    assert Append(record, position(0, 71)) in effects, "before the chain commits it"
    event = CaughtUp(HIGH.header, final, (HIGH_CLOSING.header,))
    replica.step(event, NOW)
    assert replica.ended


def test_an_end_that_no_quorum_signed_is_none() -> None:
    replica = replica_of(FOLLOWER)
    few = certificate_of(FINALIZE, HIGH_CLOSING, 71)
    forged = replace(few, bitmap=bytes([0b11]), signatures=few.signatures[:2])
    assert tell(replica, replace(HIGH_END, certificate=forged)) == []
    other = certificate_of(FINALIZE, HIGH_CLOSING, 71, epoch=1)
    assert tell(replica, replace(HIGH_END, certificate=other)) == []
    assert replica.known.headers == {}


def test_an_end_comes_back_and_no_other_form_of_it_is_taken() -> None:
    assert decode_message(encode_message(HIGH_END)) == HIGH_END
    assert epoch_of(HIGH_END) == 0
    assert epoch_of(FetchView(3, 1, 0)) == 3
    boundary, closing = HIGH_END.headers
    second = replace(closing, view=72, parent_view=71, parent_digest=closing.digest)
    wrong: list[tuple[Header, ...]] = [
        (),
        (closing,),
        (boundary,),
        (replace(boundary, next_set_hash=None), closing),
        (boundary, replace(closing, closing=False)),
        (boundary, replace(closing, height=51)),
        (boundary, replace(closing, epoch=1)),
        (boundary, second),
        (boundary, closing, closing),
    ]
    for headers in wrong:
        with pytest.raises(Refused):
            decode_message(encode_message(replace(HIGH_END, headers=headers)))
    notarized = certificate_of(NOTARIZE, HIGH_CLOSING, 71)
    with pytest.raises(Refused):
        decode_message(encode_message(replace(HIGH_END, certificate=notarized)))
