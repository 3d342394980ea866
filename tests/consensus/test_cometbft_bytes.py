"""CometBFT's bytes: one form each, and whatever else comes is refused and nothing worse."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cometbft import chain_id, merkle
from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import (
    ABSENT,
    COMMIT_BYTES_MAX,
    FOR_BLOCK,
    FOR_NIL,
    Commit,
    CommitSignature,
)
from consensus.cometbft.headers import CHAIN_ID_BYTES_MAX, HEADER_BYTES_MAX, Header
from consensus.cometbft.rpc_json import (
    commit_from_json,
    header_from_json,
    signed_header_from_json,
    validators_from_json,
)
from consensus.cometbft.timestamps import ZERO_TIME_NS, decode_time, encode_time, time_from_text
from consensus.cometbft.validators import VALIDATORS_MAX, Validator, ValidatorSet
from consensus.cometbft.wire import BYTES, VARINT, Message
from primitives.errors import Refused
from tests.consensus.cometbft_blocks import header_at, keys_named, set_of, signed_by

hashes = st.sampled_from([b"", bytes(32), bytes([255]) * 32])
times = st.integers(ZERO_TIME_NS, 253_402_300_799 * 10**9)
block_ids = st.builds(BlockId, hashes, st.integers(0, 2**32 - 1), hashes)
whole_ids = st.builds(
    BlockId, st.binary(min_size=32, max_size=32), st.integers(1, 2**32 - 1), st.just(bytes(32))
)
headers = st.builds(
    Header,
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.text(max_size=12),
    st.integers(1, 2**63 - 1),
    times,
    block_ids,
    hashes,
    hashes,
    hashes,
    hashes,
    hashes,
    st.binary(max_size=32),
    hashes,
    hashes,
    st.binary(min_size=20, max_size=20),
)
places = st.one_of(
    st.just(CommitSignature()),
    st.builds(
        CommitSignature,
        st.sampled_from([FOR_BLOCK, FOR_NIL]),
        st.binary(min_size=20, max_size=20),
        times,
        st.binary(min_size=1, max_size=64),
    ),
)
commits = st.builds(
    Commit,
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**31 - 1),
    whole_ids,
    st.lists(places, min_size=1, max_size=6).map(tuple),
)


@given(headers)
def test_a_header_is_read_as_it_was_written(header: Header) -> None:
    again = Header.decode(header.encode())
    assert again == header
    assert again.hash == header.hash


@given(commits)
def test_a_commit_is_read_as_it_was_written(commit: Commit) -> None:
    again = Commit.decode(commit.encode())
    assert again == commit
    assert again.hash() == commit.hash()


@given(times)
def test_a_time_is_read_as_it_was_written(time_ns: int) -> None:
    assert decode_time(encode_time(time_ns)) == time_ns


def _refused_or_the_same(raw: bytes, decode: Callable[[bytes], Header | Commit]) -> None:
    try:
        found = decode(raw)
    except Refused as refusal:
        assert refusal.code == "encoding_not_canonical"
    else:
        assert found.encode() == raw


@given(st.binary(max_size=700), st.sampled_from([Header.decode, Commit.decode]))
def test_any_bytes_are_refused_or_the_one_form(
    raw: bytes, decode: Callable[[bytes], Header | Commit]
) -> None:
    _refused_or_the_same(raw, decode)


@given(st.one_of(headers, commits), st.data())
def test_a_changed_form_is_refused_or_another_whole_one(
    good: Header | Commit, data: st.DataObject
) -> None:
    raw = bytearray(good.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "double", "insert"])):
            case "flip":
                raw[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del raw[place:]
            case "double":
                raw[place:place] = raw[place : place + 9]
            case _:
                raw[place:place] = data.draw(st.binary(min_size=1, max_size=4))
        if not raw:
            break
    _refused_or_the_same(bytes(raw), type(good).decode)


KEYS = keys_named("arden", "bussy", "corve", "dampi")
SET = set_of(KEYS)
HEADER = header_at(3, SET)
SIGNED = signed_by(HEADER, SET, KEYS, absent=[KEYS[1].public_key])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x18\x03", b"\x18\x83\x00"),  # the height in two bytes where one is enough
        (b"\x18\x03", b""),  # no height
        (b"\x18\x03", b"\x18\x00"),  # height 0, written out
        (b"\x18\x03", b"\x18\x03\x18\x03"),  # twice
        (b"\x18\x03", b"\x19" + bytes(8)),  # another wire type
        (b"\x18\x03", b"\x18\x03\xf8\x01\x01"),  # a field that nobody knows
        (b"\x0a\x04\x08\x0b\x10\x02", b""),  # no version
        (b"\x0a\x04\x08\x0b\x10\x02", b"\x0a\x04\x08\x0b\x10\x00"),  # a zero, written out
        (b"\x72\x14", b"\x72\x00"),  # an address that is empty, and what follows it
        (b"\x0a\x04\x08\x0b\x10\x02", b"\x0a\x04\x10\x02\x08\x0b"),  # its fields the other way
        (b"\x0a\x04\x08\x0b\x10\x02", b"\x0a\x7f\x08\x0b\x10\x02"),  # longer than all the rest
    ],
)
def test_a_header_in_another_form_is_refused(old: bytes, new: bytes) -> None:
    raw = HEADER.encode()
    assert raw.count(old) >= 1
    with pytest.raises(Refused) as caught:
        Header.decode(raw.replace(old, new, 1))
    assert caught.value.code == "encoding_not_canonical"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x08\x03\x1a", b"\x08\x03\x10\x00\x1a"),  # round 0, written out
        (b"\x08\x03\x1a", b"\x08\x83\x00\x1a"),
        (b"\x08\x03\x1a", b"\x1a"),
        (b"\x08\x03\x1a", b"\x08\x03\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a"),  # round -1
    ],
)
def test_a_commit_in_another_form_is_refused(old: bytes, new: bytes) -> None:
    raw = SIGNED.commit.encode()
    assert raw.startswith(old)
    with pytest.raises(Refused) as caught:
        Commit.decode(new + raw.removeprefix(old))
    assert caught.value.code == "encoding_not_canonical"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08\x01\x08\x01",  # one field twice
        b"\x12\x00\x08\x01",  # descending
        b"\x08\x80\x00",  # longer than needed
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",  # beyond 64 bits
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x08", b"\x12", b"\x12\x05abc", b"\x0a\x01a", b"\x10\x01", b"\x00\x01", b"\x80",
    ],
)  # fmt: skip
def test_the_reader_takes_known_fields_in_order_and_once(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        Message(raw, {1: VARINT, 2: BYTES}, "a message")
    assert caught.value.code == "encoding_not_canonical"


def test_a_repeated_field_stands_more_than_once_and_no_other() -> None:
    kinds = {1: BYTES, 2: BYTES}
    found = Message(b"\x12\x01a\x12\x01b", kinds, "a message", repeated=2)
    assert found.messages(2, 2) == [b"a", b"b"]
    with pytest.raises(Refused):
        found.messages(2, 1)
    with pytest.raises(Refused):
        Message(b"\x0a\x00\x0a\x00", kinds, "a message", repeated=2)


def test_sizes_are_bounded_before_anything_is_read() -> None:
    for decode, bytes_max in ((Header.decode, HEADER_BYTES_MAX), (Commit.decode, COMMIT_BYTES_MAX)):
        with pytest.raises(Refused) as caught:
            decode(b"\x0a" * (bytes_max + 1))
        assert "at most" in caught.value.detail


def test_the_bounds_hold_the_largest_that_cometbft_makes() -> None:
    whole = BlockId(bytes([255]) * 32, 2**32 - 1, bytes([255]) * 32)
    header = dataclasses.replace(
        HEADER,
        version_block=2**64 - 1,
        version_app=2**64 - 1,
        chain_id="x" * CHAIN_ID_BYTES_MAX,
        height=2**63 - 1,
        time_ns=ZERO_TIME_NS + 999_999_999,
        last_block_id=whole,
    )
    assert Header.decode(header.encode()) == header
    place = CommitSignature(FOR_BLOCK, bytes(20), ZERO_TIME_NS + 999_999_999, bytes(64))
    commit = Commit(2**63 - 1, 2**31 - 1, whole, (place,) * VALIDATORS_MAX)
    assert Commit.decode(commit.encode()) == commit
    more = dataclasses.replace(commit, signatures=(place,) * (VALIDATORS_MAX + 1))
    with pytest.raises(Refused):
        Commit.decode(more.encode())


@pytest.mark.parametrize(
    "place",
    [
        CommitSignature(ABSENT, bytes(20)),
        CommitSignature(ABSENT, signature=bytes(64)),
        CommitSignature(ABSENT, time_ns=0),
        CommitSignature(FOR_BLOCK, b"", 0, bytes(64)),
        CommitSignature(FOR_NIL, bytes(20), 0, b""),
        CommitSignature(4, bytes(20), 0, bytes(64)),
        CommitSignature(0),
    ],
)
def test_a_place_is_empty_or_whole(place: CommitSignature) -> None:
    commit = dataclasses.replace(SIGNED.commit, signatures=(place,))
    with pytest.raises(Refused):
        Commit.decode(commit.encode())


@pytest.mark.parametrize("text", ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01",
    "2026-01-01T24:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00",
    "2026-01-01T00:00:00.1234567890Z", "٢٠٢٦-01-01T00:00:00Z"])  # fmt: skip
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        time_from_text(text)


def test_times_as_text_are_those_of_the_calendar() -> None:
    assert time_from_text("0001-01-01T00:00:00Z") == ZERO_TIME_NS
    assert time_from_text("1970-01-01T00:00:00Z") == 0
    assert time_from_text("2000-02-29T12:34:56.7Z") == 951_827_696_700_000_000
    assert time_from_text("2027-01-15T08:00:00.000000001Z") == 1_800_000_000_000_000_001


def test_the_tree_proves_every_leaf_and_no_other() -> None:
    for total in range(1, 40):
        leaves = [
            bytes([number]) * (number % 5) + b"leaf" + bytes([number]) for number in range(total)
        ]
        root = merkle.root(leaves)
        for index in range(total):
            path = merkle.path(leaves, index)
            assert merkle.root_from_path(leaves[index], index, total, path) == root
            wrong = [
                (leaves[index] + b"!", index, total, path),
                (leaves[index], index, total, path[1:] or (bytes(32),)),
                (leaves[index], index, total, (*path, bytes(32))),
                (leaves[index], total, total, path),
                (leaves[index], -1, total, path),
            ]
            wrong += [
                (leaves[index], other, total, path) for other in range(total) if other != index
            ]
            for leaf, place, count, aunts in wrong:
                assert merkle.root_from_path(leaf, place, count, aunts) != root


def test_aunts_come_from_anyone() -> None:
    for aunts in ((b"",), (bytes(31),), ("x" * 32,), (bytes(32),) * 101):
        assert merkle.root_from_path(b"leaf", 0, 2, aunts) is None  # type: ignore[arg-type]
    assert merkle.root_from_path(b"leaf", 0, 10**30, (bytes(32),) * 3) is None
    assert merkle.root_from_path(b"leaf", 0, 0, ()) is None


def test_a_set_has_cometbfts_order() -> None:
    strong = Validator(KEYS[2].public_key, 9)
    others = [Validator(key.public_key, 1) for key in (KEYS[0], KEYS[1], KEYS[3])]
    found = ValidatorSet((*others, strong)).validators
    assert found[0] == strong
    assert [one.address for one in found[1:]] == sorted(one.address for one in others)


@pytest.mark.parametrize(
    "rows", [[], [(0, 1), (0, 1)], [(0, 0)], [(0, -1)], [(0, 2**62), (1, 2**62)]]
)
def test_a_set_that_is_none_is_refused(rows: list[tuple[int, int]]) -> None:
    with pytest.raises(Refused) as caught:
        ValidatorSet(tuple([Validator(KEYS[place].public_key, power) for place, power in rows]))
    assert caught.value.code == "members_malformed"


def test_more_than_two_thirds_is_the_quorum_of_the_built_in_engine() -> None:
    for count in range(1, 60):
        members = ValidatorSet.of_members([number.to_bytes(32) for number in range(count)])
        quorum = count - (count - 1) // 3
        assert members.is_quorum(quorum)
        assert not members.is_quorum(quorum - 1)


def test_the_chain_id_is_forty_digits_of_the_network() -> None:
    name = chain_id(bytes.fromhex("ab" * 32))
    assert name == "democite-" + "ab" * 20
    assert len(name) <= CHAIN_ID_BYTES_MAX


RPC = json.loads("""{"header": {"version": {"block": "11"}, "chain_id": "test", "height": "1",
 "time": "2026-11-29T04:00:00.123456789Z",
 "last_block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "last_commit_hash": "",
 "data_hash": "", "validators_hash": "", "next_validators_hash": "", "consensus_hash": "",
 "app_hash": "", "last_results_hash": "", "evidence_hash": "",
 "proposer_address": "0616A636E7D0579A632EC37ED3C3F2B7E8522A0A"},
 "commit": {"height": "1", "round": 0, "block_id": {"hash":
 "AA00000000000000000000000000000000000000000000000000000000000000", "parts": {"total": 1, "hash":
 "AA00000000000000000000000000000000000000000000000000000000000000"}}, "signatures": [
 {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z",
  "signature": null},
 {"block_id_flag": 2, "validator_address": "0616A636E7D0579A632EC37ED3C3F2B7E8522A0A",
  "timestamp": "2026-11-29T04:00:01Z", "signature": "AAAA"}]}}""")


def test_the_rpcs_json_is_read() -> None:
    signed = signed_header_from_json(RPC)
    assert signed.header.time_ns == time_from_text("2026-11-29T04:00:00.123456789Z")
    assert (signed.header.version_app, signed.commit.signatures[1].signature) == (0, bytes(3))
    key = {
        "type": "tendermint/PubKeyEd25519",
        "value": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }
    found = validators_from_json([{"pub_key": key, "voting_power": "1", "address": "ignored"}])
    assert found.validators[0].public_key == bytes(32)


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=70), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["header", "commit", "height", "signatures", "parts", "total", "hash"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(st.data())
def test_changed_json_is_refused_and_nothing_worse(data: st.DataObject) -> None:
    content = json.loads(json.dumps(RPC))
    place: Any = content
    names: list[Any] = []
    while isinstance(place, dict | list) and place and (not names or data.draw(st.booleans())):
        name = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else [*range(len(place))])
        )
        names.append(name)
        parent, place = place, place[name]
    parent[names[-1]] = data.draw(JSON_VALUES)
    for read in (signed_header_from_json, header_from_json, commit_from_json, validators_from_json):
        try:
            read(content)
        except Refused as refusal:
            assert refusal.code in ("encoding_not_canonical", "members_malformed")
