"""What a new device shows to join an account: one line of text, all public.

    democite:device/1/ADDRESS/DEVICE_KEY/CHECK

`CHECK` is the first 8 hexadecimal digits of a hash over the rest: a miscopied line is refused.
"""

from dataclasses import dataclass

from primitives import addresses
from primitives.errors import Refused
from primitives.hashing import hash_items

LINE_START = "democite:device/1/"
LINE_CHARACTERS_MAX = 300
CHECK_DIGITS = 8


@dataclass(frozen=True)
class DeviceCard:
    """A device key that wants to join an account."""

    address: str
    device_key: bytes

    @property
    def account_id(self) -> bytes:
        """The account's id."""
        return addresses.parse_address(self.address).account_id

    def line(self) -> str:
        """The card as one line of text."""
        check = hash_items("device_card", [self.address, self.device_key]).hex()[:CHECK_DIGITS]
        return f"{LINE_START}{self.address}/{self.device_key.hex()}/{check}"


def parse_device_card(line: str) -> DeviceCard:
    """Read such a line. Raises `Refused`: `request_malformed`."""
    line = line.strip()
    parts = line.removeprefix(LINE_START).split("/")
    if len(line) > LINE_CHARACTERS_MAX or not line.startswith(LINE_START) or len(parts) != 3:
        raise Refused("request_malformed")
    try:
        card = DeviceCard(parts[0].lower(), bytes.fromhex(parts[1]))
        card.account_id  # noqa: B018 (an address that cannot be read is refused here)
    except (Refused, ValueError):
        raise Refused("request_malformed") from None
    if len(card.device_key) != 32 or card.line() != f"{LINE_START}{'/'.join(parts)}":
        raise Refused("request_malformed")
    return card
