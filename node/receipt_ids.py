"""The ids of all receipts, as the store holds them: runs, each under its first receipt's number.

A block brings its own run; what came with a snapshot are runs of a whole chunk of the receipt log.
They are never pruned: with them any receipt can be proved against any later header.
"""

from collections.abc import Iterator

from node.chain_records import IDS, number_key
from node.store import StoreView, after_prefix
from primitives.errors import InvariantBroken
from primitives.hashing import HASH_BYTES


def ids_between(store: StoreView, first_number: int, end_number: int) -> Iterator[bytes]:
    """Ids of receipts first_number ≤ number < end_number. Raises InvariantBroken for a gap."""
    number = first_number
    if number >= end_number:
        return
    for key, run in _runs_from(store, number):
        begin = int.from_bytes(key[1:], "big")
        count = len(run) // HASH_BYTES
        if not begin <= number < begin + count:
            break
        for at in range(number - begin, min(count, end_number - begin)):
            yield run[at * HASH_BYTES : (at + 1) * HASH_BYTES]
        number = begin + count
        if number >= end_number:
            return
    raise InvariantBroken(f"the id of receipt {number} is missing")


def _runs_from(store: StoreView, number: int) -> Iterator[tuple[bytes, bytes]]:
    """The run that holds this number, and those after it."""
    after = number_key(IDS, number + 1)
    yield from _first(store.iterate(IDS, after, reverse=True))
    yield from store.iterate(after, after_prefix(IDS))


def _first(entries: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for entry in entries:
        yield entry
        return
