"""Signatures, checked once, in groups, in a worker thread where that is worth its cost.

A check keeps the interpreter's lock; between two of them the thread lets the loop go on, so that
a large group holds it up for a few milliseconds at a time. What waits while a group is being
checked becomes the next group: under load groups grow by themselves and the cost of handing over is
shared. There is no task and no future for a transaction.

Handing over costs more than a few checks: two wakes, and the thread may wait for the interpreter's
lock for as long as the loop has work. So a small group is checked on the loop, and answered in a
later turn all the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger.transaction import Transaction, signature_items
from primitives.signatures import verify

GROUP_SIGNATURES_MAX = 256
AT_ONCE_SIGNATURES_MAX = 32
"""Up to so many are checked on the loop: it is held for two milliseconds at most."""
AT_ONCE_BYTES_MAX = 64 << 10
"""And so many signed bytes, counted for each signature: each hashes all of them. A payment has 300,
but one transaction of the largest size under sixteen signatures takes several times as long as
those two milliseconds, and whoever has an account can send it."""

OnVerified = Callable[[Sequence[Transaction], list[bool]], None]


class Verifier:
    """Takes groups of transactions and calls back, on the loop, with a yes or no for each."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="verifier")
        self._idle_threads = threads
        self._waiting: deque[tuple[Sequence[Transaction], OnVerified]] = deque()
        self._closed = False
        self.waiting_count = 0
        """Transactions whose answer is still to come."""
        self.verified = 0
        self.refused = 0

    def check(self, transactions: Sequence[Transaction], on_done: OnVerified) -> None:
        """Check all signatures of each; `on_done` is called in a later turn of the loop."""
        self.waiting_count += len(transactions)
        self._waiting.append((transactions, on_done))
        self._start_next()

    @property
    def is_behind(self) -> bool:
        """Whether more waits than is checked at a time."""
        return self.waiting_count > GROUP_SIGNATURES_MAX

    def close(self) -> None:
        """Stop; what waits is dropped without an answer."""
        self._closed = True
        self._waiting.clear()
        self._threads.shutdown(wait=True)

    def _start_next(self) -> None:
        if self._idle_threads == 0 or not self._waiting or self._closed:
            return
        requests: list[tuple[Sequence[Transaction], OnVerified]] = []
        count = size = 0
        while self._waiting and count < GROUP_SIGNATURES_MAX:
            requests.append(self._waiting.popleft())
            group = requests[-1][0]
            count += sum([len(each.signers) for each in group])
            size += sum([len(each.raw) * len(each.signers) for each in group])
        self._idle_threads -= 1
        loop = asyncio.get_running_loop()
        if count <= AT_ONCE_SIGNATURES_MAX and size <= AT_ONCE_BYTES_MAX:
            loop.call_soon(self._answer, requests, _answers(requests))
        else:
            self._threads.submit(self._work, loop, requests)

    def _work(
        self,
        loop: asyncio.AbstractEventLoop,
        requests: list[tuple[Sequence[Transaction], OnVerified]],
    ) -> None:
        answers = _answers(requests)
        if not self._closed:
            loop.call_soon_threadsafe(self._answer, requests, answers)

    def _answer(
        self,
        requests: list[tuple[Sequence[Transaction], OnVerified]],
        answers: list[list[bool]],
    ) -> None:
        self._idle_threads += 1
        if self._closed:
            return
        self._start_next()
        for (group, on_done), sound in zip(requests, answers, strict=True):
            self.waiting_count -= len(group)
            good = sum(sound)
            self.verified += good
            self.refused += len(group) - good
            on_done(group, sound)


def _answers(requests: list[tuple[Sequence[Transaction], OnVerified]]) -> list[list[bool]]:
    return [[verified(transaction) for transaction in group] for group, _ in requests]


def verified(transaction: Transaction) -> bool:
    """Whether every signature on it verifies."""
    return all(verify(*item) for item in signature_items(transaction))
