"""Exact shapes of decoded values, for bytes that come from outside.

`primitives.encoding` has made sure that the bytes were canonical; here each field is given its
type. A wrong shape is `Refused("encoding_not_canonical")`: there is one way to write an object,
and this is not it.
"""

from __future__ import annotations

from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused

ID_BYTES = 20
KEY_BYTES = 32
HASH_BYTES = 32
SIGNATURE_BYTES = 64
BLIND_BYTES = 16
SEED_BYTES = 32
RUN_BYTES = 16
PROPOSAL_BYTES = 16
SALT_BYTES = 32


def wrong_shape(field: str) -> Refused:
    """The refusal of a field that is not what the protocol says."""
    return Refused("encoding_not_canonical", f"{field} is not what the protocol says", field=field)


def expect_bytes(value: Value, size: int, field: str) -> bytes:
    """`value` if it is a byte string of exactly `size` bytes."""
    if type(value) is not bytes or len(value) != size:
        raise wrong_shape(field)
    return value


def expect_maker(value: Value) -> bytes:
    """`value` if it says who made a request: a device key, or a territory account's id."""
    if type(value) is not bytes or len(value) not in (ID_BYTES, KEY_BYTES):
        raise wrong_shape("maker")
    return value


def expect_text(value: Value, field: str) -> str:
    """`value` if it is text."""
    if type(value) is not str:
        raise wrong_shape(field)
    return value


def expect_flag(value: Value, field: str) -> bool:
    """`value` if it is true or false."""
    if type(value) is not bool:
        raise wrong_shape(field)
    return value


def expect_integer(value: Value, field: str) -> int:
    """`value` if it is a whole number (a boolean is none), of any size."""
    if type(value) is not int:
        raise wrong_shape(field)
    return value


def expect_count(value: Value, field: str) -> int:
    """`value` if it is a whole number in 0 … 2^53 − 1."""
    if type(value) is not int or not 0 <= value <= AMOUNT_MINOR_MAX:
        raise wrong_shape(field)
    return value


def expect_amount(value: Value, field: str) -> int:
    """`value` if it is an amount to move. `amount_out_of_range` outside 1 … 2^53 − 1."""
    if type(value) is not int:
        raise wrong_shape(field)
    if not 1 <= value <= AMOUNT_MINOR_MAX:
        raise Refused("amount_out_of_range", f"{value} minor units", field=field)
    return value


def expect_array(value: Value, field: str) -> tuple[Value, ...]:
    """`value` if it is an array."""
    if type(value) is not tuple:
        raise wrong_shape(field)
    return value


def expect_fields(value: Value, size: int, field: str) -> tuple[Value, ...]:
    """`value` if it is an array of exactly `size` values."""
    if type(value) is not tuple or len(value) != size:
        raise wrong_shape(field)
    return value


def expect_object(value: Value, kind: str, version: int, size: int) -> tuple[Value, ...]:
    """The whole array of an object `[kind, version, …]` with `size` elements in all.

    Raises `kind_unknown`, `version_unknown` or `encoding_not_canonical`.
    """
    if type(value) is not tuple or len(value) < 2:
        raise wrong_shape(kind)
    if value[0] != kind:
        raise Refused("kind_unknown", f"expected {kind}")
    if type(value[1]) is not int or value[1] != version:
        raise Refused("version_unknown", f"{kind} of an unknown version")
    if len(value) != size:
        raise wrong_shape(kind)
    return value
