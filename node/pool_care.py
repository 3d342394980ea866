"""Waiting transactions that a commit made impossible leave the mempool.

Without this, a transaction that no block can hold any more would count as work for ever, and an
idle network would not be quiet.
"""

from collections.abc import Collection

from ledger.execution import check
from ledger.rules import RuleSet
from ledger.transaction import Transaction, decode_transaction
from node.clock import now_ms
from node.executor import Executor
from node.mempool import Mempool
from primitives.errors import Refused

RECHECKED_MAX = 100
"""So many are judged again after a commit, the oldest first."""


class PoolCare:
    """Judges the oldest of those that wait again on the newest state."""

    def __init__(self, mempool: Mempool, executor: Executor) -> None:
        self._mempool = mempool
        self._executor = executor

    def after_commit(self, in_blocks: Collection[bytes]) -> None:
        """`in_blocks` stand in blocks above the final one, where they were judged."""
        state = self._executor.newest_state()
        time_ms = now_ms()
        refused: list[tuple[Transaction, Refused]] = []
        for transaction in self._mempool.oldest(RECHECKED_MAX):
            if transaction.id not in in_blocks:
                try:
                    check(state, transaction, time_ms)
                except Refused as refusal:
                    refused.append((transaction, refusal))
        self._mempool.refuse(refused)

    def after_new_rules(self, network_id: bytes, rules: RuleSet) -> None:
        """Other rules are in force: what they do not know, or not at that size, leaves the pool."""
        refused: list[tuple[Transaction, Refused]] = []
        for transaction in self._mempool.oldest(len(self._mempool)):
            try:
                decode_transaction(transaction.raw, network_id, rules)
            except Refused as refusal:
                refused.append((transaction, refusal))
        self._mempool.refuse(refused)
