"""Payment links: an ordinary HTTPS link that any phone's camera opens, made into a QR code.

    https://HOST/p#1/ADDRESS/AMOUNT_MINOR[/NOTE]

What it asks stands behind `#`, so that no web server ever sees who is paid how much. `1` is the
version of what follows. The note is percent-encoded UTF-8.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

from primitives import addresses, amounts
from primitives.addresses import Address
from primitives.errors import Refused

LINK_VERSION = "1"
LINK_PATH = "/p#"
# A QR code of version 9 with error correction M holds 180 bytes.
LINK_BYTES_MAX = 180
NOTE_CHARACTERS_MAX = 140


@dataclass(frozen=True)
class PaymentLink:
    """A request to be paid."""

    address: str
    amount_minor: int | None
    note: str = ""

    def url(self, site: str) -> str:
        """The link, on a web site that can show the phone application, such as the node's.

        Raises `Refused("request_malformed")` when it would not fit a QR code of version 9.
        """
        amount = "" if self.amount_minor is None else str(self.amount_minor)
        parts = [LINK_VERSION, self.address, amount]
        if self.note:
            parts.append(quote(self.note, safe=""))
        url = site.rstrip("/") + LINK_PATH + "/".join(parts)
        if len(url.encode()) > LINK_BYTES_MAX:
            raise Refused("request_malformed", f"> {LINK_BYTES_MAX} bytes", field="note")
        return url


def is_payment_link(word: str) -> bool:
    """Whether `word` looks like a link rather than an address."""
    return LINK_PATH in word


def parse_payment_link(url: str) -> PaymentLink:
    """Read a link, whatever its web site. Raises `Refused`: `request_malformed`."""
    _, found, payload = url.strip().partition(LINK_PATH)
    parts = payload.split("/")
    if not found or not 3 <= len(parts) <= 4 or parts[0] != LINK_VERSION:
        raise Refused("request_malformed")
    try:
        parsed: Address = addresses.parse_address(parts[1])
    except Refused:
        raise Refused("request_malformed", field="address") from None
    amount_minor: int | None = None
    if parts[2]:
        if not parts[2].isascii() or not parts[2].isdigit() or len(parts[2]) > 16:
            raise Refused("request_malformed", field="amount")
        amount_minor = int(parts[2])
        if not amounts.is_amount(amount_minor):
            raise Refused("amount_out_of_range", field="amount")
    note = unquote(parts[3], errors="replace") if len(parts) == 4 else ""
    if len(note) > NOTE_CHARACTERS_MAX or not note.isprintable():
        raise Refused("request_malformed", field="note")
    address = addresses.format_address(parsed.prefix, parsed.account_id)
    return PaymentLink(address, amount_minor, note)
