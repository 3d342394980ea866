"""Records: what the ledger remembers beside accounts and totals, read by their tree keys.

Refunds by receipt number, runs by who paid them and their id, what is said of the network,
requests about keys and keys that left. Rules meet few of them, so they share one way of being
kept; accounts, currencies and territories have their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from ledger.network_objects import (
    BALLOT_TREE_KEY,
    NETWORK_TREE_KEY,
    PROPOSAL,
    BallotRecord,
    MemberKeyRecord,
    NetworkObject,
    NetworkRecord,
    ProposalRecord,
    member_key_tree_key,
)
from ledger.objects import REFUND, RUN, RefundRecord, RunRecord, StateObject, tree_key
from ledger.power_objects import PowerObject
from primitives.errors import InvariantBroken

Record: TypeAlias = RefundRecord | RunRecord | NetworkObject | PowerObject


class RecordReader(ABC):
    """Reads records of each kind out of one way to read any."""

    __slots__ = ()

    @abstractmethod
    def record(self, key: bytes) -> StateObject | None:
        """The record with this tree key, as of here."""

    def refund(self, receipt_number: int) -> RefundRecord | None:
        """What was refunded of the payment with this receipt number, as of here."""
        found = self.record(tree_key(REFUND, receipt_number))
        return found if isinstance(found, RefundRecord) else None

    def run(self, owner: bytes, run_id: bytes) -> RunRecord | None:
        """The run that this account paid under this id, as of here."""
        found = self.record(tree_key(RUN, owner + run_id))
        return found if isinstance(found, RunRecord) else None

    def network(self) -> NetworkRecord:
        """The terms voted last, as of here. They always exist."""
        found = self.record(NETWORK_TREE_KEY)
        if not isinstance(found, NetworkRecord):
            raise InvariantBroken("the state has no network")
        return found

    def ballot(self) -> BallotRecord:
        """Which proposals are open, as of here. It always exists."""
        found = self.record(BALLOT_TREE_KEY)
        if not isinstance(found, BallotRecord):
            raise InvariantBroken("the state has no ballot")
        return found

    def proposal(self, identity: bytes) -> ProposalRecord | None:
        """The proposal with this id, as of here."""
        found = self.record(tree_key(PROPOSAL, identity))
        return found if isinstance(found, ProposalRecord) else None

    def member_key(self, use: int, key: bytes) -> MemberKeyRecord | None:
        """The member that this key was ever registered for, in that use, as of here."""
        found = self.record(member_key_tree_key(use, key))
        return found if isinstance(found, MemberKeyRecord) else None
