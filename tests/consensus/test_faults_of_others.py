"""Faults that other networks had, each under its name, and why they can't happen here.

Those that only show in a whole network are in `test_faults_of_others_simulated`.
"""

from dataclasses import fields, replace

import pytest

from consensus.certificates import (
    CERTIFICATE_BYTES_MAX,
    MEMBERS_MAX,
    Certificate,
    verify_certificate,
)
from consensus.config import Timing
from consensus.effects import (
    Append,
    Broadcast,
    Build,
    CatchUp,
    Commit,
    Effect,
    Execute,
    Send,
    StopVoting,
)
from consensus.events import Executed, Received, Started, Tick, WorkChanged
from consensus.header import HEADER_BYTES_MAX, Block, Header
from consensus.journal_records import certificate_record, recover, vote_record
from consensus.members import MemberSet
from consensus.messages import (
    MESSAGE_BYTES_MAX,
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Proposal,
    VoteMessage,
    decode_message,
)
from consensus.replica import Replica
from consensus.simulation.signing import verify_keyed_hash
from consensus.simulation.toy_ledger import ToyLedger
from consensus.timers import delta_ms
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote
from primitives.encoding import encode
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import verify
from tests.consensus.test_codec import MEMBERS as SIGNED_MEMBERS
from tests.consensus.test_codec import NETWORK as SIGNED_NETWORK
from tests.consensus.test_codec import certificate_of as signed_certificate_of
from tests.consensus.test_healing import certificate_of, sent_to
from tests.consensus.test_recovery import FINAL, appended, replica_above_block
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
YEAR_MS = 365 * 86_400_000


def propose(replica: Replica, block: Block, now_ms: int = NOW) -> list[Effect]:
    view = block.header.view
    leader = MEMBERS.leader(0, view)
    vote = vote_by(leader, NOTARIZE, block.digest, view)
    return replica.step(Received(leader, Proposal(block, vote)), now_ms)


# -- CometBFT ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        replace(BLOCK.header, next_set_hash=b"n" * 32),
        replace(BLOCK.header, closing=True),
        replace(BLOCK.header, rule_version=2),
        replace(BLOCK.header, rule_version=0),
    ],
)
def test_cometbft_asa_2024_001_a_change_that_is_not_due_stops_nobody(changed: Header) -> None:
    """A parameter whose check was wrong, proposed by one, made all panic at once."""
    replica = replica_of(FOLLOWER)
    effects = propose(replica, Block(changed, BLOCK.body))
    if changed.next_set_hash is not None:  # whether the set changes here is the ledger's to say
        assert Execute(Block(changed, BLOCK.body)) in effects
        effects = replica.step(Executed(changed.digest, False, "no change is due"), NOW)
    assert votes_sent(effects) == [(1, NULLIFY)]
    hear(replica, *(vote_by(key, NULLIFY, NO_DIGEST) for key in (SECOND, THIRD)))
    assert replica.stopped is None
    assert replica.view == 2


def test_cometbft_asa_2025_001_a_height_that_nobody_certified_keeps_nobody_waiting() -> None:
    """A peer reported height 2,000, then a lower one; who was behind waited for 2,000 for ever."""
    replica = replica_of(FOLLOWER)
    claimed = replace(BLOCK.header, height=2_000, view=1_999)
    for certificate in (FINAL, replace(FINAL, digest=claimed.digest, view=1_999)):
        message = CertificateMessage(certificate, claimed)
        effects = replica.step(Received(SECOND, message), NOW)
        assert not [effect for effect in effects if isinstance(effect, CatchUp)]
    assert (replica.known.floor.height, replica.view) == (0, 1)
    assert replica.catch_up_due_ms is None
    propose_to(replica)
    effects = replica.step(Received(SECOND, CertificateMessage(FINAL, BLOCK.header)), NOW)
    assert [effect.blocks for effect in effects if isinstance(effect, Commit)] == [(BLOCK,)]


