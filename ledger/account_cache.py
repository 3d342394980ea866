"""The accounts that were read or changed last, decoded; others are read when they are asked for.

A payment names two. Most payers and shops come again soon, and reading one costs a sixth of all
that a node does for a payment beside checking its signature.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ledger.objects import ACCOUNT, Account, tree_key
from ledger.shapes import wrong_shape
from ledger.sources import ObjectSource

ACCOUNTS_CACHED_MAX = 50_000


class AccountCache:
    """Committed accounts; those that were read or changed longest ago leave first."""

    def __init__(self, source: ObjectSource, accounts_max: int) -> None:
        self._source = source
        self._accounts_max = accounts_max
        # Not a plain dict: looking for its first entry walks over all that left before.
        self._accounts: OrderedDict[bytes, Account] = OrderedDict()

    def get(self, identity: bytes) -> Account | None:
        """The committed account with this id."""
        found = self._accounts.get(identity)
        if found is not None:
            return found
        key = tree_key(ACCOUNT, identity)
        raw = self._source.object(key)
        if raw is None:
            return None
        found = self._read_back(identity, key, raw)
        self.remember(found)
        return found

    def read_ahead(self, identities: Iterable[bytes]) -> None:
        """Read those of these accounts that are not here, in one look at the source."""
        accounts = self._accounts
        missing = [one for one in dict.fromkeys(identities) if one not in accounts]
        if not missing:
            return
        keys = [tree_key(ACCOUNT, identity) for identity in missing]
        raws = self._source.objects_of(keys)
        for identity, key, raw in zip(missing, keys, raws, strict=True):
            if raw is not None:
                self.remember(self._read_back(identity, key, raw))

    @staticmethod
    def _read_back(identity: bytes, key: bytes, raw: bytes) -> Account:
        found = Account.read_back(key, raw)
        if found.id != identity:
            raise wrong_shape("id")  # another account stands where this one belongs
        return found

    def remember(self, account: Account) -> None:
        """Keep what was read or committed."""
        accounts = self._accounts
        accounts[account.id] = account
        accounts.move_to_end(account.id)
        if len(accounts) > self._accounts_max:
            accounts.popitem(last=False)
