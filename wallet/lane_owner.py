"""Whose lane it is: an account, and the key that numbers its transactions."""

from dataclasses import dataclass

from primitives import addresses
from primitives.signatures import SigningKey


@dataclass(frozen=True)
class LaneOwner:
    """Whose lane it is: an account and the key that numbers its transactions."""

    prefix: str
    account_id: bytes
    signing_key: SigningKey

    @property
    def address(self) -> str:
        """The account's address."""
        return addresses.format_address(self.prefix, self.account_id)
