"""A block's body: its transactions' bytes, and the root that the header commits to them with."""

from collections.abc import Sequence

from ledger.proofs import INCLUDED_NODE_TAG, included_leaves
from ledger.transaction import Transaction
from primitives import merkle
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES

BODY_OVERHEAD_BYTES = 5
"""At most, for each transaction in a body."""

_NO_TRANSACTIONS = bytes(HASH_BYTES)


def pack_body(transactions: Sequence[Transaction]) -> bytes:
    """enc(["body", 1, [raw, …]])."""
    return encode(("body", 1, tuple([transaction.raw for transaction in transactions])))


def read_body(body: bytes, bytes_max: int) -> tuple[bytes, ...]:
    """The raw transactions of a body from anyone; refuses `encoding_not_canonical`."""
    value = decode(body, bytes_max=bytes_max, depth_max=2)
    if type(value) is not tuple or len(value) != 3 or value[0] != "body":
        raise Refused("encoding_not_canonical", "not a body")
    if type(value[1]) is not int or value[1] != 1:  # true equals 1
        raise Refused("version_unknown", "a body of an unknown version")
    raws = value[2]
    if type(raws) is not tuple:
        raise Refused("encoding_not_canonical", "not a list of transactions")
    checked: list[bytes] = []
    for raw in raws:
        if type(raw) is not bytes:
            raise Refused("encoding_not_canonical", "a transaction is bytes")
        checked.append(raw)
    return tuple(checked)


def transactions_root(ids: Sequence[bytes]) -> bytes:
    """What a header's `transactions_root` must be."""
    if not ids:
        return _NO_TRANSACTIONS
    return merkle.root(included_leaves(ids), INCLUDED_NODE_TAG)


def inclusion_levels(ids: Sequence[bytes]) -> list[bytes]:
    """All hashes below that root, for the paths of many."""
    return merkle.levels(included_leaves(ids), INCLUDED_NODE_TAG)


def inclusion_path(levels: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The path of one of them to that root."""
    return merkle.path_in(levels, index, INCLUDED_NODE_TAG)
