"""The read side of a state: all that `check_` functions see."""

from __future__ import annotations

from typing import Protocol

from ledger.network_objects import (
    BallotRecord,
    MemberKeyRecord,
    NetworkRecord,
    ProposalRecord,
)
from ledger.objects import (
    Account,
    Currency,
    RefundRecord,
    RunRecord,
    StateObject,
    TerritoryRecord,
)
from ledger.rules import Parameters, RuleSet


class View(Protocol):
    """State after an ordered list of transactions: committed, or a candidate's."""

    @property
    def rules(self) -> RuleSet:
        """The rules of the epoch in force, whatever is voted already."""

    @property
    def parameters(self) -> Parameters:
        """The parameters of these rules."""

    @property
    def receipt_count(self) -> int:
        """Transactions accepted so far: the number that the next one gets."""

    def account(self, identity: bytes) -> Account | None:
        """The account with this id."""

    def currency(self, code: str) -> Currency | None:
        """The currency with this code."""

    def territory(self, prefix: str) -> TerritoryRecord | None:
        """The territory with this short name."""

    def refund(self, receipt_number: int) -> RefundRecord | None:
        """What was refunded of the payment with this receipt number."""

    def run(self, owner: bytes, run_id: bytes) -> RunRecord | None:
        """The run that this account paid under this id."""

    def network(self) -> NetworkRecord:
        """The terms voted last; see `rules` for those in force."""

    def ballot(self) -> BallotRecord:
        """Which proposals are open."""

    def proposal(self, identity: bytes) -> ProposalRecord | None:
        """The proposal with this id."""

    def member_key(self, use: int, key: bytes) -> MemberKeyRecord | None:
        """The member that this key was ever registered for, in that use."""

    def record(self, key: bytes) -> StateObject | None:
        """The record with this tree key: a refund, a run, a request, a retired key."""

    def receipt_leaf(self, number: int) -> bytes | None:
        """Leaf of a receipt in the open chunk or the one before."""

    def chunk_root(self, index: int) -> bytes | None:
        """Root of a full chunk of the receipt log."""
