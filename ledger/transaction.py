"""Transactions: from bytes to a checked value, once.

This is the module others import; the envelope's parts are named here too.
"""

from __future__ import annotations

from ledger.envelope import (
    COMMON_FIELDS,
    Cosignature,
    Transaction,
    assemble,
    build_body,
    cosign,
    open_envelope,
    sign_transaction,
    signature_items,
)
from ledger.families import FAMILIES, count_work
from ledger.rules import FIRST_RULES, RuleSet

__all__ = [
    "Cosignature",
    "Transaction",
    "assemble",
    "build_body",
    "cosign",
    "decode_transaction",
    "is_batch",
    "sign_transaction",
    "signature_items",
    "work_units",
]


def decode_transaction(raw: bytes, network_id: bytes, rules: RuleSet = FIRST_RULES) -> Transaction:
    """The transaction in `raw`, checked as far as no state is needed.

    Give the network's own `rules`: their `transaction_bytes_max` and `lines_max` apply. Raises
    `Refused`: `transaction_too_large`, `encoding_not_canonical`, `kind_unknown`,
    `version_unknown`, `network_mismatch`, `number_out_of_window`, and what the family can tell
    from the bytes alone (`amount_out_of_range`, `payee_is_payer`, `line_duplicate`,
    `key_invalid`, `roles_invalid`, `threshold_invalid`, `account_kind_invalid`,
    `receipt_unknown`). Signatures are not verified: see `signature_items`.
    """
    parameters = rules.parameters
    transaction, values = open_envelope(raw, network_id, parameters.transaction_bytes_max)
    kind = transaction.kind
    fields = FAMILIES[kind].validate(transaction, values[COMMON_FIELDS:], parameters)
    transaction.fields = fields
    transaction.work = count_work(kind, len(transaction.signers), fields)
    return transaction


def work_units(transaction: Transaction) -> int:
    """Units of `block_work_max` that it takes."""
    return transaction.work


def is_batch(transaction: Transaction) -> bool:
    """Whether it is one of those that get half a block's work while others wait."""
    return FAMILIES[transaction.kind].is_batch
