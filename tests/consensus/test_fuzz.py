"""Whatever bytes come: what faces the outside refuses them cleanly or takes their one form.

`corpus/` keeps what once was wrong, or could well be: a file is a comment line, the decoder's
name with what it must say (`taken` or `refused`), and the bytes in hex. They are tried at every
run, and they and the valid forms are what Hypothesis starts from.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificates import Certificate
from consensus.effects import Effect
from consensus.events import Executed, Received, Tick, WorkChanged
from consensus.header import Header
from consensus.journal_records import certificate_record, recover, silence_record, vote_record
from consensus.messages import decode_message, encode_message
from consensus.replica import Replica
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote
from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused
from tests.consensus.test_codec import BLOCK, HEADER, MESSAGES, PROPOSAL, certificate_of
from tests.consensus.test_replica import BLOCK as SOUND
from tests.consensus.test_replica import FOLLOWER, LEADER, NOW, SECOND, replica_of, vote_by

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.hex"))
CODES = {"encoding_not_canonical", "version_unknown", "certificate_invalid"}


def read_vote(raw: bytes) -> Vote:
    return Vote.from_value(decode(raw))


DECODERS: dict[str, tuple[Callable[[bytes], Any], Callable[..., bytes]]] = {
    "message": (decode_message, encode_message),
    "header": (Header.decode, Header.encode),
    "certificate": (Certificate.decode, Certificate.encode),
    "vote": (read_vote, lambda vote: encode(vote.value())),
}
VALID: dict[str, list[bytes]] = {
    "message": [encode_message(message) for message in MESSAGES],
    "header": [HEADER.encode()],
    "certificate": [
        certificate_of([0, 1, 2]).encode(),
        certificate_of([1, 2, 3], NULLIFY).encode(),
    ],
    "vote": [encode(PROPOSAL.vote.value())],
    "journal": [
        vote_record(PROPOSAL.vote, BLOCK),
        vote_record(PROPOSAL.vote, None),
        certificate_record(certificate_of([0, 1, 2]), HEADER),
        silence_record(LEADER, "lost"),
    ],
}


def read_corpus(path: Path) -> tuple[str, str, bytes]:
    lines = path.read_text(encoding="ascii").splitlines()
    decoder, expected = lines[1].split()
    return decoder, expected, bytes.fromhex("".join(lines[2:]))


for _path in CORPUS:
    _decoder, _, _raw = read_corpus(_path)
    VALID[_decoder].append(_raw)


def try_decoder(name: str, raw: bytes) -> str:
    """What a decoder says; anything but a refusal or the one form is a failure."""
    if name == "journal":
        try:
            recover([raw])
        except InvariantBroken:
            return "refused"
        return "taken"
    read, write = DECODERS[name]
    try:
        value = read(raw)
    except Refused as refusal:
        assert refusal.code in CODES
        return "refused"
    assert write(value) == raw, "two forms of one thing"
    return "taken"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_judged_as_it_says(path: Path) -> None:
    decoder, expected, raw = read_corpus(path)
    assert try_decoder(decoder, raw) == expected


@pytest.mark.parametrize("name", VALID)
def test_valid_forms_are_taken(name: str) -> None:
    assert try_decoder(name, VALID[name][0]) == "taken"


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, 4, -1, 2**53 - 1, 2**53, 2**63, 2**64 - 1, -(2**63)]),
    st.integers(-(2**63), 2**64 - 1),
    st.binary(max_size=70),
    st.sampled_from([bytes(32), bytes(64), bytes(31), b"\xff" * 32]),
    st.text(max_size=20),
    st.sampled_from(["header", "vote", "certificate", "proposal", "fetch_view"]),
    st.lists(st.integers(0, 3), max_size=4),
    st.just([[[[[[]]]]]]),
)


@st.composite
def bent_values(draw: st.DrawFn, raw: bytes) -> bytes:
    """A valid form with some of its parts replaced, doubled or left out, encoded again."""
    try:
        value = decode(raw)
    except Refused:
        return raw
    for _ in range(draw(st.integers(1, 3))):
        value = bend(draw, value)
    try:
        return encode(value, depth_max=32)
    except Refused:
        return raw[:-1]


def bend(draw: st.DrawFn, value: Value) -> Value:
    if not isinstance(value, tuple | list) or not value or draw(st.integers(0, 7)) == 0:
        if isinstance(value, bytes) and len(value) > 64 and draw(st.booleans()):
            inside: bytes = draw(bent_bytes(value))
            return inside
        odd: Value = draw(ODD)
        return odd
    items = list(value)
    place = draw(st.integers(0, len(items) - 1))
    match draw(st.integers(0, 9)):
        case 0:
            del items[place]
        case 1:
            items.insert(place, items[place])
        case _:
            items[place] = bend(draw, items[place])
    return items


@st.composite
def bent_bytes(draw: st.DrawFn, raw: bytes) -> bytes:
    """Bytes with some changed, cut, doubled or put in."""
    bent = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(bent) - 1, 0)))
        match draw(st.integers(0, 4)):
            case 0:
                del bent[place:]
            case 1:
                bent[place:place] = draw(st.binary(min_size=1, max_size=9))
            case 2:
                bent[place : place + 1] = draw(
                    st.sampled_from([b"\xc1", b"\xdf", b"\xdd", b"\xc6"])
                )
            case 3:
                del bent[place : place + draw(st.integers(1, 8))]
            case _:
                bent[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
    return bytes(bent)


@pytest.mark.parametrize("name", VALID)
@settings(deadline=None)
@given(data=st.data())
def test_bent_bytes_are_refused_or_one_form(name: str, data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(VALID[name]))
    bent = data.draw(st.one_of(bent_bytes(raw), bent_values(raw), st.binary(max_size=300)))
    try_decoder(name, bent)


# -- what a replica makes of what can be decoded -----------------------------------------------

LIAR = SECOND
"""One of four lies: it signs whatever it likes, and passes on what it likes."""


@st.composite
def lies(draw: st.DrawFn) -> bytes:
    """A message of the liar: votes of its own, or anything bent."""
    kind = draw(st.sampled_from((NOTARIZE, NULLIFY, FINALIZE)))
    view = draw(st.one_of(st.integers(1, 6), st.integers(1, 2**53 - 1)))
    digest = NO_DIGEST if kind == NULLIFY else draw(st.sampled_from([SOUND.digest, b"x" * 32]))
    vote = vote_by(LIAR, kind, digest, view)
    forms = [
        encode(("vote_message", 1, vote.value())),
        encode(("proposal", 1, SOUND.header.encode(), SOUND.body, vote.value())),
        encode(("block_response", 1, SOUND.header.encode(), draw(st.binary(max_size=9)))),
        encode(("fetch_view", 1, 0, view, draw(st.integers(0, 3)))),
        encode(("fetch_block", 1, digest)),
        *VALID["message"],
    ]
    raw = draw(st.sampled_from(forms))
    return draw(st.one_of(st.just(raw), bent_values(raw)))


def hear_all(replica: Replica, raws: list[bytes]) -> list[Effect]:
    effects: list[Effect] = []
    now_ms = NOW
    for raw in raws:
        now_ms += 100
        try:
            message = decode_message(raw)
        except Refused:
            continue
        effects += replica.step(Received(LIAR, message), now_ms)
        effects += replica.step(Tick(), now_ms)
    return effects


@settings(deadline=None)
@given(st.lists(lies(), max_size=25))
def test_no_liar_stops_a_replica_or_fills_it(raws: list[bytes]) -> None:
    replica = replica_of(FOLLOWER)
    replica.step(WorkChanged(True), NOW)
    hear_all(replica, raws)
    replica.step(Executed(SOUND.digest, True), NOW + 5_000)
    assert replica.stopped is None
    assert not replica.observing
    assert replica.known.certificates() == [], "one member certifies nothing"
    assert len(replica.known.blocks) <= replica.config.timing.candidates_max
    honest = vote_by(LEADER, NOTARIZE, SOUND.digest)
    proposal = decode_message(
        encode(("proposal", 1, SOUND.header.encode(), SOUND.body, honest.value()))
    )
    replica.step(Received(LEADER, proposal), NOW + 5_000)
    assert SOUND.digest in replica.known.blocks, "and it still listens"
