"""That a transaction stands in a CometBFT block: an RFC 6962 path under its header's `data_hash`.

A leaf's content is the SHA-256 of the transaction's bytes (`types/tx.go`, `Txs.Hash`), and a
transaction's id is another hash over them, so who is to believe the path must have the bytes. A
node sends them along, to those who may read the transaction; a receipt holds them anyway, and keeps
the path alone (`without_transaction`).

For a node: `prove(raws, index)` over a block's transactions, in their order, is `inclusion` in
`GET /v1/transactions/{id}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from consensus.cometbft import merkle
from primitives.encoding import decode, encode
from primitives.errors import Refused

INCLUSION_KIND = "inclusion"
INCLUSION_VERSION = 2
"""Version 1 is the built-in engine's."""
TRANSACTION_BYTES_MAX = 16 << 20
"""As much as a network may vote `transaction_bytes_max` to be."""
INCLUSION_BYTES_MAX = TRANSACTION_BYTES_MAX + 64 + merkle.AUNTS_MAX * 34
COUNT_MAX = 2**31 - 1
_HASH_BYTES = 32


def data_hash(transactions: Sequence[bytes]) -> bytes:
    """The `data_hash` of a block with these transactions."""
    return merkle.root([sha256(raw).digest() for raw in transactions])


def prove(transactions: Sequence[bytes], index: int) -> TransactionProof:
    """The proof that the transaction at `index` stands there. Raises `IndexError`."""
    aunts = merkle.path([sha256(raw).digest() for raw in transactions], index)
    return TransactionProof(index, len(transactions), aunts, transactions[index])


@dataclass(frozen=True, slots=True)
class TransactionProof:
    """`aunts` lead from place `index` of `total` to the `data_hash`. `transaction` are the bytes;
    None where whoever checks has them."""

    index: int
    total: int
    aunts: tuple[bytes, ...]
    transaction: bytes | None = None

    def without_transaction(self) -> TransactionProof:
        """The path alone."""
        return replace(self, transaction=None)

    def encode(self) -> bytes:
        """The wire form."""
        return encode(
            (
                INCLUSION_KIND,
                INCLUSION_VERSION,
                self.index,
                self.total,
                self.aunts,
                self.transaction,
            )
        )

    @staticmethod
    def decode(raw: bytes) -> TransactionProof:
        """Read the wire form. Raises `Refused("encoding_not_canonical")`."""
        match decode(raw, bytes_max=INCLUSION_BYTES_MAX):
            case (
                "inclusion",
                int(version),
                int(index),
                int(total),
                tuple(aunts),
                None | bytes() as transaction,
            ) if (
                {type(version), type(index), type(total)} == {int}
                and version == INCLUSION_VERSION
                and 0 <= index < total <= COUNT_MAX
                and len(aunts) <= merkle.AUNTS_MAX
            ):
                found = tuple([one for one in aunts if isinstance(one, bytes)])
                if len(found) == len(aunts) and all(len(one) == _HASH_BYTES for one in found):
                    return TransactionProof(index, total, found, transaction)
        raise Refused("encoding_not_canonical", "not a path of a transaction")

    def verify(self, root: bytes, transaction: bytes) -> bool:
        """Whether these bytes stand in the block whose header has this `data_hash`."""
        leaf = sha256(transaction).digest()
        return merkle.root_from_path(leaf, self.index, self.total, self.aunts) == root
