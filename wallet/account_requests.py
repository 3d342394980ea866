"""What a person hands to the town hall to have an account opened: one line of text, all public.

    democite:account/1/ADDRESS/KIND/DEVICE_KEY

The address carries a checksum and follows from the territory and the key, so a line that was
miscopied anywhere is refused.
"""

from dataclasses import dataclass

from primitives import addresses
from primitives.errors import Refused

ACCOUNT_KINDS = ("resident", "service", "employer", "commons")
LINE_START = "democite:account/1/"
LINE_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class AccountRequest:
    """One account to be opened with one device key."""

    prefix: str
    account_kind: str
    device_key: bytes

    @property
    def account_id(self) -> bytes:
        """The id that the account will have."""
        return addresses.account_id(self.prefix, self.device_key)

    @property
    def address(self) -> str:
        """The address that the account will have."""
        return addresses.format_address(self.prefix, self.account_id)

    def line(self) -> str:
        """The request as one line of text."""
        return f"{LINE_START}{self.address}/{self.account_kind}/{self.device_key.hex()}"


def parse_account_request(line: str) -> AccountRequest:
    """Read such a line. Raises `Refused`: `request_malformed`."""
    line = line.strip()
    parts = line.removeprefix(LINE_START).split("/")
    if len(line) > LINE_CHARACTERS_MAX or not line.startswith(LINE_START) or len(parts) != 3:
        raise Refused("request_malformed")
    try:
        address = addresses.parse_address(parts[0])
        device_key = bytes.fromhex(parts[2])
    except (Refused, ValueError):
        raise Refused("request_malformed") from None
    request = AccountRequest(address.prefix, parts[1], device_key)
    if (
        request.account_kind not in ACCOUNT_KINDS
        or len(device_key) != 32
        or request.account_id != address.account_id
    ):
        raise Refused("request_malformed")
    return request
