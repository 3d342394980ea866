"""Bech32m (BIP-350): short bytes as text that survives being typed, printed and scanned.

Strict: at most 90 characters of ASCII 33 … 126, one case throughout, zero padding of fewer than
five bits. How long a payload must be is the business of what it carries.
"""

from functools import reduce
from operator import xor

from primitives.errors import Refused

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_FOLDED = tuple(
    [reduce(xor, [g for bit, g in enumerate(_GENERATOR) if top >> bit & 1], 0) for top in range(32)]
)
"""What the five bits that a step shifts out add to the check, by their value."""

_CONSTANT = 0x2BC830A3
_CHECKSUM_CHARACTERS = 6
_CHARACTERS_MAX = 90


def encode(hrp: str, payload: bytes) -> str:
    """`payload` in lower case after the prefix `hrp`. Refuses (`address_malformed`) what is too
    long or a prefix that is empty, not ASCII 33 … 126, or not in lower case."""
    _check_characters(hrp)
    if not hrp or hrp != hrp.lower():
        raise _refused("the prefix must be lower case and not empty")
    groups = _to_groups(payload)
    text = f"{hrp}1{''.join(_ALPHABET[group] for group in groups + _checksum(hrp, groups))}"
    if len(text) > _CHARACTERS_MAX:
        raise _refused(f"longer than {_CHARACTERS_MAX} characters")
    return text


def decode(text: str) -> tuple[str, bytes]:
    """(prefix in lower case, payload). Refuses everything else with `address_malformed`."""
    hrp, groups = decode_groups(text)
    return hrp, _to_bytes(groups)


def decode_groups(text: str) -> tuple[str, list[int]]:
    """(prefix in lower case, the 5-bit groups before the checksum), as BIP-350 states it."""
    if len(text) > _CHARACTERS_MAX:
        raise _refused(f"longer than {_CHARACTERS_MAX} characters")
    # Before any change of case: some characters outside ASCII have a lower case inside it.
    _check_characters(text)
    if text not in (text.lower(), text.upper()):
        raise _refused("upper and lower case are mixed")
    hrp, _, data = text.lower().rpartition("1")
    if not hrp or len(data) < _CHECKSUM_CHARACTERS:
        raise _refused("too short")
    try:
        groups = [_VALUES[character] for character in data]
    except KeyError:
        raise _refused("it has a character that no address has") from None
    if _polymod(_expand(hrp) + groups) != _CONSTANT:
        raise _refused("the checksum is wrong")
    return hrp, groups[:-_CHECKSUM_CHARACTERS]


def _polymod(groups: list[int]) -> int:
    check = 1
    for group in groups:
        check = (check & 0x1FFFFFF) << 5 ^ group ^ _FOLDED[check >> 25]
    return check


def _expand(hrp: str) -> list[int]:
    return [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]


def _checksum(hrp: str, groups: list[int]) -> list[int]:
    check = _polymod(_expand(hrp) + groups + [0] * _CHECKSUM_CHARACTERS) ^ _CONSTANT
    return [check >> 5 * (5 - position) & 31 for position in range(_CHECKSUM_CHARACTERS)]


def _to_groups(payload: bytes) -> list[int]:
    bits = len(payload) * 8
    groups_count = -(-bits // 5)
    number = int.from_bytes(payload, "big") << groups_count * 5 - bits
    return [number >> 5 * position & 31 for position in range(groups_count - 1, -1, -1)]


def _to_bytes(groups: list[int]) -> bytes:
    padding = len(groups) * 5 % 8
    number = 0
    for group in groups:
        number = number << 5 | group
    if padding >= 5 or number & (1 << padding) - 1:
        raise _refused("the padding is wrong")
    return (number >> padding).to_bytes(len(groups) * 5 // 8, "big")


def _check_characters(text: str) -> None:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise _refused("it has a blank or a character outside ASCII")


def _refused(detail: str) -> Refused:
    return Refused("address_malformed", detail)
