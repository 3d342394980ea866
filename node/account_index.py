"""Which receipts concern an account: the entries that blocks leave in the store, by number.

Of what was pruned one entry stays, the newest (`node.pruning`): reading stops there.
"""

from node.chain_records import ACCOUNT, lane_entry, number_key
from node.store import StoreView

_NUMBER_BYTES = 8


def newest_of(
    store: StoreView, account_id: bytes, first: int, before: int, limit: int
) -> tuple[list[int], bool]:
    """Receipt numbers first ≤ number < before that concern an account, newest first and at most
    `limit`; and whether it is known that there were older ones than `first`."""
    prefix = ACCOUNT + account_id
    found: list[int] = []
    for key, _ in store.iterate(prefix, number_key(prefix, max(before, first)), reverse=True):
        number = int.from_bytes(key[-_NUMBER_BYTES:], "big")
        if number < first:
            return found, True
        if len(found) >= limit:
            break
        found.append(number)
    return found, False


def on_lane(
    store: StoreView, account_id: bytes, first: int, lane: tuple[bytes, int], entries_max: int
) -> int | None:
    """The receipt number, from `first` on, of the account's transaction with this (device, number).

    Looks through the newest `entries_max` entries.
    """
    prefix, wanted = ACCOUNT + account_id, lane_entry(*lane)
    entries = store.iterate(prefix, prefix + b"\xff" * _NUMBER_BYTES, reverse=True)
    for (key, value), _ in zip(entries, range(entries_max), strict=False):
        number = int.from_bytes(key[-_NUMBER_BYTES:], "big")
        if number < first:
            return None
        if value == wanted:
            return number
    return None
