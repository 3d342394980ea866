"""Whatever bytes come from outside or from the disk: the node's decoders refuse them cleanly or
take their one form. What the consensus core reads is fuzzed in `tests/consensus/test_fuzz.py`.

`corpus/` keeps what once was wrong, or could well be: a file is a comment line, the decoder's
name with what it must say (`taken` or `refused`), and the bytes in hex. They are tried at every
run, and they and the valid forms are what Hypothesis starts from.
`pytest --hypothesis-profile long tests/reliability/test_fuzz.py` fuzzes for a few minutes.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consensus.evidence import DoubleVote
from consensus.header import Block
from consensus.messages import Proposal
from consensus.votes import NOTARIZE, Vote
from ledger.genesis import Genesis
from ledger.transaction import decode_transaction
from node.api.events import _read_text
from node.api.signed_requests import RequestVerifier, _announced
from node.block_body import pack_body, read_body, transactions_root
from node.chain_records import Meta, StoredHeader, damage_told
from node.journal import Journal
from node.journal_groups import read_group as read_journal_group
from node.peers.catch_up import pack_range, read_range
from node.peers.frames import (
    FrameReader,
    Hello,
    pack,
    pack_hello,
    read_hello,
)
from node.peers.groups import pack_group, read_group
from node.peers.proposals import Proposals, _read, pack_these, read_these, read_want
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from tests.consensus.test_codec import HEADER, certificate_of
from tests.consensus.test_fuzz import bent_bytes, bent_values, read_corpus
from tests.node.town import Person, Town, found, key_of

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.hex"))
NOW_MS = 1_700_000_000_000
BODY_BYTES_MAX = 1 << 22
GENESIS = found(4, [1, 2, 3, 4])
VERIFIER = RequestVerifier(GENESIS.network_id, lambda: NOW_MS)


def sample_transaction() -> bytes:
    town = Town.__new__(Town)
    town.network_id, town.numbers = GENESIS.network_id, {}
    return town.pay(Person("town0", "anna"), Person("town0", "bert"), 5)


RAW = sample_transaction()
TRANSACTION = decode_transaction(RAW, GENESIS.network_id)
DIGEST = hash_bytes("tx", RAW)
COMPACT_HEADER = HEADER.__class__.decode(HEADER.encode())


def compact_proposal() -> bytes:
    from dataclasses import replace

    header = replace(HEADER, transactions_count=1, transactions_root=transactions_root([DIGEST]))
    vote = Vote(0, header.view, NOTARIZE, header.digest, bytes(32), bytes(64))
    return Proposals.pack(Proposal(Block(header, b""), vote), [DIGEST])


def write_proposal(partial: Any) -> bytes:
    return Proposals.pack(Proposal(Block(partial.header, b""), partial.vote), partial.ids)


def read_frames(raw: bytes) -> list[Any]:
    reader = FrameReader()
    frames: list[Any] = []
    for at in range(0, len(raw), 7):  # in pieces, as TCP brings them
        frames += reader.feed(raw[at : at + 7])
    if len(reader._buffer):
        raise Refused("peer_malformed", "the rest of a frame never came")
    return frames


def read_json(read: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    def reader(raw: bytes) -> Any:
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            raise Refused("not_json") from None
        if not isinstance(content, dict):
            raise Refused("not_json")
        return read(content)

    return reader


def text_of(raw: bytes) -> str:
    return raw.decode("latin-1")


def read_genesis(raw: bytes) -> Genesis:
    try:
        return Genesis.from_json(raw.decode())
    except UnicodeDecodeError:
        raise Refused("not_text") from None


def read_told(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def reader(raw: bytes) -> Any:
        with damage_told():
            return read(raw)

    return reader


def read_journal(raw: bytes) -> tuple[bytes, ...]:
    """A whole segment on a disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "MARK").write_text(f"democite-journal 1 {bytes(16).hex()}\n")
        (folder / "00000001.log").write_bytes(raw)
        journal = Journal(folder, bytes(16), 0)
        journal.close()
        return journal.records


def journal_segment() -> bytes:
    groups = b""
    with tempfile.TemporaryDirectory() as name:
        journal = Journal.__new__(Journal)
        journal._sequence = 0
        for number in range(3):
            record = bytes([number]) * 40
            content = number.to_bytes(8, "big") + len(record).to_bytes(4, "big") + record
            groups += journal._group(1, content)
        assert name
    return groups


DECODERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]] = {
    "frames": (read_frames, lambda frames: b"".join(pack(f.type, f.content) for f in frames)),
    "hello": (read_hello, lambda hello: pack_hello(hello)[5:]),
    "group": (read_group, pack_group),
    "range": (read_range, lambda pair: pack_range(*pair)),
    "want": (
        read_want,
        lambda want: want[0] + b"".join(index.to_bytes(4, "big") for index in want[1]),
    ),
    "these": (read_these, lambda these: pack_these(*these)),
    "proposal": (lambda raw: _read(b"", raw), write_proposal),
    "body": (
        lambda raw: read_body(raw, BODY_BYTES_MAX),
        lambda raws: encode(("body", 1, tuple(raws))),
    ),
    "transaction": (
        lambda raw: decode_transaction(raw, GENESIS.network_id),
        lambda transaction: bytes(transaction.raw),
    ),
    "authorization": (lambda raw: VERIFIER._claim(text_of(raw)), None),
    "digest": (lambda raw: _announced(text_of(raw)), None),
    "authorize": (lambda raw: _read_text(text_of(raw)), None),
    "genesis": (read_genesis, None),
    "evidence": (read_json(DoubleVote.from_json), None),
    "meta": (read_told(Meta.decode), lambda meta: bytes(meta.encode())),
    "stored_header": (read_told(StoredHeader.decode), lambda stored: bytes(stored.encode())),
    "journal": (read_journal, None),
}
HELLO = Hello(1, bytes(32), "simplex", 7, 0)
VALID: dict[str, list[bytes]] = {
    "frames": [
        pack(2, b"x" * 30) + pack(8, b"") + pack_hello(Hello(1, bytes(32), "simplex", 7, 0))
    ],
    "hello": [pack_hello(Hello(1, bytes(32), "simplex", 7, 0))[5:]],
    "group": [pack_group([RAW, b"", b"\x00" * 9])],
    "range": [pack_range(1, 2**63)],
    "want": [bytes(32) + (3).to_bytes(4, "big")],
    "these": [pack_these(bytes(32), [RAW, RAW])],
    "proposal": [compact_proposal()],
    "body": [pack_body([TRANSACTION]), pack_body([])],
    "transaction": [RAW],
    "authorization": [
        f'Democite key="{"ab" * 32}", time_ms="{NOW_MS}", nonce="{"cd" * 16}", '
        f'signature="{"ef" * 64}"'.encode()
    ],
    "digest": [b"sha-256=:" + b"A" * 43 + b"=:"],
    "authorize": [b'{"type": "authorize", "address": "a", "authorization": "b"}'],
    "genesis": [GENESIS.to_json().encode()],
    "evidence": [
        json.dumps(
            DoubleVote(
                bytes(32),
                Vote(0, 7, NOTARIZE, b"a" * 32, key_of("x").public_key, bytes(64)),
                Vote(0, 7, NOTARIZE, b"b" * 32, key_of("x").public_key, bytes(64)),
            ).to_json()
        ).encode()
    ],
    "meta": [Meta(bytes(16), bytes(32), 3, 5, 9, 11).encode(), Meta(bytes(16)).encode()],
    "stored_header": [
        StoredHeader(HEADER, 4, certificate_of([0, 1, 2])).encode(),
        StoredHeader(HEADER, 4, None).encode(),
    ],
    "journal": [journal_segment()],
}
for _path in CORPUS:
    _name, _, _raw = read_corpus(_path)
    VALID[_name].append(_raw)


def try_decoder(name: str, raw: bytes) -> str:
    """What a decoder says; anything but a refusal or the one form is a failure."""
    read, write = DECODERS[name]
    try:
        value = read(raw)
    except Refused as refusal:
        assert refusal.code
        return "refused"
    if write is not None:
        assert write(value) == raw, "two forms of one thing"
    return "taken"


@pytest.mark.parametrize("name", DECODERS)
def test_valid_forms_are_taken(name: str) -> None:
    assert try_decoder(name, VALID[name][0]) == "taken"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_judged_as_it_says(path: Path) -> None:
    name, expected, raw = read_corpus(path)
    assert try_decoder(name, raw) == expected


@pytest.mark.parametrize("name", DECODERS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bent_bytes_are_refused_or_of_one_form(name: str, data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(VALID[name]))
    bend = data.draw(st.sampled_from([bent_bytes, bent_values]))
    try_decoder(name, data.draw(bend(raw)))


@pytest.mark.parametrize("name", DECODERS)
@settings(deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_refused_or_of_one_form(name: str, raw: bytes) -> None:
    try_decoder(name, raw)


@settings(deadline=None)
@given(data=st.data())
def test_a_journal_never_gives_back_what_was_not_written(data: st.DataObject) -> None:
    """The fault of commonwarexyz/monorepo#4428 at the level of bytes."""
    whole = VALID["journal"][0]
    written = read_journal(whole)
    try:
        records = read_journal(data.draw(bent_bytes(whole)))
    except Refused as refusal:
        assert refusal.code == "journal_corrupt"
        return
    # Cut, or damaged in the last group alone: the beginning of what was written.
    assert records == written[: len(records)]
    assert read_journal_group(whole, 0) is not None
