"""A ledger of numbered payments, just real enough: each number is paid once, the root of each block
depends on everything before it, and some numbers change who the members are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from consensus.header import Block, Header, genesis_digest
from consensus.members import MemberSet
from consensus.simulation.roll import CHANGES_FROM, Roll, Terms
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes

PAYMENTS_PER_BLOCK = 4


def body_of(payments: Iterable[int]) -> bytes:
    """A block's body."""
    return encode(("toy", 1, tuple(payments)))


EMPTY_BODY = body_of(())


def payments_in(body: bytes) -> tuple[int, ...]:
    """The payments of a body; refuses what is not one."""
    match decode(body):
        case ("toy", 1, tuple(payments)) if all(type(number) is int for number in payments):
            return tuple(_numbers(payments))
    raise Refused("encoding_not_canonical", "not a toy body")


def _numbers(payments: tuple[Value, ...]) -> Iterable[int]:
    return (number for number in payments if isinstance(number, int))


def body_matches(header: Header, body: bytes) -> bool:
    """Whether the header commits to this body."""
    return header.transactions_root == hash_bytes("toy_body", body)


@dataclass(frozen=True, slots=True)
class _After:
    """The state after a block, and the epoch that the block is of: its number, when it began (Unix
    time) and its terms. `following` are the next epoch's terms, where the block is the boundary or
    above it."""

    root: bytes
    paid: frozenset[int]
    terms: Terms
    epoch: int
    began_ms: int
    in_force: Terms
    time_ms: int
    following: Terms | None = None
    closing: bool = False

    def begins(self) -> _After:
        """The same, seen from the first block above it: after a boundary, in the next epoch."""
        if self.following is None:
            return self
        return replace(
            self,
            epoch=self.epoch + 1,
            began_ms=self.time_ms,
            in_force=self.following,
            following=None,
        )


class ToyLedger:
    """Executed blocks of one host, by digest."""

    def __init__(self, network_id: bytes, genesis_ms: int = 0, roll: Roll | None = None) -> None:
        self._network_id = network_id
        self._roll = roll
        first = () if roll is None else roll.first
        genesis = _After(bytes(32), frozenset(), first, 0, genesis_ms, first, genesis_ms)
        self._after = {genesis_digest(network_id): genesis}

    def paid(self, digest: bytes) -> frozenset[int]:
        """What is paid up to and including that block."""
        return self._after[digest].paid

    def holds(self, digest: bytes) -> bool:
        """Whether that block was executed here."""
        return digest in self._after

    def above(self, digest: bytes) -> tuple[int, Terms, int | None]:
        """Of what stands on that block: the epoch, its terms, and when it is to end (Unix time)."""
        on = self._after[digest].begins()
        return on.epoch, on.in_force, self._end_ms(on)

    def _end_ms(self, on: _After) -> int | None:
        roll = self._roll
        if roll is None or not roll.epoch_ms or on.began_ms >= roll.ends_until_ms:
            return None
        return on.began_ms + roll.epoch_ms

    def _next_set(self, on: _After, time_ms: int) -> MemberSet | None:
        """The next epoch's members, where a block of that time must be the boundary."""
        end_ms, roll = self._end_ms(on), self._roll
        if roll is None:
            return None
        members = roll.members(on.terms)
        is_over = end_ms is not None and time_ms >= end_ms
        return members if is_over or members != roll.members(on.in_force) else None

    def _apply(self, on: _After, payments: tuple[int, ...]) -> _After | None:
        """The state after these payments; None if one doesn't apply."""
        paid, terms = set(on.paid), on.terms
        for number in payments:
            if number in paid:
                return None
            if self._roll is not None and self._roll.is_change(number):
                if number > CHANGES_FROM and number - 1 not in paid:
                    return None
                terms = self._roll.change(number, terms)
            paid.add(number)
        return replace(on, paid=frozenset(paid), terms=terms)

    def execute(self, block: Block) -> bool:
        """Whether the block is sound on its parent, which was executed before."""
        header = block.header
        parent = self._after.get(header.parent_digest)
        try:
            payments = payments_in(block.body)
        except Refused:
            return False
        if (
            parent is None
            or not body_matches(header, block.body)
            or header.transactions_count != len(payments)
            or header.state_root != parent.root
        ):
            return False
        if header.closing:
            if parent.following is None or payments or header.epoch != parent.epoch:
                return False
            self._after[block.digest] = replace(parent, closing=True)
            return True
        on = parent.begins()
        members = self._next_set(on, header.time_ms)
        after = self._apply(on, payments)
        named = None if members is None else members.hash()
        if (
            parent.closing
            or after is None
            or (header.epoch, header.next_set_hash)
            != (
                on.epoch,
                named,
            )
        ):
            return False
        self._after[block.digest] = replace(
            after,
            root=hash_bytes("toy_root", header.state_root + block.body),
            time_ms=header.time_ms,
            following=None if members is None else on.terms,
        )
        return True

    def build(
        self,
        view: int,
        parent: Header | None,
        waiting: Iterable[int],
        now_ms: int,
        closing: bool = False,
    ) -> Block:
        """A block of waiting payments on `parent` (None: on the genesis)."""
        digest = genesis_digest(self._network_id) if parent is None else parent.digest
        below = self._after[digest]
        on = below if closing else below.begins()
        payments = () if closing else self._choose(on, waiting)
        body = body_of(payments)
        time_ms = max((below.time_ms if parent is None else parent.time_ms) + 1, now_ms)
        members = None if closing else self._next_set(on, time_ms)
        header = Header(
            self._network_id,
            on.epoch,
            view,
            parent.view if parent is not None and parent.epoch == on.epoch else 0,
            digest,
            (0 if parent is None else parent.height) + (0 if closing else 1),
            time_ms,
            1,
            hash_bytes("toy_body", body),
            len(payments),
            below.root,
            None if members is None else members.hash(),
            closing,
        )
        return Block(header, body)

    def _choose(self, on: _After, waiting: Iterable[int]) -> tuple[int, ...]:
        """The next changes first, then payments."""
        chosen: list[int] = []
        ordered = sorted(waiting, key=lambda number: (number < CHANGES_FROM, number))
        for number in ordered:
            room = len(chosen) < PAYMENTS_PER_BLOCK
            if room and self._apply(on, (*chosen, number)) is not None:
                chosen.append(number)
        return tuple(chosen)
