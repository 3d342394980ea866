"""The bytes of the journal's groups.

group:   magic(4) ‖ length(4) ‖ sequence(8) ‖ kind(1) ‖ crc32(4) ‖ content(length)
kind 1:  records, each view(8) ‖ length(4) ‖ bytes
kind 2:  number(8) of the oldest segment still kept
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from primitives.errors import Refused

GROUP_BYTES_MAX = 64 << 20
MAGIC = b"\xd3\x4d\x4f\x6a"
HEAD = struct.Struct(">4sIQBI")
RECORD_HEAD = struct.Struct(">QI")
RECORDS, OLDEST = 1, 2


def pack_group(sequence: int, kind: int, content: bytes) -> bytes:
    """One group's bytes."""
    crc = checksum(sequence, kind, content)
    return HEAD.pack(MAGIC, len(content), sequence, kind, crc) + content


def read_group(raw: bytes, position: int) -> tuple[int, int, bytes] | None:
    """(sequence, kind, content) of a whole group at `position`, or None."""
    if position + HEAD.size > len(raw):
        return None
    magic, length, sequence, kind, crc = HEAD.unpack_from(raw, position)
    begin = position + HEAD.size
    if magic != MAGIC or length > GROUP_BYTES_MAX or begin + length > len(raw):
        return None
    content = raw[begin : begin + length]
    if kind not in (RECORDS, OLDEST) or crc != checksum(sequence, kind, content):
        return None
    return sequence, kind, content


def any_group_after(raw: bytes, position: int) -> bool:
    """Whether a whole group begins at `position` or later."""
    while (position := raw.find(MAGIC, position)) >= 0:
        if read_group(raw, position) is not None:
            return True
        position += 1
    return False


def split_records(content: bytes, path: Path) -> Iterator[tuple[int, bytes]]:
    """(view, record) of each. Refuses `journal_corrupt`."""
    position = 0
    while position < len(content):
        begin = position + RECORD_HEAD.size
        if begin > len(content):
            raise Refused("journal_corrupt", "a record that is cut", file=str(path))
        view, length = RECORD_HEAD.unpack_from(content, position)
        position = begin + length
        if position > len(content):
            raise Refused("journal_corrupt", "a record beyond its group", file=str(path))
        yield view, content[begin:position]


def checksum(sequence: int, kind: int, content: bytes) -> int:
    """Of all that the group says."""
    return zlib.crc32(content, zlib.crc32(sequence.to_bytes(8, "big") + bytes([kind])))
