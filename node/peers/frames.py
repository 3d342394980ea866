"""Frames on a peer connection, and the hello that comes first.

    frame = length(4) ‖ type(1) ‖ content        length counts type and content

A length above the bound is refused before anything is allocated for it. Before the hello is
accepted the bound is 16 KiB.
"""

from typing import NamedTuple

from primitives.encoding import decode, encode
from primitives.errors import Refused

WIRE_VERSION = 3
"""1 knew no snapshots and could not say that blocks were pruned, 2 could not tell of epochs in a
row. A node speaks the current version and the one before."""

HELLO_BYTES_MAX = 16 << 10
FRAME_OVERHEAD_BYTES = 1 << 20
"""What a frame may hold beside a full block: certificates, ids, lists."""

HELLO = 1
TRANSACTIONS = 2
"""A group of raw transactions the receiver may not hold."""
CONSENSUS = 3
"""One message of the consensus core, whole."""
PROPOSAL = 4
"""A proposal that names its transactions by id."""
WANT_TRANSACTIONS = 5
THESE_TRANSACTIONS = 6
WANT_BLOCKS = 7
THESE_BLOCKS = 8
WANT_EPOCH = 9
THIS_EPOCH = 10
WANT_SNAPSHOT = 11
"""See `snapshots.offers`. From wire version 2 on, as all that follow."""
THIS_SNAPSHOT = 12
"""A snapshot that the sender holds, with what makes its header final."""
WANT_PART = 13
THIS_PART = 14
BLOCKS_PRUNED = 15
"""The answer to WANT_BLOCKS where the first of them is kept no longer: the first kept height(8)."""

WANT_EPOCHS = 16
"""See `node.epoch_chain`. From wire version 3 on."""
THESE_EPOCHS = 17

_TYPES = frozenset(range(HELLO, THESE_EPOCHS + 1))
_HEAD_BYTES = 5


class Frame(NamedTuple):
    """One frame as it came."""

    type: int
    content: bytes


class Hello(NamedTuple):
    """What each side says first."""

    wire_version: int
    network_id: bytes
    engine: str
    height: int
    """Newest final height of the sender; a hint only."""
    epoch: int
    """The epoch it is in; a hint too."""


def pack(frame_type: int, content: bytes) -> bytes:
    """The frame's bytes."""
    return (len(content) + 1).to_bytes(4, "big") + bytes([frame_type]) + content


def pack_hello(hello: Hello) -> bytes:
    """The hello as a frame."""
    return pack(HELLO, encode(("hello", 1, *hello)))


def read_hello(content: bytes) -> Hello:
    """Refuses what is no hello (`peer_malformed`)."""
    try:
        value = decode(content, bytes_max=HELLO_BYTES_MAX, depth_max=1)
    except Refused as refusal:
        raise Refused("peer_malformed", refusal.detail) from None
    match value:
        case ("hello", 1, int(wire), bytes(network_id), str(engine), int(height), int(epoch)) if (
            height >= 0
            and epoch >= 0
            and bool not in {type(value[1]), type(wire), type(height), type(epoch)}
        ):
            return Hello(wire, network_id, engine, height, epoch)
    raise Refused("peer_malformed", "no hello")


def check_hello(ours: Hello, theirs: Hello) -> None:
    """Refuse a peer that we can't speak with: `peer_of_other_version`, `peer_of_other_network`,
    `peer_of_other_engine`. One that is a version ahead speaks ours too."""
    if abs(theirs.wire_version - ours.wire_version) > 1:
        raise Refused("peer_of_other_version", f"wire version {theirs.wire_version}")
    if theirs.network_id != ours.network_id:
        raise Refused("peer_of_other_network", theirs.network_id.hex()[:16])
    if theirs.engine != ours.engine:
        raise Refused("peer_of_other_engine", theirs.engine[:20])


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer", "bytes_max")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.bytes_max = HELLO_BYTES_MAX

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`. Refuses `peer_malformed`."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        position, available = 0, len(buffer)
        while available - position >= _HEAD_BYTES:
            length = int.from_bytes(buffer[position : position + 4], "big")
            if not 1 <= length <= self.bytes_max:
                raise Refused("peer_malformed", f"a frame of {length} bytes")
            if buffer[position + 4] not in _TYPES:
                raise Refused("peer_malformed", f"a frame of type {buffer[position + 4]}")
            end = position + 4 + length
            if end > available:
                break
            frames.append(
                Frame(buffer[position + 4], bytes(memoryview(buffer)[position + 5 : end]))
            )
            position = end
        if position:
            del buffer[:position]
        return frames
