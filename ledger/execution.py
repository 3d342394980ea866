"""Execution: an ordered list of transactions on a parent's state gives a candidate or a refusal.

Pure: time is an argument, and nothing outside the new candidate changes. A block in which one
transaction does not apply is refused whole. Signatures are not verified here: the caller has
verified them once (`ledger.transaction.signature_items`); that each key is on the account today,
with that role, lane and limit, is checked here, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.envelope import Transaction
from ledger.families import family_of
from ledger.invariants import ConservationBroken
from ledger.state import Candidate, State
from ledger.view import View
from primitives.errors import InvariantBroken, Refused

WORK_MIN = 18
"""What the cheapest transaction takes: one signature, two objects."""


class BlockRefused(Exception):
    """A block does not apply. `index` is the transaction at fault, nil if the block itself is."""

    def __init__(self, index: int | None, refusal: Refused) -> None:
        super().__init__(index, refusal.code, refusal.detail)
        self.index = index
        self.refusal = refusal

    @property
    def is_alarm(self) -> bool:
        """The rules' code let through what would break the money: a bug of ours, to be shouted."""
        return isinstance(self.refusal, ConservationBroken)


class Selection(NamedTuple):
    """What a proposer may put into its block, in this order, and the state after it."""

    accepted: list[Transaction]
    refused: list[tuple[Transaction, Refused]]
    """Those that do not apply. What is in neither list had no room, and may come later."""
    candidate: Candidate
    """The state after `accepted`; equal to executing them again."""


def check(view: View, transaction: Transaction, time_ms: int) -> None:
    """Whether it would apply on `view` at `time_ms`; raises `Refused`. Changes nothing."""
    _check_size(view, transaction)
    family_of(view.rules, transaction).check(view, transaction, transaction.fields, time_ms)


def apply(candidate: Candidate, transaction: Transaction, time_ms: int) -> None:
    """Check one transaction on `candidate` and apply it; raises `Refused`, nothing changed then."""
    _check_size(candidate, transaction)
    family = family_of(candidate.rules, transaction)
    family.apply(candidate, family.check(candidate, transaction, transaction.fields, time_ms))
    candidate.append(transaction)


def _check_size(view: View, transaction: Transaction) -> None:
    """Bounds of one transaction, under the network's own parameters whatever it was decoded with.

    One that takes more than half of a block's work would wait for ever while payments come.
    """
    parameters = view.parameters
    if len(transaction.raw) > parameters.transaction_bytes_max:
        raise Refused("transaction_too_large", f"{len(transaction.raw)} bytes")
    if transaction.work > parameters.block_work_max >> 1:
        raise Refused("transaction_too_large", f"{transaction.work} units of work")


def new_candidate(parent: State | Candidate) -> Candidate:
    """An empty layer over `parent` (a `State` stands for its tip)."""
    above = parent.tip if isinstance(parent, State) else parent
    if not above.is_alive():
        raise InvariantBroken("a candidate would stand on a branch that was left")
    return Candidate(above, above.base)


def execute(
    parent: State | Candidate, transactions: Sequence[Transaction], time_ms: int
) -> Candidate:
    """The state after a block. Raises `BlockRefused`: `block_too_large` for the whole, or what
    the first transaction that does not apply is refused with."""
    candidate = new_candidate(parent)
    parameters = candidate.parameters
    if sum([len(transaction.raw) for transaction in transactions]) > parameters.block_bytes_max:
        raise BlockRefused(None, Refused("block_too_large", "bytes"))
    if sum([transaction.work for transaction in transactions]) > parameters.block_work_max:
        raise BlockRefused(None, Refused("block_too_large", "work"))
    for index, transaction in enumerate(transactions):
        try:
            apply(candidate, transaction, time_ms)
        except Refused as refusal:
            raise BlockRefused(index, refusal) from refusal
    return candidate


def select(
    parent: State | Candidate,
    transactions: Sequence[Transaction],
    time_ms: int,
    bytes_max: int | None = None,
    work_max: int | None = None,
) -> Selection:
    """For the proposer: what of `transactions` applies and fits, in their order.

    Batches get at most half of the work while others wait, and what is left after them at the
    end. Bounds are the network's, or smaller ones if given.
    """
    candidate = new_candidate(parent)
    parameters = candidate.parameters
    room = _Room(
        candidate,
        min(parameters.block_bytes_max, bytes_max or parameters.block_bytes_max),
        min(parameters.block_work_max, work_max or parameters.block_work_max),
    )
    refused: list[tuple[Transaction, Refused]] = []
    waiting: list[Transaction] = []
    batch_work = 0
    for transaction in transactions:
        if room.is_full():
            break
        is_batch = transaction.is_batch
        if is_batch and batch_work + transaction.work > room.work_max // 2:
            waiting.append(transaction)
            continue
        if room.take(transaction, time_ms, refused) and is_batch:
            batch_work += transaction.work
    for transaction in waiting:
        room.take(transaction, time_ms, refused)
    return Selection(list(candidate.transactions), refused, candidate)


class _Room:
    """What is left of a block while it is filled."""

    __slots__ = ("bytes_max", "candidate", "work_max")

    def __init__(self, candidate: Candidate, bytes_max: int, work_max: int) -> None:
        self.candidate = candidate
        self.bytes_max = bytes_max
        self.work_max = work_max

    def is_full(self) -> bool:
        return self.candidate.work_total + WORK_MIN > self.work_max

    def take(
        self, transaction: Transaction, time_ms: int, refused: list[tuple[Transaction, Refused]]
    ) -> bool:
        """Apply it if it fits; tell whether it was applied."""
        candidate = self.candidate
        if candidate.bytes_total + len(transaction.raw) > self.bytes_max:
            return False
        if candidate.work_total + transaction.work > self.work_max:
            return False
        try:
            apply(candidate, transaction, time_ms)
        except Refused as refusal:
            refused.append((transaction, refusal.without_trace()))
            return False
        return True