def test_cometbft_asa_2025_002_a_wrong_part_is_neither_held_nor_passed_on() -> None:
    """A part with a right proof of another place was held and passed on; nobody could go on."""
    replica = replica_of(FOLLOWER)
    hear(replica, *(vote_by(key, NOTARIZE, BLOCK.digest) for key in (LEADER, SECOND, THIRD)))
    wrong = Block(BLOCK.header, b"other")
    replica.step(Tick(), NOW + TIMING.delta_ms)
    assert replica.fetching.awaits_block(BLOCK.digest)
    replica.step(Received(SECOND, BlockResponse(wrong)), NOW + TIMING.delta_ms)
    assert BLOCK.digest not in replica.known.blocks
    assert sent_to(replica.step(Received(THIRD, FetchBlock(BLOCK.digest)), NOW + 501), THIRD) == []
    later = replica.step(Tick(), NOW + 2 * TIMING.delta_ms)
    asked = [e.peer_key for e in later if isinstance(e, Send) and isinstance(e.message, FetchBlock)]
    assert asked, "the next one is asked"
    replica.step(Received(asked[0], BlockResponse(BLOCK)), NOW + 1_001)
    assert BLOCK.digest in replica.known.blocks


@pytest.mark.parametrize(
    "bitmap",
    [b"", b"\x07\x00", b"\x07" * 1_024, b"\x17", b"\x83", b"\x0f", b"\x03", b"\x00", b"\xff"],
)
def test_cometbft_asa_2025_003_bits_that_do_not_fit_change_nothing(bitmap: bytes) -> None:
    """An array of bits of another length than it claimed made all that read it panic."""
    replica = replica_of(FOLLOWER)
    bent = replace(certificate_of(1, NULLIFY, NO_DIGEST), bitmap=bitmap)
    again = Certificate.decode(bent.encode())
    effects = replica.step(Received(SECOND, CertificateMessage(again)), NOW)
    assert effects == []
    assert replica.view == 1


def test_cometbft_asa_2025_003_one_signature_more_or_less_than_bits_is_refused() -> None:
    good = signed_certificate_of([0, 1, 2])
    for bent in (
        replace(good, bitmap=b"\x0f"),
        replace(good, bitmap=b"\x83"),
        replace(good, signatures=(*good.signatures, bytes(64))),
        replace(good, signatures=good.signatures[:2]),
    ):
        with pytest.raises(Refused, match="certificate_invalid"):
            verify_certificate(bent, SIGNED_MEMBERS, SIGNED_NETWORK, verify)


def test_cometbft_csa_2026_001_who_signed_is_said_in_one_way_and_no_time_is_taken_from_it() -> None:
    """Signatures were checked by one name of the validator and the time taken by another."""
    good = signed_certificate_of([0, 1, 2])
    first, second, third = good.signatures
    for turned in ((second, first, third), (first, third, second), (first, first, third)):
        with pytest.raises(Refused, match="certificate_invalid"):
            verify_certificate(
                replace(good, signatures=turned), SIGNED_MEMBERS, SIGNED_NETWORK, verify
            )
    said = {field.name for kind in (Certificate, Vote) for field in fields(kind)}
    assert not {name for name in said if "time" in name}, "a block's time is its header's"


# -- other engines -------------------------------------------------------------------------------


def test_besu_7642_the_round_timer_is_capped_and_stands_still_without_a_quorum() -> None:
    """Each round doubled it, alone and without end: 4,096 s in round 10."""
    for views in (1, 10, 100, 2**52):
        assert delta_ms(views, 0, TIMING, 1) <= TIMING.delta_max_ms
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    now_ms = NOW
    while now_ms < NOW + 3_600_000:
        now_ms = replica.next_deadline_ms or now_ms + 60_000
        replica.step(Tick(), now_ms)
    assert replica.view == 1
    back = NOW + 3_600_000
    for key in (SECOND, THIRD):
        replica.step(Received(key, VoteMessage(vote_by(key, NULLIFY, NO_DIGEST))), back)
    assert replica.view == 2
    ahead_ms = replica.next_deadline_ms
    assert ahead_ms is not None and ahead_ms <= back + 3 * TIMING.delta_ms


