"""The node's own key, with which it countersigns, and the one that is to take its place.

The ledger says which of the two counts: the new one signs from the moment that the territory's
account names it, and the old one, which left the account in the same transaction, never again.
"""

from ledger.objects import Account
from ledger.roles import COUNTERSIGN
from primitives.errors import Refused
from primitives.signatures import SigningKey


class NodeKey:
    """See the module's docstring."""

    def __init__(self, current: SigningKey, pending: SigningKey | None = None) -> None:
        self.current = current
        self.pending = pending

    def named(self, account: Account) -> SigningKey:
        """The key that the territory's account names. Raises `Refused("node_key_unknown")`."""
        for key in (self.pending, self.current):
            device = None if key is None else account.device(key.public_key)
            if key is not None and device is not None and device.roles & COUNTERSIGN:
                if device.blocked:
                    raise Refused("key_blocked", "this node's own key is blocked")
                return key
        raise Refused("node_key_unknown", self.current.public_key.hex())

    def take(self, account: Account | None) -> bool:
        """Whether the account names the pending key, which then is the current one."""
        pending = self.pending
        device = None if account is None or pending is None else account.device(pending.public_key)
        if pending is None or device is None or not device.roles & COUNTERSIGN:
            return False
        self.current, self.pending = pending, None
        return True

    def put(self, current: SigningKey, pending: SigningKey | None) -> None:
        """The keys on disk are these."""
        self.current, self.pending = current, pending
