"""Many byte strings in one frame, packed and cut without a Python loop over their bytes.

group = count(4) ‖ length(4) × count ‖ the byte strings
"""

import struct
from collections.abc import Sequence

from primitives.errors import Refused

ITEMS_MAX = 65_536
_COUNT_BYTES = 4


def pack_group(items: Sequence[bytes]) -> bytes:
    """The items in one byte string; at most `ITEMS_MAX` of them."""
    lengths = [len(item) for item in items]
    head = struct.pack(f">I{len(items)}I", len(items), *lengths)
    return head + b"".join(items)


def read_group(content: bytes, offset: int = 0, *, items_max: int = ITEMS_MAX) -> list[bytes]:
    """The items again; they must fill the rest of `content`. Refuses `peer_malformed`."""
    begin = offset + _COUNT_BYTES
    count = int.from_bytes(content[offset:begin], "big")
    position = begin + 4 * count
    if len(content) < begin or count > items_max or position > len(content):
        raise Refused("peer_malformed", "a group that is cut or too long")
    items: list[bytes] = []
    for length in struct.unpack_from(f">{count}I", content, begin):
        items.append(content[position : position + length])
        position += length
    if position != len(content):
        raise Refused("peer_malformed", "a group whose lengths do not fit")
    return items
