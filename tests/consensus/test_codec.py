"""Headers, votes, certificates and messages: one form each, and nothing else is taken."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificates import Certificate, verify_certificate
from consensus.header import Block, Header, genesis_digest
from consensus.journal_records import certificate_record, recover, vote_record
from consensus.members import Member, MemberSet
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
    decode_message,
    encode_message,
)
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message
from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SigningKey, verify

NETWORK = bytes(range(32))
KEYS = sorted(
    (SigningKey.from_seed(bytes([n]) * 32) for n in range(1, 5)), key=lambda key: key.public_key
)
MEMBERS = MemberSet(
    tuple(Member(key.public_key, key.public_key, f"t{i}") for i, key in enumerate(KEYS))
)
HEADER = Header(NETWORK, 0, 5, 4, b"p" * 32, 3, 1_700_000_000_000, 1, b"t" * 32, 2, b"s" * 32)
BLOCK = Block(HEADER, b"body")


def vote_of(key: SigningKey, kind: int, digest: bytes, view: int = 5) -> Vote:
    signature = key.sign(vote_message(NETWORK, 0, view, kind, digest))
    return Vote(0, view, kind, digest, key.public_key, signature)


def certificate_of(signers: list[int], kind: int = FINALIZE) -> Certificate:
    digest = NO_DIGEST if kind == NULLIFY else HEADER.digest
    signatures = {i: vote_of(KEYS[i], kind, digest).signature for i in signers}
    return Certificate.from_votes(0, 5, kind, digest, signatures, len(KEYS))


PROPOSAL = Proposal(BLOCK, vote_of(KEYS[0], NOTARIZE, HEADER.digest))
MESSAGES: list[Message] = [
    PROPOSAL,
    VoteMessage(vote_of(KEYS[1], NULLIFY, NO_DIGEST)),
    CertificateMessage(certificate_of([0, 1, 2])),
    CertificateMessage(certificate_of([0, 1, 2]), HEADER),
    FetchView(3, 7, 0),
    FetchBlock(HEADER.digest),
    BlockResponse(BLOCK),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_come_back(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@given(st.sampled_from(MESSAGES), st.data())
def test_a_damaged_message_is_refused_or_another_one(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode_message(message))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert decode_message(bytes(raw)) != message
    except Refused as refusal:
        assert refusal.code in {"encoding_not_canonical", "version_unknown", "certificate_invalid"}


@given(st.binary(max_size=300))
def test_garbage_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        decode_message(raw)


def test_a_header_comes_back_and_names_itself() -> None:
    again = Header.decode(HEADER.encode())
    assert again == HEADER
    assert again.digest == HEADER.digest
    assert replace(HEADER, height=4).digest != HEADER.digest
    assert genesis_digest(NETWORK) != genesis_digest(bytes(32))


@pytest.mark.parametrize("place", range(15))
def test_a_header_with_a_wrong_field_is_refused(place: int) -> None:
    value = list(decode(HEADER.encode()))  # type: ignore[arg-type]  # a header is an array
    value[place] = "no" if place != 13 else 7
    with pytest.raises(Refused):
        Header.decode(encode(value))


@pytest.mark.parametrize("signers", [[0, 1, 2], [1, 2, 3], [0, 1, 2, 3]])
def test_a_quorum_certifies(signers: list[int]) -> None:
    verify_certificate(certificate_of(signers), MEMBERS, NETWORK, verify)


def wrong_certificates() -> list[tuple[str, Certificate]]:
    good = certificate_of([0, 1, 2])
    first, second, third = good.signatures
    return [
        ("one signature short", certificate_of([0, 1])),
        ("a signer counted twice", replace(good, signatures=(first, first, third))),
        ("fewer bits than signatures", replace(good, bitmap=b"\x03")),
        ("a bit beyond the set", replace(good, bitmap=b"\x17")),
        ("a bitmap too long", replace(good, bitmap=b"\x07\x00")),
        ("an empty bitmap", replace(good, bitmap=b"", signatures=())),
        ("signatures swapped", replace(good, signatures=(second, first, third))),
        ("of another view", replace(good, view=6)),
        ("of another epoch", replace(good, epoch=1)),
        ("of another kind", replace(good, kind=NOTARIZE)),
        ("of another block", replace(good, digest=b"x" * 32)),
    ]


@pytest.mark.parametrize(("why", "certificate"), wrong_certificates())
def test_less_than_a_quorum_does_not_certify(why: str, certificate: Certificate) -> None:
    with pytest.raises(Refused, match="certificate_invalid"):
        verify_certificate(certificate, MEMBERS, NETWORK, verify)


def test_a_certificate_of_another_network_does_not_count() -> None:
    with pytest.raises(Refused, match="certificate_invalid"):
        verify_certificate(certificate_of([0, 1, 2]), MEMBERS, bytes(32), verify)


def test_a_certificate_and_a_header_of_different_views_are_refused() -> None:
    certificate = replace(certificate_of([0, 1, 2]), view=6)
    with pytest.raises(Refused, match="certificate_invalid"):
        decode_message(encode_message(CertificateMessage(certificate, HEADER)))


QUORUMS = {
    1: (0, 1),
    2: (0, 2),
    3: (0, 3),
    4: (1, 3),
    5: (1, 4),
    7: (2, 5),
    10: (3, 7),
    16: (5, 11),
}


@pytest.mark.parametrize(("size", "faults", "quorum"), [(n, *fq) for n, fq in QUORUMS.items()])
def test_quorums(size: int, faults: int, quorum: int) -> None:
    members = MemberSet(tuple(Member(bytes([n]) * 32, b"r" * 32, f"t{n}") for n in range(size)))
    assert (members.faults, members.quorum) == (faults, quorum)


def test_a_member_stands_in_a_set_once() -> None:
    with pytest.raises(Refused, match="members_malformed"):
        MemberSet((MEMBERS.members[0], MEMBERS.members[0]))


def test_the_journal_comes_back() -> None:
    vote = PROPOSAL.vote
    found = recover(
        [vote_record(vote, BLOCK), certificate_record(certificate_of([0, 1, 2]), HEADER)]
    )
    assert found.votes == [vote]
    assert found.blocks == {BLOCK.digest: BLOCK}
    assert found.floor_position == 5


def test_a_journal_of_another_version_is_not_read() -> None:
    with pytest.raises(InvariantBroken):
        recover([encode(("own_vote", 2, (), None, None))])


def test_what_was_read_before_is_not_read_again() -> None:
    """Proposal and certificates bring the same header, several members the same certificate."""
    certificate = certificate_of([0, 1, 2])
    for kept in (HEADER, certificate):
        first, again = kept.decode(kept.encode()), kept.decode(bytes(bytearray(kept.encode())))
        assert first == kept and first is again
        for _ in range(2):
            with pytest.raises(Refused):
                kept.decode(kept.encode() + b"\0")
