"""Our codec with the depth of the public MessagePack vectors, which is 16 where our rule is 8."""

from primitives import encoding
from primitives.encoding import Value


def decode(raw: bytes) -> Value:
    """As the rule, but for the depth."""
    return encoding.decode(raw, depth_max=16)


def encode(value: Value) -> bytes:
    """As the rule, but for the depth."""
    return encoding.encode(value, depth_max=16)
