"""Records: what the ledger remembers beside accounts and totals, read by their tree keys.

Refunds by receipt number, runs by who paid them and their id. Rules meet few of them, so they
share one way of being kept; accounts, currencies and territories have their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from ledger.objects import REFUND, RUN, RefundRecord, RunRecord, StateObject, tree_key

Record: TypeAlias = RefundRecord | RunRecord


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
