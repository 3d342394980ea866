"""Account ids and their addresses.

Id: first 20 bytes of H("account", [prefix, first device key]); it never changes when keys do.
Address: bech32m with the territory's short name as prefix and `00 ‖ id` as payload. Upper case is
accepted for QR codes. Transactions carry ids, people see addresses.
"""

import re
from typing import NamedTuple

from primitives import bech32m
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_items
from primitives.signatures import PUBLIC_KEY_BYTES

ACCOUNT_ID_BYTES = 20
_VERSION = b"\x00"
_PREFIX = re.compile(r"[a-z][a-z0-9]{2,11}")


class Address(NamedTuple):
    """What an address says: the territory's short name and the account's id."""

    prefix: str
    account_id: bytes


def is_prefix(text: object) -> bool:
    """Whether `text` can be a territory's short name: 3 to 12 of a–z and 0–9, first a letter."""
    return isinstance(text, str) and _PREFIX.fullmatch(text) is not None


def account_id(prefix: str, first_key: bytes) -> bytes:
    """The id, 20 bytes, of the account whose first device key is `first_key`."""
    if not is_prefix(prefix) or len(first_key) != PUBLIC_KEY_BYTES:
        raise InvariantBroken("an account id is made of a checked prefix and a whole key")
    return hash_items("account", [prefix, first_key])[:ACCOUNT_ID_BYTES]


def format_address(prefix: str, account_id: bytes) -> str:
    """The address in lower case."""
    if not is_prefix(prefix) or len(account_id) != ACCOUNT_ID_BYTES:
        raise InvariantBroken("an address is made of a checked prefix and a whole id")
    return bech32m.encode(prefix, _VERSION + account_id)


def parse_address(text: str) -> Address:
    """What an address says, or `address_malformed`. Whether its territory exists is not asked."""
    prefix, payload = bech32m.decode(text)
    if not is_prefix(prefix):
        raise Refused("address_malformed", "its prefix cannot be a territory's short name")
    if len(payload) != 1 + ACCOUNT_ID_BYTES:
        raise Refused("address_malformed", "its length is not an account's")
    if payload[:1] != _VERSION:
        raise Refused("address_malformed", f"address version {payload[0]} is not known")
    return Address(prefix, payload[1:])
