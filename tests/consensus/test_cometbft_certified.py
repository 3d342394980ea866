"""What nodes serve of a CometBFT chain: headers, changes of the set, inclusion."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.certified import (
    BETWEEN_MAX,
    CertifiedHeader,
    SetChange,
    read_set_changes,
    verify_certified,
    write_set_changes,
)
from consensus.cometbft.headers import Header
from consensus.cometbft.inclusion import TransactionProof, data_hash, prove
from consensus.cometbft.merkle import EMPTY_ROOT
from consensus.cometbft.validators import ValidatorSet
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.signatures import verify
from tests.consensus.cometbft_blocks import header_at, keys_named, set_of, signed_by

KEYS = keys_named("arden", "bussy", "corve", "dampi")
NEW_KEYS = [*KEYS[:3], *keys_named("evrol")]
SET, NEXT = set_of(KEYS), set_of(NEW_KEYS)


def certified_at(height: int) -> CertifiedHeader:
    signed = signed_by(header_at(height, SET), SET, KEYS)
    return CertifiedHeader(signed.header, signed.commit)


def above(below: Header, **changes: Any) -> Header:
    """The header that names `below` as its last block."""
    last = BlockId(below.hash, 1, bytes([8]) * 32)
    return header_at(below.height + 1, SET, last_block_id=last, **changes)


def under(*headers: Header) -> CertifiedHeader:
    """The first of these, with a commit for the last."""
    commit = signed_by(headers[-1], SET, KEYS).commit
    return CertifiedHeader(headers[0], commit, headers[1:])


def test_a_certified_header_is_read_as_it_was_written() -> None:
    low = header_at(5, SET)
    for one in (certified_at(3), under(low, above(low))):
        assert CertifiedHeader.decode(one.encode()) == one
        content = json.loads(json.dumps(one.to_json()))
        rows = [bytes.fromhex(word) for word in content["headers"]]
        parts = [bytes.fromhex(content[name]) for name in ("header", "certificate")]
        assert CertifiedHeader.of_bytes(parts[0], parts[1], rows) == one
        assert (content["engine"], content["height"]) == ("cometbft", one.header.height)
        assert verify_certified(one, SET, verify) == 4


def test_a_later_commit_makes_what_is_below_final() -> None:
    low = header_at(5, SET)
    middle = above(low)
    high = above(middle)
    assert verify_certified(under(low, middle, high), SET, verify) == 4
    wrong = [
        under(low, high),
        under(low, middle, middle),
        under(low, above(header_at(5, SET, app_hash=bytes(32)))),
        under(low, above(low, time_ns=low.time_ns)),
        under(low, above(low, chain_id="other")),
        under(header_at(5, SET, NEXT), above(header_at(5, SET, NEXT))),
        dataclasses.replace(under(low, middle), commit=certified_at(5).commit),
    ]
    for one in wrong:
        with pytest.raises(Refused) as caught:
            verify_certified(one, SET, verify)
        assert caught.value.code == "certificate_invalid"


def test_another_version_is_named() -> None:
    parts = decode(certified_at(3).encode())
    assert isinstance(parts, tuple)
    for version, code in (
        (1, "version_unknown"),
        (3, "version_unknown"),
        (True, "version_unknown"),
    ):
        with pytest.raises(Refused) as caught:
            CertifiedHeader.decode(encode((parts[0], version, *parts[2:])))
        assert caught.value.code == code
    for value in ((), ("header", 2), (*parts, b""), (*parts[:4], (1,)), (*parts[:4], None)):
        with pytest.raises(Refused) as caught:
            CertifiedHeader.decode(encode(value))
        assert caught.value.code == "encoding_not_canonical"


def test_headers_between_are_bounded() -> None:
    one = certified_at(3)
    too_many = dataclasses.replace(one, between=(one.header,) * (BETWEEN_MAX + 1))
    with pytest.raises(Refused):
        CertifiedHeader.decode(too_many.encode())


def change_at(height: int) -> SetChange:
    signed = signed_by(header_at(height, SET, NEXT), SET, KEYS)
    return SetChange(signed.header, signed.commit, NEXT)


def test_a_change_of_the_set_is_vouched_for_by_the_set_before() -> None:
    change = change_at(7)
    assert read_set_changes(write_set_changes([change])) == (change,)
    assert change.verify(SET, verify) == 4
    with pytest.raises(Refused):
        change.verify(NEXT, verify)
    # Whoever is to be believed signs for itself.
    signed = signed_by(header_at(7, SET, NEXT), NEXT, NEW_KEYS)
    with pytest.raises(Refused):
        SetChange(signed.header, signed.commit, NEXT).verify(SET, verify)


def test_a_change_that_names_another_set_or_none_is_refused() -> None:
    change = change_at(7)
    same = certified_at(7)
    for value in (
        dataclasses.replace(change, following=SET).value(),
        SetChange(same.header, same.commit, SET).value(),
        (change.header.encode(), change.commit.encode(), ()),
        (change.header.encode(), change.commit.encode(), ((bytes(32), True),)),
        (change.header.encode(), change.commit.encode()),
        (b"", b"", ()),
        7,
    ):
        with pytest.raises(Refused) as caught:
            read_set_changes(encode((value,)))
        assert caught.value.code == "node_answer_malformed"
    with pytest.raises(Refused):
        read_set_changes(write_set_changes([change] * 65))
    with pytest.raises(Refused):
        read_set_changes(b"\xdd\xff\xff\xff\xff")


TRANSACTIONS = [b"transaction %d" % number * (number + 1) for number in range(11)]


def test_every_transaction_of_a_block_is_proved() -> None:
    for total in range(1, len(TRANSACTIONS) + 1):
        block = TRANSACTIONS[:total]
        root = data_hash(block)
        for index, raw in enumerate(block):
            proof = TransactionProof.decode(prove(block, index).encode())
            assert proof.transaction == raw
            assert proof.verify(root, raw)
            alone = TransactionProof.decode(proof.without_transaction().encode())
            assert alone.transaction is None
            assert alone.verify(root, raw)
            assert not alone.verify(root, raw + b"!")
            assert not alone.verify(data_hash([*block, b"one more"]), raw)
            assert not dataclasses.replace(alone, index=index + 1).verify(root, raw)


def test_an_empty_block_holds_nothing() -> None:
    assert data_hash([]) == EMPTY_ROOT
    assert not TransactionProof(0, 1, ()).verify(EMPTY_ROOT, b"")


@pytest.mark.parametrize(
    "value",
    [
        ("inclusion", 1, 0, 1, (), None),
        ("inclusion", 2, 1, 1, (), None),
        ("inclusion", 2, 0, 0, (), None),
        ("inclusion", 2, 0, 2**31, (), None),
        ("inclusion", 2, -1, 1, (), None),
        ("inclusion", True, 0, 1, (), None),
        ("inclusion", 2, 0, True, (), None),
        ("inclusion", 2, 0, 2, (bytes(31),), None),
        ("inclusion", 2, 0, 2, (7,), None),
        ("inclusion", 2, 0, 2, (bytes(32),) * 101, None),
        ("inclusion", 2, 0, 1, (), "text"),
        ("inclusion", 2, 0, 1, ()),
        ("other", 2, 0, 1, (), None),
    ],
)
def test_a_malformed_path_is_refused(value: Value) -> None:
    with pytest.raises(Refused) as caught:
        TransactionProof.decode(encode(value))
    assert caught.value.code == "encoding_not_canonical"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_worse(raw: bytes) -> None:
    for read in (CertifiedHeader.decode, TransactionProof.decode, read_set_changes):
        try:
            read(raw)
        except Refused as refusal:
            assert refusal.code in (
                "encoding_not_canonical",
                "version_unknown",
                "node_answer_malformed",
            )


@given(st.data())
def test_a_flipped_bit_is_refused_or_proves_nothing(data: st.DataObject) -> None:
    raw = bytearray(certified_at(3).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        count = verify_certified(CertifiedHeader.decode(bytes(raw)), SET, verify)
    except Refused:
        return
    assert count == 3  # one signature, or its time, was hit: the three others are enough


def test_a_set_of_a_network_gives_each_member_one_vote() -> None:
    assert ValidatorSet.of_members([key.public_key for key in KEYS]).total_power == 4
