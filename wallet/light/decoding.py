"""Reading what a node sent as proof: whatever cannot be read proves nothing."""

from collections.abc import Callable
from typing import TypeVar

from primitives.errors import Refused

Decoded = TypeVar("Decoded")


def decoded(decode: Callable[[bytes], Decoded], raw: bytes) -> Decoded:
    """What `decode` makes of `raw`. Raises `Refused("proof_invalid")` for what it refuses."""
    try:
        return decode(raw)
    except Refused as refusal:
        raise Refused("proof_invalid", refusal.detail or refusal.code) from None
