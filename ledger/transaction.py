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
from ledger.families import RULE_VERSIONS, count_work
from ledger.fields import KIND_VERSIONS
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

    Give the `rules` in force: their version says which kinds there are, their
    `transaction_bytes_max` and `lines_max` apply. Raises `Refused`: `transaction_too_large`,
    `encoding_not_canonical`, `kind_unknown`, `version_unknown`, `network_mismatch`,
    `number_out_of_window`, and what the family can tell from the bytes alone
    (`amount_out_of_range`, `payee_is_payer`, `line_duplicate`, `key_invalid`, `roles_invalid`,
    `threshold_invalid`, `account_kind_invalid`, `receipt_unknown`). Signatures are not verified:
    see `signature_items`.
    """
    parameters = rules.parameters
    bytes_max, kinds = parameters.transaction_bytes_max, KIND_VERSIONS[rules.version]
    transaction, values = open_envelope(raw, network_id, bytes_max, kinds)
    family = RULE_VERSIONS[rules.version][transaction.kind]
    fields = family.validate(transaction, values[COMMON_FIELDS:], parameters)
    transaction.fields = fields
    transaction.work = count_work(family, len(transaction.signers), fields)
    transaction.is_batch = family.is_batch
    return transaction


def work_units(transaction: Transaction) -> int:
    """Units of `block_work_max` that it takes."""
    return transaction.work


def is_batch(transaction: Transaction) -> bool:
    """Whether it is one of those that get half a block's work while others wait."""
    return transaction.is_batch
