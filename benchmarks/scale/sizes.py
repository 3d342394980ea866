"""Sizes that follow from the code: what members say about a block, what a wallet reads."""

from functools import lru_cache

from consensus.certificates import Certificate
from consensus.epoch_starts import EpochStart
from consensus.header import Header
from consensus.members import Member, MemberSet
from consensus.messages import CertificateMessage, VoteMessage, encode_message
from consensus.votes import FINALIZE, Vote
from node.peers.frames import CONSENSUS, pack
from primitives.encoding import encode

_DIGEST = bytes(32)
_KEY_BYTES = 32
_SIGNATURE = bytes(64)
_VIEW = 10_000_000
"""Numbers of a network that is some years old: they take more bytes than small ones."""
_EPOCH = 260
_TIME_MS = 1_796_000_000_000


def quorum(members: int) -> int:
    """How many votes decide, of so many members."""
    return members - (members - 1) // 3


def header() -> Header:
    """A header of a usual size."""
    return Header(
        _DIGEST, _EPOCH, _VIEW, _VIEW - 1, _DIGEST, _VIEW, _TIME_MS, 1, _DIGEST, 500, _DIGEST
    )


@lru_cache
def certificate(members: int) -> Certificate:
    """One with as many signatures as a quorum has; they are no real ones."""
    signatures = dict.fromkeys(range(quorum(members)), _SIGNATURE)
    return Certificate.from_votes(_EPOCH, _VIEW, FINALIZE, _DIGEST, signatures, members)


def certificate_bytes(members: int) -> int:
    """A certificate, as wallets read it and disks keep it."""
    return len(certificate(members).encode())


def certificate_frame_bytes(members: int) -> int:
    """A certificate with its header, as members pass it on."""
    message = CertificateMessage(certificate(members), header())
    return len(pack(CONSENSUS, encode_message(message)))


def vote_frame_bytes() -> int:
    """A vote, as members send it."""
    vote = Vote(_EPOCH, _VIEW, FINALIZE, _DIGEST, bytes(_KEY_BYTES), _SIGNATURE)
    return len(pack(CONSENSUS, encode_message(VoteMessage(vote))))


def header_bytes() -> int:
    """A header."""
    return len(header().encode())


@lru_cache
def epoch_bytes(members: int, *, with_members: bool) -> int:
    """How an epoch began, as a wallet reads it; the set only where it is another."""
    rows = [
        Member(number.to_bytes(_KEY_BYTES, "big"), bytes(_KEY_BYTES), f"t{number:05d}")
        for number in range(members)
    ]
    whole = MemberSet.of(rows) if with_members else None
    start = EpochStart(_EPOCH, header(), (), certificate(members), whole)
    return len(encode(start.value()))
