"""Where a territory's card is proved: the proposal by which it joined after the genesis.

An enacted `add` carries the whole card and stays in the state for ever, under an id that nobody
could guess from the territory's name. So the store keeps, for each such name, which proposal it
was; the entry follows from the objects alone and goes to disk together with them.
"""

from collections.abc import Callable, Iterable, Iterator

from ledger.changes import AddMember
from ledger.network_objects import ENACTED, PROPOSAL, ProposalRecord
from node.chain_records import CARD
from primitives.encoding import encode

_TIME_BYTES = 8
_HEAD = encode(PROPOSAL)
"""What every proposal begins with, after the mark of an array."""


def card_entries(
    objects: Iterable[bytes], known: Callable[[bytes], bytes | None]
) -> Iterator[tuple[bytes, bytes]]:
    """The entries that these objects give; `known` reads the store.

    A territory that left and came back has two proposals, which say the same of its name, accounts
    and currencies. The earlier one counts, by its own date, so that all nodes name the same.
    """
    found: dict[bytes, bytes] = {}
    for content in objects:
        if not content.startswith(_HEAD, 1):
            continue
        record = ProposalRecord.decode(content)
        if record.decided != ENACTED or not isinstance(record.change, AddMember):
            continue
        key = CARD + record.change.territory.prefix.encode()
        entry = record.until_ms.to_bytes(_TIME_BYTES, "big") + record.id
        before = found.get(key) or known(key)
        if before is None or entry < before:
            found[key] = entry
    yield from found.items()


def card_proposal(known: Callable[[bytes], bytes | None], prefix: str) -> bytes | None:
    """Id of the proposal by which a territory joined after the genesis, if it did."""
    entry = known(CARD + prefix.encode())
    return None if entry is None else entry[_TIME_BYTES:]
