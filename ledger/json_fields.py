"""JSON objects of a genesis file, whose fields have exact types.

Anything else is `Refused("genesis_malformed")` with the name of the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from primitives.errors import Refused


class JsonFields:
    """A JSON object whose fields have exact types."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise Refused("genesis_malformed", "an object is missing", field=where or None)
        self._content: Mapping[str, object] = content

    def names(self) -> Iterable[str]:
        """The names of all fields."""
        return self._content.keys()

    def is_absent(self, name: str) -> bool:
        """Whether the field is null or not there."""
        return self._content.get(name) is None

    def text(self, name: str) -> str:
        """A field that is text."""
        value = self._content.get(name)
        if not isinstance(value, str):
            raise Refused("genesis_malformed", "text is missing", field=name)
        return value

    def integer(self, name: str) -> int:
        """A field that is a whole number."""
        value = self._content.get(name)
        if type(value) is not int:
            raise Refused("genesis_malformed", "a whole number is missing", field=name)
        return value

    def flag(self, name: str) -> bool:
        """A field that is true or false."""
        value = self._content.get(name)
        if type(value) is not bool:
            raise Refused("genesis_malformed", "true or false is missing", field=name)
        return value

    def items(self, name: str) -> list[object]:
        """A field that is a list."""
        value = self._content.get(name)
        if not isinstance(value, list):
            raise Refused("genesis_malformed", "a list is missing", field=name)
        return value

    def of(self, name: str) -> JsonFields:
        """A field that is an object."""
        return JsonFields(self._content.get(name), name)

    def bytes(self, name: str, size: int | None) -> bytes:
        """A field that is lower-case hexadecimal, of `size` bytes if that is given."""
        return hex_bytes(self._content.get(name), name, size)


def hex_bytes(value: object, name: str, size: int | None) -> bytes:
    """The bytes of lower-case hexadecimal text."""
    if isinstance(value, str) and re.fullmatch(r"(?:[0-9a-f]{2})+", value):
        raw = bytes.fromhex(value)
        if size is None or len(raw) == size:
            return raw
    raise Refused("genesis_malformed", "lower-case hexadecimal is missing", field=name)
