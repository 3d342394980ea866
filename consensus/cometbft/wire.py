"""Protobuf as CometBFT writes it (gogoproto): fields ascending, defaults left out.

What is written here is hashed and signed, so it is written by hand; what is read may come from
anyone. A reader takes known fields alone, each once unless it is repeated, in ascending order;
whoever reads a whole object encodes it again and refuses other bytes (`check_canonical`), so one
value has one form. Wire format: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Mapping

from primitives.errors import Refused

VARINT = 0
FIXED64 = 1
BYTES = 2
_VARINT_BYTES_MAX = 10
_WORD = 2**64


def varint(number: int) -> bytes:
    """A number as a base-128 varint; a negative one as its 64-bit two's complement."""
    number &= _WORD - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_field(field: int, number: int) -> bytes:
    """An integer field; nothing for 0."""
    return varint(field << 3 | VARINT) + varint(number) if number else b""


def fixed64_field(field: int, number: int) -> bytes:
    """An sfixed64 field; nothing for 0."""
    if not number:
        return b""
    return varint(field << 3 | FIXED64) + (number & _WORD - 1).to_bytes(8, "little")


def bytes_field(field: int, raw: bytes) -> bytes:
    """A bytes or text field; nothing for an empty one."""
    return message_field(field, raw) if raw else b""


def message_field(field: int, raw: bytes) -> bytes:
    """An embedded message that always stands there, also when it is empty."""
    return varint(field << 3 | BYTES) + varint(len(raw)) + raw


def delimited(raw: bytes) -> bytes:
    """A message with its length before it."""
    return varint(len(raw)) + raw


def signed64(number: int) -> int:
    """The int64 that a varint stands for."""
    return number - _WORD if number >= _WORD >> 1 else number


class Message:
    """One message's fields, read. `kinds`: the wire type of each known field; `repeated` may stand
    more than once. What is absent has its default. Raises `Refused("encoding_not_canonical")`."""

    __slots__ = ("_name", "_repeated", "_values")

    def __init__(
        self, raw: bytes, kinds: Mapping[int, int], name: str, *, repeated: int | None = None
    ) -> None:
        self._name = name
        self._repeated = repeated
        self._values: dict[int, list[int | bytes]] = {}
        place = newest = 0
        while place < len(raw):
            key, place = _read_varint(raw, place, name)
            field = key >> 3
            if kinds.get(field) != key & 7:
                raise not_canonical(f"{name} has no such field {field}")
            if field < newest or (field == newest and field != repeated):
                raise not_canonical(f"field {field} of {name} is out of order")
            newest = field
            value: int | bytes
            if key & 7 == BYTES:
                length, place = _read_varint(raw, place, name)
                if length > len(raw) - place:
                    raise not_canonical(f"{name} ends within a field")
                value, place = raw[place : place + length], place + length
            else:
                value, place = _read_varint(raw, place, name)
            self._values.setdefault(field, []).append(value)

    def number(self, field: int, *, least: int = 0, most: int = 2**63 - 1) -> int:
        """An integer within these bounds."""
        value = self._values.get(field, [0])[0]
        number = signed64(value) if isinstance(value, int) else least - 1
        if not least <= number <= most:
            raise not_canonical(f"field {field} of {self._name} is out of range")
        return number

    def unsigned(self, field: int) -> int:
        """A uint64."""
        value = self._values.get(field, [0])[0]
        if not isinstance(value, int):
            raise not_canonical(f"field {field} of {self._name} is no number")
        return value

    def raw(self, field: int, sizes: frozenset[int]) -> bytes:
        """Bytes of one of these lengths; 0 stands for an absent field."""
        value = self._values.get(field, [b""])[0]
        if not isinstance(value, bytes) or len(value) not in sizes:
            raise not_canonical(f"field {field} of {self._name} has another size")
        return value

    def text(self, field: int, bytes_max: int) -> str:
        """UTF-8 text."""
        value = self._values.get(field, [b""])[0]
        if not isinstance(value, bytes) or len(value) > bytes_max:
            raise not_canonical(f"field {field} of {self._name} is too long")
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise not_canonical(f"field {field} of {self._name} is no text") from None

    def message(self, field: int) -> bytes:
        """An embedded message that must stand there."""
        value = self._values.get(field, [None])[0]
        if not isinstance(value, bytes):
            raise not_canonical(f"field {field} of {self._name} is missing")
        return value

    def messages(self, field: int, count_max: int) -> list[bytes]:
        """The embedded messages of a repeated field."""
        values = self._values.get(field, [])
        if len(values) > count_max:
            raise not_canonical(f"{len(values)} in {self._name}, at most {count_max}")
        return [value for value in values if isinstance(value, bytes)]


def check_canonical(raw: bytes, again: bytes, name: str) -> None:
    """What was read is written with these very bytes. Raises `encoding_not_canonical`."""
    if raw != again:
        raise not_canonical(f"not the one form of {name}")


def check_size(raw: bytes, bytes_max: int, name: str) -> None:
    """Before anything is read. Raises `encoding_not_canonical`."""
    if len(raw) > bytes_max:
        raise not_canonical(f"{len(raw)} bytes of {name}, at most {bytes_max}")


def not_canonical(detail: str) -> Refused:
    """What can't be read."""
    return Refused("encoding_not_canonical", detail)


def _read_varint(raw: bytes, place: int, name: str) -> tuple[int, int]:
    number = 0
    for count in range(_VARINT_BYTES_MAX):
        if place >= len(raw):
            raise not_canonical(f"{name} ends within a number")
        byte = raw[place]
        place += 1
        number |= (byte & 127) << 7 * count
        if byte < 128:
            if number >= _WORD or (count and not byte):
                break
            return number, place
    raise not_canonical(f"a number in {name} is too long")