def test_commonware_3727_an_application_ahead_of_the_journal_signs_nothing() -> None:
    """The application had a block that the journal had never finalized."""
    own = vote_record(vote_by(FOLLOWER, NOTARIZE, BLOCK.digest), BLOCK)
    replica = replica_above_block([own])
    effects = replica.step(Started(), NOW)
    assert [effect for effect in effects if isinstance(effect, StopVoting)]
    following = ToyLedger(NETWORK)
    following.execute(BLOCK)
    child = following.build(2, BLOCK.header, [3], NOW)
    effects = propose(replica, child)
    effects += replica.step(Executed(child.digest, True), NOW)
    assert votes_sent(effects) == []


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_commonware_4428_a_damaged_record_is_an_error_and_never_left_out(place: int) -> None:
    """A damaged journal panicked somewhere below, or was silently emptied."""
    good = certificate_record(FINAL, BLOCK.header)
    damaged = bytearray(vote_record(vote_by(FOLLOWER, NOTARIZE, BLOCK.digest), BLOCK))
    damaged[place % len(damaged)] ^= 0xFF
    try:
        found = recover([good, bytes(damaged), good])
    except InvariantBroken as broken:
        assert "journal record" in str(broken)
    else:
        assert (len(found.votes), len(found.certificates)) == (1, 2)


def test_fabric_4875_nothing_in_the_consensus_expires() -> None:
    """Certificates of a year stopped the orderers. Voting keys hold until they are replaced; the
    certificates of connections are the node's."""
    replica = replica_of(FOLLOWER)
    now_ms = NOW + 10 * YEAR_MS
    block = ToyLedger(NETWORK).build(1, None, [1, 2], now_ms)
    effects = propose(replica, block, now_ms)
    effects += replica.step(Executed(block.digest, True), now_ms)
    for kind in (NOTARIZE, FINALIZE):
        for key in (LEADER, SECOND, THIRD):
            vote = VoteMessage(vote_by(key, kind, block.digest))
            effects += replica.step(Received(key, vote), now_ms)
    assert [effect.blocks for effect in effects if isinstance(effect, Commit)] == [(block,)]


# -- the design's list ---------------------------------------------------------------------------


def test_all_crash_after_nullify_and_their_own_votes_count_again() -> None:
    """Each had voted, none counted its own vote after the restart: no quorum, for ever."""
    journals: dict[bytes, list[bytes]] = {}
    for key in KEYS[:3]:
        replica = replica_of(key)
        replica.step(WorkChanged(True), NOW)
        journals[key] = appended(replica.step(Tick(), NOW + 3 * TIMING.delta_ms))
    again = {key: replica_of(key, journals[key]) for key in KEYS[:3]}
    later = NOW + 60_000
    for key, replica in again.items():
        told = [e.message for e in replica.step(Started(), later) if isinstance(e, Broadcast)]
        for other in KEYS[:3]:
            if other != key:
                for message in told:
                    again[other].step(Received(key, message), later)
    assert [replica.view for replica in again.values()] == [2, 2, 2]


def test_finalize_is_not_created_again_after_nullify_and_a_restart() -> None:
    """A vote that a timeout had ruled out was made anew from what the journal held."""
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    records = appended(replica.step(Tick(), NOW + 2 * TIMING.delta_ms))
    propose_to(replica)
    notarized = certificate_of(1, NOTARIZE, BLOCK.digest)
    message = CertificateMessage(notarized, BLOCK.header)
    records += appended(replica.step(Received(SECOND, message), NOW))
    again = replica_of(FOLLOWER, records)
    effects = again.step(Started(), NOW) + propose_to(again)
    effects += again.step(Executed(BLOCK.digest, True), NOW)
    assert (1, FINALIZE) not in votes_sent(effects)


