"""That each checker of the simulator would notice: what it must say, and what it must let pass."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus.certificates import Certificate
from consensus.effects import Evidence
from consensus.header import Block
from consensus.messages import CertificateMessage, VoteMessage
from consensus.simulation.checkers import Checkers, Violation
from consensus.simulation.signing import verify_keyed_hash
from consensus.simulation.toy_ledger import ToyLedger
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote
from tests.consensus.test_healing import certificate_of
from tests.consensus.test_replica import KEYS, MEMBERS, NETWORK, NOW, vote_by

GOOD, OTHER, THIRD, BAD = KEYS
HONEST = frozenset((GOOD, OTHER, THIRD))
PAYMENTS = 9


class Ledger:
    """Blocks that follow each other."""

    def __init__(self) -> None:
        self.toy = ToyLedger(NETWORK)

    def block(
        self, view: int, parent: Block | None, payments: set[int], now_ms: int = NOW
    ) -> Block:
        header = None if parent is None else parent.header
        block = self.toy.build(view, header, payments, now_ms)
        assert self.toy.execute(block)
        return block


LEDGER = Ledger()
FIRST = LEDGER.block(1, None, {1, 2})
SECOND = LEDGER.block(2, FIRST, {3})
LATER = LEDGER.block(4, FIRST, {4})
"""Its parent is `FIRST`, so that views 2 and 3 are left out."""


def checkers() -> Checkers:
    return Checkers(NETWORK, MEMBERS, HONEST, verify_keyed_hash, PAYMENTS)


def says(seen: Checkers, member: bytes, *votes: Vote, durable: bool = True) -> None:
    for vote in votes:
        seen.sent(member, VoteMessage(vote), lambda _: durable)


def shows(seen: Checkers, *certificates: Certificate) -> None:
    for certificate in certificates:
        seen.sent(GOOD, CertificateMessage(certificate), lambda _: True)


def commits(seen: Checkers, member: bytes, *blocks: Block) -> None:
    for block in blocks:
        seen.committed(member, block, sound=True)


def test_what_honest_members_do_passes() -> None:
    seen = checkers()
    says(seen, GOOD, vote_by(GOOD, NOTARIZE, FIRST.digest), vote_by(GOOD, FINALIZE, FIRST.digest))
    # NOTARIZE, then NULLIFY; the same again; what others voted, passed on.
    says(seen, OTHER, vote_by(OTHER, NOTARIZE, FIRST.digest), vote_by(OTHER, NULLIFY, NO_DIGEST))
    says(seen, OTHER, vote_by(OTHER, NULLIFY, NO_DIGEST), vote_by(GOOD, FINALIZE, b"x" * 32))
    shows(
        seen, certificate_of(1, NOTARIZE, FIRST.digest), certificate_of(1, FINALIZE, FIRST.digest)
    )
    shows(seen, certificate_of(2, NOTARIZE, SECOND.digest), certificate_of(2, NULLIFY, NO_DIGEST))
    commits(seen, GOOD, FIRST, LATER)
    seen.restarted(GOOD, 1)
    commits(seen, GOOD, LATER)
    commits(seen, OTHER, FIRST, LATER)
    assert seen.height == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((NOTARIZE, b"a" * 32), (NOTARIZE, b"b" * 32)),
        ((FINALIZE, b"a" * 32), (FINALIZE, b"b" * 32)),
        ((FINALIZE, b"a" * 32), (NULLIFY, NO_DIGEST)),
        ((NULLIFY, NO_DIGEST), (FINALIZE, b"a" * 32)),
    ],
)
def test_a_forbidden_pair_is_seen_also_across_restarts(
    first: tuple[int, bytes], second: tuple[int, bytes]
) -> None:
    seen = checkers()
    says(seen, GOOD, vote_by(GOOD, *first))
    seen.restarted(GOOD, 0)
    with pytest.raises(Violation, match="an honest member signed"):
        says(seen, GOOD, vote_by(GOOD, *second))


def test_a_vote_that_the_disk_may_forget_is_seen() -> None:
    with pytest.raises(Violation, match="may forget"):
        says(checkers(), GOOD, vote_by(GOOD, NULLIFY, NO_DIGEST), durable=False)


@pytest.mark.parametrize(
    "kinds", [(NOTARIZE, NOTARIZE), (NOTARIZE, FINALIZE), (FINALIZE, NOTARIZE)]
)
def test_two_digests_of_a_view_are_seen(kinds: tuple[int, int]) -> None:
    seen = checkers()
    shows(seen, certificate_of(7, kinds[0], b"a" * 32))
    with pytest.raises(Violation, match="two digests are certified in view 7"):
        shows(seen, certificate_of(7, kinds[1], b"b" * 32))


def test_a_block_that_is_not_the_one_certified_is_seen() -> None:
    seen = checkers()
    shows(seen, certificate_of(1, NOTARIZE, b"a" * 32))
    with pytest.raises(Violation, match="two digests are certified in view 1"):
        commits(seen, GOOD, FIRST)


@pytest.mark.parametrize("kinds", [(FINALIZE, NULLIFY), (NULLIFY, FINALIZE)])
def test_a_view_both_final_and_nullified_is_seen(kinds: tuple[int, int]) -> None:
    seen = checkers()
    certificates = {
        FINALIZE: certificate_of(3, FINALIZE, b"a" * 32),
        NULLIFY: certificate_of(3, NULLIFY, NO_DIGEST),
    }
    shows(seen, certificates[kinds[0]])
    with pytest.raises(Violation, match="final and nullified"):
        shows(seen, certificates[kinds[1]])


def test_two_blocks_at_one_height_are_seen() -> None:
    seen = checkers()
    commits(seen, GOOD, FIRST, SECOND)
    commits(seen, OTHER, FIRST)
    with pytest.raises(Violation, match="two blocks are final at height 2"):
        commits(seen, OTHER, LATER)


def test_a_final_block_that_is_undone_is_seen_whichever_comes_first() -> None:
    final = certificate_of(2, FINALIZE, SECOND.digest)
    seen = checkers()
    shows(seen, final)
    commits(seen, GOOD, FIRST)
    with pytest.raises(Violation, match="final in view 2 is not in the chain"):
        commits(seen, GOOD, LATER)
    seen = checkers()
    commits(seen, GOOD, FIRST, LATER)
    with pytest.raises(Violation, match="final in view 2 is not in the chain"):
        shows(seen, final)


def test_what_a_member_had_final_and_commits_otherwise_after_a_restart_is_seen() -> None:
    seen = checkers()
    commits(seen, GOOD, FIRST, SECOND)
    seen.restarted(GOOD, 1)
    with pytest.raises(Violation, match="two blocks are final at height 2"):
        commits(seen, GOOD, LATER)


def test_a_gap_and_a_repetition_are_seen() -> None:
    for blocks in ((SECOND,), (FIRST, FIRST)):
        with pytest.raises(Violation, match="committed height"):
            commits(checkers(), GOOD, *blocks)


INVENTED = LEDGER.block(2, FIRST, {PAYMENTS})
STRAY = Block(replace(SECOND.header, parent_digest=b"p" * 32), SECOND.body)
TIMELESS = Block(replace(SECOND.header, time_ms=FIRST.header.time_ms), SECOND.body)


@pytest.mark.parametrize(
    ("block", "sound", "words"),
    [
        (SECOND, False, "does not hold"),
        (INVENTED, True, "nobody made a payment"),
        (STRAY, True, "does not follow its parent"),
        (TIMELESS, True, "does not follow its parent"),
    ],
)
def test_a_block_that_is_not_valid_is_seen(block: Block, sound: bool, words: str) -> None:
    seen = checkers()
    commits(seen, GOOD, FIRST)
    with pytest.raises(Violation, match=words):
        seen.committed(GOOD, block, sound=sound)


def pair(signer: bytes, *votes: tuple[int, bytes]) -> Evidence:
    first, second = (vote_by(signer, kind, digest) for kind, digest in votes)
    return Evidence(first, second)


TWO_BLOCKS = pair(BAD, (NOTARIZE, b"a" * 32), (NOTARIZE, b"b" * 32))


def test_evidence_against_the_guilty_passes() -> None:
    seen = checkers()
    seen.accused(TWO_BLOCKS)
    seen.accused(pair(BAD, (FINALIZE, b"a" * 32), (FINALIZE, b"b" * 32)))
    seen.accused(pair(BAD, (NULLIFY, NO_DIGEST), (FINALIZE, b"b" * 32)))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (pair(GOOD, (NOTARIZE, b"a" * 32), (NOTARIZE, b"b" * 32)), "against an honest member"),
        (replace(TWO_BLOCKS, second=vote_by(GOOD, NOTARIZE, b"b" * 32)), "an honest member"),
        (pair(BAD, (NOTARIZE, b"a" * 32), (NULLIFY, NO_DIGEST)), "proves nothing"),
        (pair(BAD, (NOTARIZE, b"a" * 32), (FINALIZE, b"b" * 32)), "proves nothing"),
        (pair(BAD, (NOTARIZE, b"a" * 32), (NOTARIZE, b"a" * 32)), "proves nothing"),
        (replace(TWO_BLOCKS, second=vote_by(BAD, NOTARIZE, b"b" * 32, 2)), "proves nothing"),
        (
            replace(TWO_BLOCKS, second=replace(TWO_BLOCKS.second, signature=bytes(64))),
            "proves nothing",
        ),
    ],
)
def test_evidence_that_is_none_is_seen(evidence: Evidence, words: str) -> None:
    with pytest.raises(Violation, match=words):
        checkers().accused(evidence)


ALWAYS: tuple[Callable[[Checkers], None], ...] = (
    Checkers.chain_ahead,
    Checkers.busy,
    Checkers.votes_after_loss,
    lambda seen: seen.stopped("why"),
)


@pytest.mark.parametrize("tell", ALWAYS)
def test_what_no_honest_member_does_is_seen(tell: Callable[[Checkers], None]) -> None:
    with pytest.raises(Violation):
        tell(checkers())
