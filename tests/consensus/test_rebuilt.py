"""A chain that is made again from empty, with a journal that was pruned as far as the old one."""

from consensus.effects import StopVoting
from consensus.events import Received, Started
from consensus.journal_records import certificate_record
from consensus.messages import CertificateMessage
from consensus.replica import Replica
from consensus.simulation.toy_ledger import ToyLedger
from consensus.votes import FINALIZE, NO_DIGEST, NULLIFY
from tests.consensus.test_healing import certificate_of
from tests.consensus.test_replica import (
    FOLLOWER,
    MEMBERS,
    NETWORK,
    NOW,
    SECOND,
    hear,
    replica_of,
    vote_by,
)

NEWEST = ToyLedger(NETWORK).build(5, None, [1], NOW)


def rebuilt(key: bytes = FOLLOWER) -> Replica:
    """Its journal ends with F of view 5; what it voted before is pruned. Its chain is empty."""
    record = certificate_record(certificate_of(5, FINALIZE, NEWEST.digest), NEWEST.header)
    replica = replica_of(key, [record])
    replica.step(Started(), NOW)
    return replica


def test_an_old_own_vote_that_was_pruned_is_no_twin() -> None:
    replica = rebuilt()
    effects = hear(replica, vote_by(FOLLOWER, NULLIFY, NO_DIGEST, 3))
    assert not replica.observing
    assert not [e for e in effects if isinstance(e, StopVoting)]


def test_an_old_certificate_with_an_own_signature_is_no_twin() -> None:
    for key in MEMBERS.index:  # three of four signed it, this one among them or not
        replica = rebuilt(key)
        message = CertificateMessage(certificate_of(3, NULLIFY, NO_DIGEST))
        replica.step(Received(SECOND, message), NOW)
        assert not replica.observing


def test_above_what_the_journal_knows_to_be_final_a_twin_is_one() -> None:
    replica = rebuilt()
    hear(replica, vote_by(FOLLOWER, NULLIFY, NO_DIGEST, 6))
    assert replica.observing
