"""Whether this node votes, and if not, why."""

from node.chain import Chain
from node.chain_records import UNASKED_EPOCH
from node.engines.simplex import SimplexEngine
from node.epoch_book import EpochBook
from node.journal import Journal
from node.key_ring import KeyRing
from node.restoration import observed_until


class Voting:
    """`observe_only`: it was asked not to vote."""

    def __init__(
        self,
        keys: KeyRing,
        chain: Chain,
        epochs: EpochBook,
        journal: Journal,
        *,
        observe_only: bool,
    ) -> None:
        self._keys = keys
        self._chain = chain
        self._epochs = epochs
        self._journal = journal
        self._observe_only = observe_only

    def standing(self) -> tuple[bool, int]:
        """Whether this node only observes, and until which epoch, as an epoch begins."""
        is_lost = self._journal.lost_reason is not None
        until = observed_until(self._chain, self._epochs.current)
        return self._observe_only or is_lost, until

    def observing_reason(self, engine: SimplexEngine) -> str | None:
        """Why this node does not vote; None if it does."""
        if not engine.replica.observing:
            return None
        if self._observe_only:
            return "asked to observe"
        epoch = self._epochs.current
        if self._keys.current.voting_key not in epoch.members.index:
            return "not a member of the present set"
        restored = self._chain.restored
        if restored is not None and restored.until_epoch > epoch.number:
            until = restored.until_epoch
            if until == UNASKED_EPOCH:
                return "the journal was lost, and the members changed: they are asked"
            if self._journal.lost_reason is None:
                return f"the journal was lost: votes again from epoch {until}"
        return (
            self._journal.lost_reason or engine.stopped_voting or "the journal is behind the chain"
        )
