"""Signatures, checked on the loop, some milliseconds' worth in each of its turns.

A check keeps the interpreter's lock (ADR 0034), so a thread would gain nothing, and would cost the
loop that lock again and again. Whatever is handed in is checked in slices instead, in order, and
each slice leaves the loop a turn for all else: a block of thousands of unknown transactions holds
up no vote. There is no task and no future for a transaction.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ledger.transaction import Transaction, signature_items
from primitives.signatures import verify

SLICE_SIGNATURES_MAX = 64
"""Up to so many are checked in a turn: it is held for three milliseconds at most."""
SLICE_BYTES_MAX = 64 << 10
"""And so many signed bytes, counted for each signature, since each hashes all of them; one
transaction may go beyond: the largest under sixteen signatures takes eight milliseconds."""
BEHIND_TRANSACTIONS = 256

OnVerified = Callable[[Sequence[Transaction], list[bool]], None]


@dataclass(slots=True)
class _Request:
    """What was handed in together, and what is known of it yet."""

    transactions: Sequence[Transaction]
    on_done: OnVerified
    sound: list[bool] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return len(self.sound) == len(self.transactions)


class Verifier:
    """Takes groups of transactions and calls back with a yes or no for each."""

    def __init__(self) -> None:
        self._waiting: deque[_Request] = deque()
        self._is_coming = False
        self._closed = False
        self.waiting_count = 0
        """Transactions whose answer is still to come."""
        self.verified = 0
        self.refused = 0

    def check(self, transactions: Sequence[Transaction], on_done: OnVerified) -> None:
        """Check all signatures of each; `on_done` is called in a later turn of the loop."""
        self.waiting_count += len(transactions)
        self._waiting.append(_Request(transactions, on_done))
        self._come()

    @property
    def is_behind(self) -> bool:
        """Whether more waits than a few turns' worth."""
        return self.waiting_count > BEHIND_TRANSACTIONS

    def close(self) -> None:
        """Stop; what waits is dropped without an answer."""
        self._closed = True
        self._waiting.clear()

    def _come(self) -> None:
        if not self._is_coming and not self._closed:
            self._is_coming = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_coming = False
        done = self._check_slice()
        if self._waiting:
            self._come()
        for request in done:
            good = sum(request.sound)
            self.waiting_count -= len(request.sound)
            self.verified += good
            self.refused += len(request.sound) - good
            request.on_done(request.transactions, request.sound)

    def _check_slice(self) -> list[_Request]:
        """The requests that came to their end in this one."""
        done: list[_Request] = []
        count = size = 0
        while self._waiting and count < SLICE_SIGNATURES_MAX and size < SLICE_BYTES_MAX:
            request = self._waiting[0]
            if not request.is_done:
                transaction = request.transactions[len(request.sound)]
                count += len(transaction.signers)
                size += len(transaction.raw) * len(transaction.signers)
                request.sound.append(verified(transaction))
            if request.is_done:
                done.append(self._waiting.popleft())
        return done


def verified(transaction: Transaction) -> bool:
    """Whether every signature on it verifies."""
    return all(verify(*item) for item in signature_items(transaction))
