"""Objects: the stored form is the protocol's, read back exactly, and nothing else is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    SetThreshold,
    UnblockKey,
    changes_value,
    read_changes,
)
from ledger.objects import (
    BLOCKED_BY_HALL,
    BLOCKED_BY_OWNER,
    NOT_BLOCKED,
    Account,
    Currency,
    DeviceKey,
    RefundRecord,
    RunRecord,
    StateObject,
    TerritoryRecord,
    decode_object,
    tree_key,
)
from ledger.power_objects import (
    RequestRecord,
    RetiredKey,
    Standing,
    request_key,
    retired_key,
)
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_items

COUNTS = st.integers(0, 2**53 - 1)
IDS = st.binary(min_size=20, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DEVICES = st.builds(
    DeviceKey,
    st.binary(min_size=32, max_size=32),
    COUNTS,
    st.none() | COUNTS,
    COUNTS,
    st.integers(0, 2**64 - 1),
    st.sampled_from([NOT_BLOCKED, BLOCKED_BY_HALL, BLOCKED_BY_OWNER]),
)
KEYS = st.binary(min_size=32, max_size=32)
CHANGES = st.one_of(
    st.builds(AddKey, KEYS, COUNTS, st.none() | COUNTS.map(lambda one: max(one, 1))),
    st.builds(RemoveKey, KEYS),
    st.builds(ReplaceKey, KEYS, KEYS),
    st.builds(UnblockKey, KEYS),
    st.builds(SetLimit, KEYS, st.none() | COUNTS.map(lambda one: max(one, 1))),
    st.builds(SetThreshold, COUNTS),
)


def names_once(changes: list[KeyChange]) -> bool:
    try:
        read_changes(changes_value(changes))
    except Refused:
        return False
    return True


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    identity = draw(IDS)
    return Account(
        tree_key("account", identity),
        identity,
        draw(TEXTS),
        draw(TEXTS),
        draw(TEXTS),
        draw(COUNTS),
        draw(st.binary(min_size=16, max_size=16)),
        draw(COUNTS),
        tuple(draw(st.lists(DEVICES, max_size=4))),
        draw(COUNTS),
        draw(COUNTS),
        draw(COUNTS),
        draw(COUNTS),
        tuple(draw(st.lists(KEYS | IDS, max_size=3))),
        draw(COUNTS),
    )


@given(accounts())
def test_an_account_is_read_back_from_the_own_store_as_it_is_decoded(account: Account) -> None:
    raw = account.encode()
    again = Account.read_back(account.tree_key, raw)
    assert again == Account.decode(raw) == account
    assert [type(one) for one in again] == [type(one) for one in account]
    assert all(type(device) is DeviceKey for device in again.devices)


@st.composite
def power_objects(draw: st.DrawFn, kind: str) -> StateObject:
    if kind == "request":
        account, maker = draw(IDS), draw(KEYS | IDS)
        return RequestRecord(
            request_key(account, maker),
            account,
            maker,
            tuple(draw(st.lists(KEYS, max_size=3))),
            tuple(draw(st.lists(CHANGES, min_size=1, max_size=3).filter(names_once))),
            draw(COUNTS),
            draw(COUNTS),
            draw(st.sampled_from(Standing)),
        )
    return retired_key(draw(IDS), draw(KEYS))


@st.composite
def objects(draw: st.DrawFn) -> StateObject:
    kind = draw(
        st.sampled_from(["account", "currency", "territory", "refund", "run", "request", "retired"])
    )
    if kind == "account":
        return draw(accounts())
    if kind in ("request", "retired"):
        return draw(power_objects(kind))
    if kind == "currency":
        code = draw(TEXTS)
        return Currency(
            tree_key(kind, code),
            code,
            draw(TEXTS),
            draw(TEXTS),
            draw(COUNTS),
            draw(IDS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(IDS),
            tuple(draw(st.lists(TEXTS, max_size=3))),
        )
    if kind == "territory":
        prefix = draw(TEXTS)
        return TerritoryRecord(
            tree_key(kind, prefix),
            prefix,
            draw(TEXTS),
            draw(IDS),
            draw(IDS),
            tuple(draw(st.lists(TEXTS, max_size=3))),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
        )
    if kind == "run":
        owner, run_id = draw(IDS), draw(st.binary(min_size=16, max_size=16))
        key = tree_key(kind, owner + run_id)
        return RunRecord(key, owner, run_id, draw(COUNTS), draw(COUNTS))
    number = draw(COUNTS)
    return RefundRecord(tree_key(kind, number), number, draw(COUNTS), draw(COUNTS))


@given(objects())
def test_what_is_stored_is_read_back(item: StateObject) -> None:
    raw = item.encode()
    assert decode_object(raw) == item
    assert type(decode_object(raw)) is type(item)
    value = decode(raw)
    identity = value[2]  # type: ignore[index]
    if isinstance(item, RunRecord | RequestRecord | RetiredKey):
        identity += value[3]  # type: ignore[index, operator]
    assert item.tree_key == hash_items("key", [value[0], identity])  # type: ignore[index]


@given(objects(), st.data())
def test_a_value_of_another_type_is_refused(item: StateObject, data: st.DataObject) -> None:
    value: list[Any] = list(decode(item.encode()))  # type: ignore[arg-type]
    place = data.draw(st.integers(2, len(value) - 1))
    wrong: list[Any] = [None, True, -1, 2**53, [[1]]]
    if isinstance(value[place], str):
        wrong += [b"x"]
    elif isinstance(value[place], bytes):
        wrong += [value[place] + b"x", value[place][1:], "x"]
    elif isinstance(value[place], int):
        wrong += ["1", b"1"]
    value[place] = data.draw(st.sampled_from(wrong))
    with pytest.raises(Refused, match="encoding_not_canonical"):
        decode_object(encode(value))


def test_the_bytes_are_the_protocols() -> None:
    device = DeviceKey(b"k" * 32, 3, None, 70, 1)
    account = Account(
        tree_key("account", b"i" * 20),
        b"i" * 20,
        "lavo",
        "resident",
        "LAV",
        5,
        b"b" * 16,
        1,
        (device,),
        0,
        7,
        8,
        9,
        (b"i" * 20, b"k" * 32),
        3,
    )
    assert decode(account.encode()) == (
        "account",
        2,
        b"i" * 20,
        "lavo",
        "resident",
        "LAV",
        5,
        b"b" * 16,
        1,
        ((b"k" * 32, 3, None, 70, bytes(7) + b"\x01", 0),),
        0,
        7,
        8,
        9,
        (b"i" * 20, b"k" * 32),
        3,
    )
    assert account.device(b"k" * 32) == device
    assert account.device(b"l" * 32) is None
    assert account.credited(4).balance_minor == 9


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ((), "encoding_not_canonical"),
        (5, "encoding_not_canonical"),
        (("refund",), "encoding_not_canonical"),
        (("refund", 2, 1, 1, 1), "version_unknown"),
        (("refund", True, 1, 1, 1), "version_unknown"),
        (("refund", 1, 1, 1), "encoding_not_canonical"),
        (("run", 2, bytes(20), bytes(16), 1, 1), "version_unknown"),
        (("run", 1, bytes(20), bytes(16), 1), "encoding_not_canonical"),
        (("pact", 1, 1, 1, 1), "kind_unknown"),
        ((1, 1), "encoding_not_canonical"),
        (("account", 1), "version_unknown"),
        (("account", 2), "encoding_not_canonical"),
        (("request", 1, bytes(20), bytes(32), (), (), 1, 1, 0), "encoding_not_canonical"),
        (("retired", 1, bytes(20)), "encoding_not_canonical"),
    ],
)
def test_other_objects_are_refused(value: Any, code: str) -> None:
    with pytest.raises(Refused, match=code):
        decode_object(encode(value))
