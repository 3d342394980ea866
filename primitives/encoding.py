"""Canonical encoding: MessagePack in which every value has exactly one form.

Rules (`docs/protocol.md` §1): nil, booleans, integers from −2^63 to 2^64 − 1, valid UTF-8 text,
byte strings and arrays, nothing else; the shortest form, non-negative integers unsigned; nesting
bounded. The library decodes, an exact walk over the types refuses what it makes of its own accord
(timestamps, extensions, floats, maps), and encoding again must give the same bytes.

What is allocated stays in proportion to the input: the library reserves an array's full claimed
length before it has read it, for every array it is inside of, so arrays with more than
`_ITEMS_UNSCANNED_MAX` items are only handed to it once a scan has shown that the claims hold.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgpack

from primitives.errors import Refused

Value: TypeAlias = "bool | int | str | bytes | Sequence[Value] | None"
"""What can be encoded; of sequences only lists and tuples. Decoding gives arrays as tuples."""

DEPTH_MAX = 8
"""Arrays inside arrays, the outermost counted."""

BYTES_MAX = 1 << 24
"""What `decode` takes when the caller names no bound of its own."""

_ATOMS = frozenset({type(None), bool, int, str, bytes})

# The library holds at most 1024 unfinished arrays, so it reserves at most 8 MiB unscanned.
_ITEMS_UNSCANNED_MAX = 1024

_LIBRARY_REFUSALS = (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException)


def encode(value: Value, *, depth_max: int = DEPTH_MAX) -> bytes:
    """The one encoding of `value`; lists and tuples are both arrays.

    Refuses (`encoding_not_canonical`) whatever `decode` would refuse: other types and their
    subclasses (a bool is a bool), integers beyond 64 bits, lone surrogates, deeper nesting.
    """
    _check_types(value, depth_max)
    try:
        encoded: bytes = msgpack.packb(value)
    except (ValueError, OverflowError) as error:
        raise _refused(f"cannot be encoded: {error}") from None
    return encoded


def decode(raw: bytes, *, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Value:
    """The value whose one encoding is `raw`, arrays as tuples.

    `bytes_max` is checked before anything is read, `depth_max` before anything is followed.
    Refuses everything else with `encoding_not_canonical`.
    """
    if len(raw) > bytes_max:
        raise _refused(f"{len(raw)} bytes, at most {bytes_max} here")
    try:
        value: Value = msgpack.unpackb(
            raw, use_list=False, max_map_len=0, max_array_len=_ITEMS_UNSCANNED_MAX
        )
    except _LIBRARY_REFUSALS:
        value = _decode_scanned(raw, depth_max)
    _check_types(value, depth_max)
    try:
        again = msgpack.packb(value)
    except (ValueError, OverflowError) as error:
        raise _refused(str(error)) from None
    if again != raw:
        raise _refused("not the shortest form")
    return value


def _decode_scanned(raw: bytes, depth_max: int) -> Value:
    """Decode what has long arrays, once it is known that they are all there."""
    _scan(raw, depth_max)
    try:
        value: Value = msgpack.unpackb(raw, use_list=False, max_map_len=0)
    except _LIBRARY_REFUSALS as error:
        raise _refused(str(error) or type(error).__name__) from None
    return value


def _check_types(value: object, depth_left: int) -> None:
    """Refuse any type but the allowed ones, exactly, and nesting beyond `depth_left`."""
    kind = type(value)
    if kind in _ATOMS:
        return
    if not isinstance(value, tuple | list) or kind not in (tuple, list):
        raise _refused(f"type {kind.__name__} has no encoding")
    if depth_left <= 0:
        raise _refused("nested too deeply")
    for item in value:
        if type(item) not in _ATOMS:
            _check_types(item, depth_left - 1)


# Bytes that follow the first one, where it alone says how many.
_FIXED_BYTES = {0xC0: 0, 0xC2: 0, 0xC3: 0}
_FIXED_BYTES |= {0xCC + i: 1 << i for i in range(4)}
_FIXED_BYTES |= {0xD0 + i: 1 << i for i in range(4)}
_FIXED_BYTES |= dict.fromkeys((*range(128), *range(224, 256)), 0)
_FIXED_BYTES |= {0xA0 + length: length for length in range(32)}

# Width of the length that follows the first byte.
_TEXT_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_ARRAY_WIDTHS = {0xDC: 2, 0xDD: 4}


def _scan(raw: bytes, depth_max: int) -> None:
    """Refuse arrays that claim more items than there are bytes left, or are nested too deeply."""
    bytes_count = len(raw)
    position = 0
    unread: list[int] = []  # items still to come, of each array we are inside of
    unread_sum = 1
    while unread_sum > 0:
        if unread_sum > bytes_count - position:
            raise _refused("an array claims more items than there are bytes")
        while unread and unread[-1] == 0:
            unread.pop()
        if unread:
            unread[-1] -= 1
        unread_sum -= 1
        first = raw[position]
        position += 1
        fixed = _FIXED_BYTES.get(first)
        if fixed is not None:
            position += fixed
        elif first in _TEXT_WIDTHS:
            width = _TEXT_WIDTHS[first]
            position += width + int.from_bytes(raw[position : position + width], "big")
        elif first in _ARRAY_WIDTHS or 0x90 <= first <= 0x9F:
            width = _ARRAY_WIDTHS.get(first, 0)
            items = (
                int.from_bytes(raw[position : position + width], "big") if width else first - 0x90
            )
            position += width
            if len(unread) >= depth_max:
                raise _refused("nested too deeply")
            unread.append(items)
            unread_sum += items
        else:
            raise _refused(f"type byte {first:#04x} is not allowed")


def _refused(detail: str) -> Refused:
    return Refused("encoding_not_canonical", detail)
