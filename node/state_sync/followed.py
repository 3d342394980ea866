"""The epochs that a newcomer follows from the last one it knows, before it takes a snapshot.

Each is proved by the members of the one before (`node.epoch_chain`) and kept at once, in the store
that is being made: a killed node goes on after the newest, and none but the newest needs memory.
"""

from collections.abc import Callable
from functools import lru_cache

from consensus.members import MemberSet
from ledger.genesis import Genesis
from node.epoch_chain import EPOCHS_AT_ONCE, following, read_epochs
from node.epochs import Epoch, EpochRecord, rule_version_unknown
from node.state_sync.staging import Staging
from primitives.errors import InvariantBroken, Refused

_EPOCHS_CACHED = 16


class FollowedEpochs:
    """See the module's docstring. `known` gives what this node's own chain has of an epoch. Slow,
    so for a thread, but for what is asked of one epoch."""

    def __init__(
        self, staging: Staging, genesis: Genesis, known: Callable[[int], EpochRecord | None]
    ) -> None:
        self._staging = staging
        self._network_id = genesis.network_id
        self._first = Epoch.first(genesis)
        self._epoch = lru_cache(_EPOCHS_CACHED)(self._read)
        self.newest = self._first
        """As far as it is proved."""
        try:
            self._take_up(known)
        except (Refused, InvariantBroken):
            staging.throw_away()  # a damaged disk: all of it can be fetched again
            self._take_up(known)

    def _take_up(self, known: Callable[[int], EpochRecord | None]) -> None:
        """Go on from what was kept, or from what the chain has where that is more."""
        kept = max(self._staging.newest_epoch, self._first.number)
        own: list[EpochRecord] = []
        while (record := known(kept + 1)) is not None:
            own.append(record)
            kept += 1
            if len(own) == EPOCHS_AT_ONCE:
                self._staging.keep_epochs(own)
                own = []
        if own:
            self._staging.keep_epochs(own)
        newest = self._read(kept)
        if newest.record is not None and newest.record.boundary.network_id != self._network_id:
            raise Refused("data_of_other_network", "the epochs that were kept")
        self.newest = newest

    def _read(self, number: int) -> Epoch:
        if number == self._first.number:
            return self._first
        record = self._staging.epoch_record(number)
        if record is None or record.epoch != number:
            raise InvariantBroken(f"how epoch {number} began was not kept")
        return Epoch.of(record)

    def epoch(self, number: int) -> Epoch | None:
        """An epoch, as far as it was followed to."""
        return self._epoch(number) if self._first.number <= number <= self.newest.number else None

    def set_of(self, epoch: int) -> MemberSet | None:
        """The members of an epoch, as far as it was followed to."""
        found = self.epoch(epoch)
        return None if found is None else found.members

    def begins_above(self, epoch: int) -> bytes | None:
        """The digest of the block that an epoch begins above, as far as it was followed to."""
        found = self.epoch(epoch)
        return None if found is None else found.digest

    def check_known(self) -> None:
        """Raises `Refused("rule_version_unknown")` where this program can follow no farther."""
        if not self.newest.is_known:
            raise rule_version_unknown(self.newest.terms.rule_version)

    def take(self, content: bytes, first: int) -> int:
        """What a peer told of the epochs from `first` on: prove and keep what is new; how many it
        told of.

        What was proved before something false stays. Refuses what `read_epochs` and `following`
        refuse, and `rule_version_unknown`.
        """
        newest, fresh, told = self.newest, list[EpochRecord](), 0
        try:
            for record in read_epochs(content, first):
                told += 1
                if record.epoch <= newest.number:
                    continue  # another peer was faster
                newest = following(newest, record, self._network_id)
                fresh.append(record)
                if not newest.is_known:
                    break  # what is told of later ones may be in a form that is not known here
        finally:
            if fresh:
                self._staging.keep_epochs(fresh)
                self.newest = newest
        self.check_known()
        return told
