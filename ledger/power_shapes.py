"""The shapes of transactions about requests and keys: what their bytes alone can tell."""

from __future__ import annotations

from ledger.envelope import Transaction
from ledger.key_changes import new_keys, read_changes
from ledger.power_fields import Decision, Escalation, KeysChange, RequestAct
from ledger.rules import Parameters
from ledger.shapes import (
    ID_BYTES,
    expect_bytes,
    expect_count,
    expect_fields,
    expect_maker,
    expect_text,
    wrong_shape,
)
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import is_registrable


def validate_keys(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> KeysChange:
    """Shape; no key in two changes; each new key is one: else `key_invalid`."""
    target, key_set, entries, due_ms = expect_fields(values, 4, "account.keys")
    change = KeysChange(
        expect_bytes(target, ID_BYTES, "target"),
        expect_count(key_set, "key_set"),
        read_changes(entries),
        None if due_ms is None else expect_count(due_ms, "due_ms"),
    )
    for key in new_keys(change.changes):
        if not is_registrable(key):
            raise Refused("key_invalid", key.hex(), field="key")
    return change


def validate_request_act(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> RequestAct:
    """Shape."""
    target, maker = expect_fields(values, 2, transaction.kind)
    return RequestAct(expect_bytes(target, ID_BYTES, "target"), expect_maker(maker))


def validate_escalate(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Escalation:
    """Shape."""
    target, maker, due_ms = expect_fields(values, 3, "account.escalate")
    return Escalation(
        expect_bytes(target, ID_BYTES, "target"),
        expect_maker(maker),
        expect_count(due_ms, "due_ms"),
    )


def validate_decide(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Decision:
    """Shape."""
    target, maker, other_prefix, agree, changes = expect_fields(values, 5, "account.decide")
    if type(agree) is not bool:
        raise wrong_shape("agree")
    return Decision(
        expect_bytes(target, ID_BYTES, "target"),
        expect_maker(maker),
        expect_text(other_prefix, "other_prefix"),
        agree,
        read_changes(changes),
    )
