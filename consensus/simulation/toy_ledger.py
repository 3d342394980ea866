"""A ledger of numbered payments, just real enough: each number is paid once, and the root of each
block depends on everything before it."""

from __future__ import annotations

from collections.abc import Iterable

from consensus.header import Block, Header, genesis_digest
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes

PAYMENTS_PER_BLOCK = 4


def body_of(payments: Iterable[int]) -> bytes:
    """A block's body."""
    return encode(("toy", 1, tuple(payments)))


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


class ToyLedger:
    """Executed blocks of one host, by digest."""

    def __init__(self, network_id: bytes, genesis_ms: int = 0) -> None:
        self._network_id = network_id
        self._genesis_ms = genesis_ms
        genesis = genesis_digest(network_id)
        self._roots = {genesis: bytes(32)}
        self._paid: dict[bytes, frozenset[int]] = {genesis: frozenset()}

    def paid(self, digest: bytes) -> frozenset[int]:
        """What is paid up to and including that block."""
        return self._paid[digest]

    def holds(self, digest: bytes) -> bool:
        """Whether that block was executed here."""
        return digest in self._roots

    def execute(self, block: Block) -> bool:
        """Whether the block is sound on its parent, which was executed before."""
        header = block.header
        if header.parent_digest not in self._roots:
            return False
        try:
            payments = payments_in(block.body)
        except Refused:
            return False
        before = self._paid[header.parent_digest]
        if (
            not body_matches(header, block.body)
            or header.transactions_count != len(payments)
            or header.state_root != self._roots[header.parent_digest]
            or len(set(payments)) != len(payments)
            or before.intersection(payments)
        ):
            return False
        self._roots[block.digest] = hash_bytes("toy_root", header.state_root + block.body)
        self._paid[block.digest] = before.union(payments)
        return True

    def build(self, view: int, parent: Header | None, waiting: Iterable[int], now_ms: int) -> Block:
        """A block of waiting payments on `parent` (None: on the genesis)."""
        digest = genesis_digest(self._network_id) if parent is None else parent.digest
        paid = self._paid[digest]
        payments = [number for number in sorted(waiting) if number not in paid]
        body = body_of(payments[:PAYMENTS_PER_BLOCK])
        after_ms = self._genesis_ms if parent is None else parent.time_ms
        header = Header(
            self._network_id,
            0,
            view,
            0 if parent is None else parent.view,
            digest,
            1 if parent is None else parent.height + 1,
            max(after_ms + 1, now_ms),
            1,
            hash_bytes("toy_body", body),
            len(payments[:PAYMENTS_PER_BLOCK]),
            self._roots[digest],
        )
        return Block(header, body)
