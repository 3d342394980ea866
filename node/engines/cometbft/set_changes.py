"""The validator sets of a chain, and what proves each change of them to wallets, kept in the store.

Which set signs at a height follows from the epochs: the boundary at height H told CometBFT of the
next set, which signs from H + 2 on. So the header at H + 1 names it, and its commit, by the set
before, is the proof. It is fetched from CometBFT once and kept for ever: a wallet follows every
change since the genesis, whatever was pruned.
"""

from collections.abc import Iterator

from consensus.cometbft.certified import SetChange
from consensus.cometbft.validators import ValidatorSet
from ledger.terms import NetworkTerms
from node.chain_records import SET_CHANGE, number_key
from node.engines.cometbft.network_terms import validators_of
from node.epoch_book import EpochBook
from node.kept_sets import one_answer
from node.store import Store
from primitives.encoding import encode

SIGNS_AFTER = 2
"""So many heights after the boundary a new set signs for the first time."""


EPOCHS_RECENT = 4
"""An epoch has at least one block, and a set signs two heights after its boundary."""


class SetChanges:
    """See the module's docstring."""

    def __init__(self, store: Store, epochs: EpochBook) -> None:
        self._store = store
        self._epochs = epochs
        self._looked_at = epochs.first
        """Up to this epoch changes were looked for."""
        self._unproved: dict[int, tuple[ValidatorSet, ValidatorSet]] = {}

    def set_at(self, height: int) -> ValidatorSet:
        """The set that signs the block at a height, up to two above the newest on disk."""
        book = self._epochs
        number = book.current.number
        while number > book.first and book.epoch(number).height + SIGNS_AFTER > height:
            number -= 1
        return _set_of(book.epoch(number).terms)

    def recent(self) -> tuple[tuple[int, frozenset[bytes]], ...]:
        """(from which height on it signs, public keys) of the newest sets, newest first: of all
        that may sign at the heights which are decided now or next."""
        book = self._epochs
        found: list[tuple[int, frozenset[bytes]]] = []
        for number in range(book.current.number, book.first - 1, -1)[:EPOCHS_RECENT]:
            epoch = book.epoch(number)
            begin = epoch.height + SIGNS_AFTER if number > book.first else 0
            keys = frozenset([each.public_key for each in validators_of(epoch.terms)])
            found.append((begin, keys))
        return tuple(found)

    def missing(self, chain_height: int) -> Iterator[tuple[int, ValidatorSet, ValidatorSet]]:
        """(height, set before, set after) of changes whose proof is not kept yet, ascending, as far
        as their blocks are on disk. Every epoch is looked at once."""
        book = self._epochs
        while self._looked_at < book.current.number:
            before, after = book.epoch(self._looked_at), book.epoch(self._looked_at + 1)
            self._looked_at += 1
            if validators_of(after.terms) == validators_of(before.terms):
                continue
            height = after.height + 1
            if self._store.get(number_key(SET_CHANGE, height)) is None:
                self._unproved[height] = _set_of(before.terms), _set_of(after.terms)
        for height, (old, new) in self._unproved.items():
            if height <= chain_height:
                yield height, old, new

    def put(self, change: SetChange) -> None:
        """Keep what proves a change. Slow: it waits for the disk."""
        key = number_key(SET_CHANGE, change.header.height)
        self._store.write([(key, encode(change.value()))], sync=True)
        self._unproved.pop(change.header.height, None)

    def above(self, height: int) -> list[SetChange]:
        """Those above a height, ascending, at most as many as go into one answer."""
        return one_answer(self._store, height)


def _set_of(terms: NetworkTerms) -> ValidatorSet:
    return ValidatorSet.of_members([each.public_key for each in validators_of(terms)])