def test_nothing_is_replayed_into_the_pruned_section() -> None:
    """Old records above which the journal was pruned came to life again."""
    old = [
        vote_record(vote_by(FOLLOWER, NOTARIZE, BLOCK.digest), BLOCK),
        certificate_record(certificate_of(1, NOTARIZE, BLOCK.digest), BLOCK.header),
        certificate_record(FINAL, BLOCK.header),
    ]
    replica = replica_above_block(old)
    assert replica.own_votes == {}
    assert replica.known.certificates() == []
    assert replica.known.blocks == {}
    effects = replica.step(Started(), NOW)
    assert not [effect for effect in effects if isinstance(effect, Append)]
    message = CertificateMessage(certificate_of(1, NULLIFY, NO_DIGEST))
    assert not appended(replica.step(Received(SECOND, message), NOW))


@pytest.mark.parametrize("view", [999_999, 1_000_000])
def test_one_high_certificate_does_not_make_everybody_fetch(view: int) -> None:
    """One true certificate of a far view made all ask for everything below it. Here only who is
    to lead the next view asks, and for one certificate at a time."""
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    message = CertificateMessage(certificate_of(view, NULLIFY, NO_DIGEST))
    effects = replica.step(Received(SECOND, message), NOW)
    assert replica.view == view + 1
    for passed_ms in range(0, TIMING.retry_ms, 50):
        effects += replica.step(Tick(), NOW + passed_ms)
    asked = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, FetchView)]
    leads = MEMBERS.leader(0, view + 1) == FOLLOWER
    assert {message.view for message in asked} == ({view - 1} if leads else set())
    assert len(asked) <= 2 * (TIMING.retry_ms // (TIMING.delta_ms // 2))
    assert not [effect for effect in effects if isinstance(effect, CatchUp | Build)]


def test_sizes_are_bounded_before_anything_is_decoded() -> None:
    """What a message claimed was allocated before it was checked."""
    for read, bytes_max in (
        (decode_message, MESSAGE_BYTES_MAX),
        (Header.decode, HEADER_BYTES_MAX),
        (Certificate.decode, CERTIFICATE_BYTES_MAX),
    ):
        with pytest.raises(Refused, match="at most"):
            read(bytes(bytes_max + 1))
    many = (bytes(64),) * (MEMBERS_MAX + 1)
    value = ("certificate", 1, 1, 0, 1, NULLIFY, NO_DIGEST, b"", many)
    with pytest.raises(Refused):
        Certificate.decode(encode(value))


def test_a_member_has_one_place_however_the_set_was_written() -> None:
    """Looked up by index in one place and by address in another."""
    for turn in range(4):
        turned = MemberSet(SIGNED_MEMBERS.members[turn:] + SIGNED_MEMBERS.members[:turn])
        assert turned.index == SIGNED_MEMBERS.index
        assert [turned.leader(3, view) for view in range(9)] == [
            SIGNED_MEMBERS.leader(3, view) for view in range(9)
        ]
        verify_certificate(signed_certificate_of([0, 2, 3]), turned, SIGNED_NETWORK, verify)


def test_a_signature_that_was_not_itself_seen_is_checked_though_its_vote_was() -> None:
    """What a batch let pass, a single check refused, and they parted."""
    replica = replica_of(FOLLOWER)
    hear(replica, vote_by(SECOND, NULLIFY, NO_DIGEST))
    good = certificate_of(1, NULLIFY, NO_DIGEST)
    place = [key for key in KEYS if key != FOLLOWER].index(SECOND)
    bent = list(good.signatures)
    bent[place] = bytes(64)
    assert not verify_keyed_hash(SECOND, b"", bent[place])
    replica.step(Received(THIRD, CertificateMessage(replace(good, signatures=tuple(bent)))), NOW)
    assert replica.view == 1
    replica.step(Received(THIRD, CertificateMessage(good)), NOW)
    assert replica.view == 2
