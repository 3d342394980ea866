"""Canonical encoding: one value, one form, and nothing else gets in."""

import enum
import os
import subprocess
import sys
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.encoding import DEPTH_MAX, Value, decode, encode
from primitives.errors import Refused

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.text(st.characters(codec="utf-8")),
    st.binary(max_size=300),
)


def arrays(depth: int) -> st.SearchStrategy[Value]:
    """Values with at most `depth` arrays inside each other."""
    if depth == 0:
        return ATOMS
    return st.one_of(ATOMS, st.lists(arrays(depth - 1), max_size=5).map(tuple))


def nested(depth: int) -> Value:
    value: Value = 7
    for _ in range(depth):
        value = (value,)
    return value


def assert_refused(raw: bytes, **bounds: int) -> None:
    with pytest.raises(Refused) as refusal:
        decode(raw, **bounds)
    assert refusal.value.code == "encoding_not_canonical"


@given(arrays(4))
def test_decoding_gives_back_what_was_encoded(value: Value) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_bytes_are_refused_or_are_the_one_form_of_their_value(raw: bytes) -> None:
    try:
        value = decode(raw)
    except Refused as refusal:
        assert refusal.code == "encoding_not_canonical"
    else:
        assert encode(value) == raw


@given(arrays(3), st.data())
def test_a_value_has_no_second_form(value: Value, data: st.DataObject) -> None:
    raw = bytearray(encode(value))
    at = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[at // 8] ^= 1 << at % 8
    try:
        other = decode(bytes(raw))
    except Refused:
        return
    assert repr(other) != repr(value)


def test_lists_and_tuples_are_the_same_array() -> None:
    assert encode(["a", [1, (2, [])]]) == encode(("a", (1, [2, ()])))
    assert decode(encode(["a", [1]])) == ("a", (1,))


def test_integers_take_the_unsigned_form() -> None:
    assert encode(256) == bytes.fromhex("cd0100")
    assert_refused(bytes.fromhex("d10100"))
    assert encode(2**63 - 1).hex() == "cf7fffffffffffffff"
    assert_refused(bytes.fromhex("d37fffffffffffffff"))


def test_booleans_stay_apart_from_integers() -> None:
    assert encode(True) == b"\xc3"
    assert decode(b"\xc3") is True
    assert decode(b"\x01") == 1 and decode(b"\x01") is not True


@pytest.mark.parametrize(
    "hexadecimal",
    [
        "",
        "d6ff00000001",  # a timestamp, which the library makes without asking
        "d7ff0000000000000001",
        "c70cff00000000000000000000000a",
        "d40100",  # an extension
        "ca3f800000",  # floats
        "cb3ff0000000000000",
        "80",  # maps
        "81a16101",
        "9180",
        "c1",  # never used
        "a1ff",  # not UTF-8
        "a3eda080",  # a lone surrogate
        "c000",  # trailing bytes
        "92c0",  # an item is missing
        "d90161",  # not the shortest
        "c5000161",
        "dc0001c0",
        "dd00000001c0",
        "dcffff",
        "ddffffffff",
        "c6ffffffff",
        "dbffffffff61",
    ],
)
def test_other_bytes_are_refused(hexadecimal: str) -> None:
    assert_refused(bytes.fromhex(hexadecimal))


def test_what_has_no_encoding_is_refused() -> None:
    class Roles(enum.IntFlag):
        SPEND = 1

    class Name(str):
        pass

    class Items(tuple[int, ...]):
        pass

    for value in (
        *(1.0, {}, {1}, object(), bytearray(b"a"), memoryview(b"a"), Roles.SPEND, Name("a")),
        *(Items((1,)), "\ud800", 2**64, -(2**63) - 1, [1.5], [[{}]]),
        *(msgpack.Timestamp(1), msgpack.ExtType(1, b"")),
    ):
        with pytest.raises(Refused, match="encoding_not_canonical"):
            encode(value)  # type: ignore[arg-type]


def test_what_was_refused_is_not_in_what_is_encoded_next() -> None:
    for refused in (("a", 2**64), ("b" * 1_000, "\ud800"), ("c", [-(2**63) - 1])):
        with pytest.raises(Refused):
            encode(refused)
        assert encode(("d", 1)) == b"\x92\xa1d\x01"


def test_nesting_is_bounded_on_both_sides() -> None:
    deepest = nested(DEPTH_MAX)
    assert decode(encode(deepest)) == deepest
    with pytest.raises(Refused):
        encode(nested(DEPTH_MAX + 1))
    assert_refused(encode(nested(DEPTH_MAX + 1), depth_max=9))
    assert decode(encode(nested(9), depth_max=9), depth_max=9) == nested(9)
    for depth in (500, 2_000, 1_000_000):
        assert_refused(b"\x91" * depth + b"\xc0")
    assert_refused(encode([nested(2)]), depth_max=2)


def test_size_is_bounded_before_anything_is_read() -> None:
    raw = encode(b"x" * 100)
    assert decode(raw, bytes_max=len(raw)) == b"x" * 100
    assert_refused(raw, bytes_max=len(raw) - 1)


@pytest.mark.parametrize("items", [1_024, 1_025, 70_000])
def test_long_arrays_of_everything_are_read(items: int) -> None:
    row = (None, True, 3, 200, 70_000, 2**40, -5, -200, -70_000, -(2**40), "é" * 40, b"x" * 300)
    value = tuple((*row, "a" * 70_000) if i == 3 else row[i % 12] for i in range(items))
    assert decode(encode(value)) == value


def test_long_arrays_are_refused_like_short_ones() -> None:
    good = encode((1,) * 2_000)
    for bad in (
        good[:-1],
        good + b"\x01",
        good[:-1] + b"\x80",
        good[:-1] + b"\xca",
        good[:-1] + b"\xd9",
        good[:-1] + b"\xc6\xff\xff\xff\xff",
        b"\xdd" + len(good).to_bytes(4, "big") + good[3:],
        b"\xdd\x00\x00\x07\xd0" + good[3:],
        good[:-1] + b"\x91" * 7,
        good[:-1] + b"\xd6\xff\x00\x00\x00\x01",
    ):
        assert_refused(bad)
    assert decode(good[:-1] + b"\x91" * 7 + b"\x01") == (1,) * 1_999 + (nested_list(7),)
    assert_refused(good[:-1] + b"\x91" * 8 + b"\x01")


def nested_list(depth: int) -> Value:
    value: Value = 1
    for _ in range(depth):
        value = (value,)
    return value


def test_memory_stays_in_proportion_to_the_input() -> None:
    # Each header claims a million items; the library alone would reserve 8 MB for every one.
    bomb = b"\xdd\x00\x0f\x00\x00" * 1_000 + b"\xc0" * 1_000_000
    tracemalloc.start()
    try:
        assert_refused(bomb)
        assert_refused(b"\xdc\x03\xff" * 1_000 + b"\xc0" * 2_000)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 32 << 20


_TWO_THREADS = """
import sys, threading
from primitives.encoding import encode

sys.setswitchinterval(1e-5)
wrong = []

def work(number):
    value = tuple([("line", number, each, bytes(20)) for each in range(20)])
    good = encode(value)
    try:
        wrong.extend(1 for _ in range(200) if encode(value) != good)
    except Exception as error:
        wrong.append(error)

threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
[each.start() for each in threads]
[each.join() for each in threads]
print(len(wrong))
"""


@pytest.mark.parametrize("stands_in", ["", "1"])
def test_threads_encode_beside_each_other_also_where_the_library_is_not_compiled(
    stands_in: str,
) -> None:
    environment = {**os.environ, "MSGPACK_PUREPYTHON": stands_in}
    command = [sys.executable, "-c", _TWO_THREADS]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "0\n"
