"""Canonical encoding: MessagePack in which every value has exactly one form.

Rules (`docs/protocol.md` §1): nil, booleans, integers from −2^63 to 2^64 − 1, valid UTF-8 text,
byte strings and arrays, nothing else; the shortest form, non-negative integers unsigned; nesting
bounded. The library decodes, an exact walk over the types refuses what it makes of its own accord
(timestamps, extensions, floats, maps), and encoding again must give the same bytes.

What is allocated stays in proportion to the input: the library reserves an array's full claimed
length before it has read it, for every array it is inside of, so arrays with more than
`_ITEMS_UNSCANNED_MAX` items are only handed to it once a pass that builds nothing has shown that
the claims hold.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import msgpack

from primitives.errors import Refused

Value: TypeAlias = "bool | int | str | bytes | Sequence[Value] | None"
"""What can be encoded; of sequences only lists and tuples. Decoding gives arrays as tuples."""

DEPTH_MAX = 8
"""Arrays inside arrays, the outermost counted."""

BYTES_MAX = 1 << 24
"""What `decode` takes when the caller names no bound of its own."""

_ATOMS = frozenset({type(None), bool, int, str, bytes})
_ARRAYS = (tuple, list)

# Longer arrays are checked level by level; it is slower for short ones.
_ITEMS_WALKED_MAX = 64

# The library holds at most 1024 unfinished arrays, so it reserves at most 8 MiB unscanned.
_ITEMS_UNSCANNED_MAX = 1024


def _new_pack() -> Callable[[Value], bytes]:
    """One packer for all: a new one for every value would cost as much as packing a short one. It
    is never inside of two values at once: with exact built-in types only, no other code runs
    meanwhile. That holds for the compiled one alone: where the library stands in with Python,
    other threads run at any time, and would write into each other's values."""
    if msgpack.Packer.__module__ == "msgpack.fallback":
        return lambda value: msgpack.Packer().pack(value)
    pack: Callable[[Value], bytes] = msgpack.Packer().pack
    return pack


_pack = _new_pack()

_LIBRARY_REFUSALS = (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException)


def encode(value: Value, *, depth_max: int = DEPTH_MAX) -> bytes:
    """The one encoding of `value`; lists and tuples are both arrays.

    Refuses (`encoding_not_canonical`) whatever `decode` would refuse: other types and their
    subclasses (a bool is a bool), integers beyond 64 bits, lone surrogates, deeper nesting.
    """
    _check_types(value, depth_max)
    try:
        return _pack(value)
    except (ValueError, OverflowError) as error:
        raise _refused(f"cannot be encoded: {error}") from None


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
        value = _decode_scanned(raw)
    _check_types(value, depth_max)
    try:
        again = _pack(value)
    except (ValueError, OverflowError) as error:
        raise _refused(str(error)) from None
    if again != raw:
        raise _refused("not the shortest form")
    return value


def decode_own(raw: bytes) -> Any:
    """The value of what this node encoded and kept where nobody else writes: nothing of what
    `decode` proves is proved again. Raises ValueError for what is no value at all.
    """
    return msgpack.unpackb(raw, use_list=False)


def _decode_scanned(raw: bytes) -> Value:
    """Decode what has long arrays, once it is known that they are all there."""
    try:
        scan = msgpack.Unpacker(max_buffer_size=len(raw), max_array_len=len(raw))
        scan.feed(raw)
        scan.skip()  # follows every claim to its end and reserves nothing
        value: Value = msgpack.unpackb(raw, use_list=False, max_map_len=0)
    except _LIBRARY_REFUSALS as error:
        raise _refused(str(error) or type(error).__name__) from None
    return value


def _check_types(value: object, depth_left: int) -> None:
    """Refuse any type but the allowed ones, exactly, and nesting beyond `depth_left`."""
    kind = type(value)
    if kind in _ATOMS:
        return
    if not isinstance(value, _ARRAYS) or kind not in _ARRAYS:
        raise _refused(f"type {kind.__name__} has no encoding")
    if depth_left <= 0:
        raise _refused("nested too deeply")
    if len(value) > _ITEMS_WALKED_MAX:
        _check_long(value, depth_left - 1)
        return
    for item in value:
        if type(item) not in _ATOMS:
            _check_types(item, depth_left - 1)


def _check_long(items: Sequence[object], depth_left: int) -> None:
    """`_check_types` of each item, for the long lists of batches: all items of all short arrays in
    it at once, since a call for every line is what decoding a batch would mostly cost."""
    inner = [item for item in items if type(item) not in _ATOMS]
    if not inner:
        return
    if not {*map(type, inner)} <= {*_ARRAYS} or depth_left <= 0:
        for item in inner:
            _check_types(item, depth_left)
    _check_long([*chain.from_iterable(inner)], depth_left - 1)  # type: ignore[arg-type]


def _refused(detail: str) -> Refused:
    return Refused("encoding_not_canonical", detail)
