"""What leaders left out although it was there for them and had room, counted per member.

A count is no proof: the transaction may have reached that member late. A count that grows for one
member alone is worth a call (protocol, section 7, fairness).
"""

from collections.abc import Collection, Iterable

from consensus.header import Header
from consensus.members import MemberSet
from ledger.transaction import Transaction

KNOWN_MAX = 50_000
"""Of so many it is known since when they wait: more than the mempool holds."""

WATCHED_MAX = 100
"""So many of the oldest waiting transactions are looked at after a block."""


class Fairness:
    """Knows since when each waiting transaction is here. `grace_ms` is how long it may take to
    reach a leader; `block_work_max` is what a block can hold."""

    def __init__(self, members: MemberSet, grace_ms: int, block_work_max: int) -> None:
        self._since_ms: dict[bytes, int] = {}
        self.left_out: dict[str, int] = {}
        """By short name: how often a waiting transaction was left out of its blocks."""
        self.begin_epoch(members, grace_ms, block_work_max)

    def begin_epoch(self, members: MemberSet, grace_ms: int, block_work_max: int) -> None:
        """These lead from now on."""
        self._members = members
        self._grace_ms = grace_ms
        self._block_work_max = block_work_max
        self.left_out = {one.prefix: self.left_out.get(one.prefix, 0) for one in members.members}

    def came(self, ids: Iterable[bytes], now_ms: int) -> None:
        """These wait from now on."""
        for transaction_id in ids:
            self._since_ms.setdefault(transaction_id, now_ms)
        while len(self._since_ms) > KNOWN_MAX:
            del self._since_ms[next(iter(self._since_ms))]

    def gone(self, ids: Iterable[bytes]) -> None:
        """These wait no more."""
        for transaction_id in ids:
            self._since_ms.pop(transaction_id, None)

    def judge(
        self,
        header: Header,
        transactions: Collection[Transaction],
        waiting: Iterable[Transaction],
        in_later_blocks: Collection[bytes],
    ) -> None:
        """A block became final. `waiting` are those that could still go into one, oldest first."""
        room = self._block_work_max - sum(transaction.work for transaction in transactions)
        place = (header.epoch + header.view) % len(self._members.members)
        leader = self._members.members[place]
        latest_ms = header.time_ms - self._grace_ms
        for transaction in waiting:
            since_ms = self._since_ms.get(transaction.id, header.time_ms)
            if (
                since_ms <= latest_ms
                and transaction.work <= room
                and transaction.id not in in_later_blocks
            ):
                self.left_out[leader.prefix] += 1
