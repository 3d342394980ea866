"""Verified transactions that wait for a block.

Rules of this file:
- Only what was verified comes in, so a block made of pooled transactions needs no second check.
- Bounded in number, bytes and per account; what does not fit is refused (`mempool_full`), never
  kept at the cost of another account's.
- A number of a lane stands here once: the second is `number_used`.
- A transaction stays until it is final, or refused by the state; why it was refused is remembered
  for a while, for who asks.
- A leader takes the oldest first, accounts in turn: nobody waits behind one busy till.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ledger.transaction import Transaction
from primitives.errors import Refused


@dataclass(frozen=True, slots=True)
class MempoolBounds:
    """How much may wait."""

    transactions_max: int = 20_000
    bytes_max: int = 32 << 20
    per_account_max: int = 512
    refusals_remembered_max: int = 20_000


class Mempool:
    """See the module's docstring."""

    def __init__(
        self,
        bounds: MempoolBounds | None = None,
        on_refused: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        """`on_refused` is told the ids of what the state did not accept after all."""
        self._on_refused = on_refused
        self._bounds = bounds or MempoolBounds()
        self._by_id: dict[bytes, Transaction] = {}
        self._by_account: dict[bytes, dict[bytes, Transaction]] = {}
        self._by_lane: dict[tuple[bytes, bytes, int], bytes] = {}
        self._own: set[bytes] = set()
        """Those that clients of this node handed in."""
        self._refusals: dict[bytes, tuple[Refused, bytes]] = {}
        self.bytes_held = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, transaction_id: object) -> bool:
        return transaction_id in self._by_id

    @property
    def own_count(self) -> int:
        """How many wait that clients of this node handed in."""
        return len(self._own)

    @property
    def is_full(self) -> bool:
        """Whether no other would be taken, however short."""
        bounds = self._bounds
        return len(self._by_id) >= bounds.transactions_max or self.bytes_held >= bounds.bytes_max

    def get(self, transaction_id: bytes) -> Transaction | None:
        """The waiting transaction with this id."""
        return self._by_id.get(transaction_id)

    def on_lane(self, account: bytes, device: bytes, number: int) -> bytes | None:
        """The id that waits under this number of a device's lane."""
        return self._by_lane.get((account, device, number))

    def refusal(self, transaction_id: bytes) -> Refused | None:
        """Why it was dropped, if that was not long ago."""
        remembered = self._refusals.get(transaction_id)
        return None if remembered is None else remembered[0]

    def refused_account(self, transaction_id: bytes) -> bytes | None:
        """Whose lane a dropped transaction was on, as long as its refusal is remembered."""
        remembered = self._refusals.get(transaction_id)
        return None if remembered is None else remembered[1]

    def check_room(self, transaction: Transaction) -> None:
        """Refuse what could not be added: `mempool_full`, `number_used`.

        Asked before signatures are verified, so that no work is spent in vain; `add` asks again.
        """
        bounds = self._bounds
        if (
            len(self._by_id) >= bounds.transactions_max
            or self.bytes_held + len(transaction.raw) > bounds.bytes_max
        ):
            raise Refused("mempool_full", "too many transactions wait")
        of_account = self._by_account.get(transaction.account)
        if of_account is not None and len(of_account) >= bounds.per_account_max:
            raise Refused("mempool_full", "too many transactions of this account wait")
        lane = (transaction.account, transaction.device, transaction.number)
        holder = self._by_lane.get(lane)
        if holder is not None and holder != transaction.id:
            raise Refused("number_used", "another transaction with this number waits")

    def add(self, transaction: Transaction, *, is_own: bool = False) -> bool:
        """Take in a verified transaction, which a client of this node handed in or a member passed
        on; False if it was here. Refuses as `check_room`."""
        transaction_id = transaction.id
        if transaction_id in self._by_id:
            return False
        self.check_room(transaction)
        account = transaction.account
        self._by_id[transaction_id] = transaction
        of_account = self._by_account.get(account)
        if of_account is None:
            self._by_account[account] = {transaction_id: transaction}
        else:
            of_account[transaction_id] = transaction
        self._by_lane[account, transaction.device, transaction.number] = transaction_id
        self.bytes_held += len(transaction.raw)
        if is_own:
            self._own.add(transaction_id)
        return True

    def remove(self, transaction_ids: Iterable[bytes]) -> None:
        """Let go of what became final (ids that are not here are fine)."""
        for transaction_id in transaction_ids:
            transaction = self._by_id.pop(transaction_id, None)
            if transaction is None:
                continue
            account = transaction.account
            of_account = self._by_account[account]
            del of_account[transaction_id]
            if not of_account:
                del self._by_account[account]
            del self._by_lane[account, transaction.device, transaction.number]
            self.bytes_held -= len(transaction.raw)
            self._own.discard(transaction_id)

    def refuse(self, refused: Iterable[tuple[Transaction, Refused]]) -> None:
        """Let go of what the state does not accept, and remember why."""
        ids: list[bytes] = []
        for transaction, refusal in refused:
            ids.append(transaction.id)
            self._refusals[transaction.id] = (refusal.without_trace(), transaction.account)
        self.remove(ids)
        if ids and self._on_refused is not None:
            self._on_refused(ids)
        while len(self._refusals) > self._bounds.refusals_remembered_max:
            del self._refusals[next(iter(self._refusals))]

    def take(self, count_max: int, without: Collection[bytes]) -> list[Transaction]:
        """Up to `count_max` for a block: oldest first, accounts in turn. They stay here.

        `without` are ids that stand in blocks already, above the last final one.
        """
        chosen: list[Transaction] = []
        turns = iter([iter(waiting.values()) for waiting in self._by_account.values()])
        while True:
            again: list[Iterator[Transaction]] = []
            for waiting in turns:
                for transaction in waiting:
                    if transaction.id not in without:
                        chosen.append(transaction)
                        again.append(waiting)
                        break
                if len(chosen) >= count_max:
                    return chosen
            if not again:
                return chosen
            turns = iter(again)

    def oldest(self, count_max: int) -> list[Transaction]:
        """Those that came first."""
        found: list[Transaction] = []
        for transaction in self._by_id.values():
            if len(found) >= count_max:
                break
            found.append(transaction)
        return found
