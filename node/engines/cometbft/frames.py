"""Length-delimited messages: an unsigned varint, then so many bytes. No input or output here.

Source: CometBFT v0.38, `libs/protoio` (`binary.PutUvarint` of Go).
"""

from primitives.errors import InvariantBroken

PREFIX_BYTES_MAX = 5
"""Enough for any bound that is used here (2^35 bytes)."""


def frame(payload: bytes) -> bytes:
    """The payload with its length in front."""
    length, prefix = len(payload), bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + payload


class FrameReader:
    """Cuts a stream into payloads of at most `payload_bytes_max` bytes each."""

    def __init__(self, payload_bytes_max: int) -> None:
        self._bytes_max = payload_bytes_max
        self._buffer = bytearray()

    @property
    def is_inside(self) -> bool:
        """Whether a part of a frame is held."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are complete now. A longer one is refused by its prefix, before it is
        held. Raises `InvariantBroken`: both ends are ours, or CometBFT's."""
        buffer = self._buffer
        buffer += data
        found: list[bytes] = []
        at = 0
        while (head := self._head(at)) is not None:
            begin, end = head
            if end > len(buffer):
                break
            found.append(bytes(buffer[begin:end]))
            at = end
        del buffer[:at]
        return found

    def _head(self, at: int) -> tuple[int, int] | None:
        """Where the payload of the frame at `at` begins and ends; None while its prefix is cut."""
        length = 0
        for count, byte in enumerate(self._buffer[at : at + PREFIX_BYTES_MAX]):
            length |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if length > self._bytes_max:
                    raise InvariantBroken(f"a message of {length} bytes on a local socket")
                begin = at + count + 1
                return begin, begin + length
        if len(self._buffer) - at >= PREFIX_BYTES_MAX:
            raise InvariantBroken("a message without a length on a local socket")
        return None
