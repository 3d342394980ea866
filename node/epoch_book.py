"""The epochs of one chain, read from its store."""

from functools import lru_cache

from consensus.epoch_starts import EpochStart
from ledger.genesis import Genesis
from ledger.rules import RuleSet
from node.chain import Chain
from node.epochs import Epoch
from primitives.errors import InvariantBroken, Refused

_EPOCHS_CACHED = 16


class EpochBook:
    """`current` is the epoch that the next block of the chain is of, as far as it is on disk."""

    def __init__(self, chain: Chain, genesis: Genesis) -> None:
        self._chain = chain
        self._first = Epoch.first(genesis)
        self.epoch = lru_cache(_EPOCHS_CACHED)(self._read)
        """The epoch with this number. Raises InvariantBroken if it has not begun here."""
        newest = chain.newest
        number = self._first.number
        if newest is None and chain.base is not None and chain.base.epoch is not None:
            number = chain.base.epoch
        if newest is not None:
            number = newest.header.epoch + (newest.header.next_set_hash is not None)
        self.current = self.epoch(number)

    def advance(self) -> Epoch:
        """The boundary of the current epoch is on disk: the next one is current."""
        self.current = self.epoch(self.current.number + 1)
        return self.current

    def before(self, number: int) -> Epoch | None:
        """An epoch of a predecessor, whose records were kept for who knows no other one."""
        record = self._chain.epoch_record(number)
        return None if record is None else Epoch.of(record)

    @property
    def first(self) -> int:
        """The number of the epoch that the genesis begins."""
        return self._first.number

    def rules_at(self, height: int) -> RuleSet:
        """The rules under which the block at a final height was executed."""
        stored = self._chain.stored_header(height)
        if stored is None:
            raise InvariantBroken(f"no block at height {height}")
        return self.epoch(stored.header.epoch).rules

    def _read(self, number: int) -> Epoch:
        if number == self._first.number:
            return self._first
        record = self._chain.epoch_record(number)
        if record is None:
            raise InvariantBroken(f"epoch {number} has not begun here")
        return Epoch.of(record)


def start_of(epoch: Epoch, before: Epoch | None) -> EpochStart:
    """How an epoch began, for who knows the one before. Raises `Refused("not_found")` for the
    first one, which follows from the genesis."""
    record = epoch.record
    if record is None:
        raise Refused("not_found")
    is_same = before is not None and before.members == epoch.members
    return EpochStart(
        epoch.number,
        record.boundary,
        record.closing,
        record.finality,
        None if is_same else epoch.members,
    )
