"""Transactions from hostile hands: bytes that are cut, re-encoded, mistyped, or not ours."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.envelope import Cosignature, assemble, build_body, cosign, sign_transaction
from ledger.fields import PAYMENT_PAY, Payment
from ledger.payments import pay_fields
from ledger.rules import Parameters, RuleSet
from ledger.transaction import (
    decode_transaction,
    is_batch,
    signature_items,
    work_units,
)
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import signed_message, verify
from tests.ledger.world import HOUR_MS, TIME_MS, World, entry, key, person, refusal_of

WORLD = World()
NETWORK_ID = WORLD.network_id
PAYEE = person("baker")


def raw_payment(**changed: Any) -> bytes:
    """A payment of `ana`, with some values of its body replaced by position or name."""
    names = [
        "kind",
        "version",
        "network8",
        "created_ms",
        "valid_until_ms",
        "account",
        "device",
        "number",
        "payee",
        "currency",
        "amount_minor",
        "note_commitment",
    ]
    values: dict[str, Any] = dict(
        zip(
            names,
            [
                PAYMENT_PAY,
                1,
                NETWORK_ID[:8],
                TIME_MS,
                TIME_MS + HOUR_MS,
                person("ana"),
                key("ana").public_key,
                1,
                PAYEE,
                "LAV",
                100,
                None,
            ],
            strict=True,
        )
    )
    values.update(changed)
    body = msgpack.packb(list(values.values()))
    return sign_transaction(body, NETWORK_ID, key("ana"))


def test_what_is_read_is_what_was_written() -> None:
    raw = raw_payment(note_commitment=b"n" * 32)
    transaction = decode_transaction(raw, NETWORK_ID)
    assert transaction.kind == PAYMENT_PAY
    assert transaction.fields == Payment(PAYEE, "LAV", 100, b"n" * 32)
    assert (transaction.account, transaction.device) == (person("ana"), key("ana").public_key)
    assert (transaction.number, transaction.created_ms) == (1, TIME_MS)
    assert transaction.valid_until_ms == TIME_MS + HOUR_MS
    assert transaction.id == hash_bytes("tx", raw)
    assert work_units(transaction) == 18
    assert not is_batch(transaction)
    assert repr(transaction).startswith("Transaction(payment.pay, ")


def test_what_must_verify_is_every_signer_over_tag_network_and_body() -> None:
    body = WORLD.body(PAYMENT_PAY, person("ana"), key("ana"), pay_fields(PAYEE, "LAV", 5), number=1)
    elsewhere = cosign(body, NETWORK_ID, key("zoe"))
    raw = sign_transaction(body, NETWORK_ID, key("ana"), [key("ben"), elsewhere])
    transaction = decode_transaction(raw, NETWORK_ID)
    items = signature_items(transaction)
    message = signed_message("tx", NETWORK_ID, body)
    assert items[0][0] == key("ana").public_key
    assert [item[0] for item in items[1:]] == sorted(key(n).public_key for n in ("ben", "zoe"))
    assert all(item[1] == message and verify(*item) for item in items)
    assert work_units(transaction) == 38


def test_one_changed_byte_of_a_signature_is_another_transaction() -> None:
    raw = raw_payment()
    other = raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]
    first, second = decode_transaction(raw, NETWORK_ID), decode_transaction(other, NETWORK_ID)
    assert first.id != second.id
    assert not verify(*signature_items(second)[0])


@pytest.mark.parametrize("length", range(0, len(raw_payment()), 7))
def test_a_cut_transaction_is_refused(length: int) -> None:
    assert refusal_of(WORLD, raw_payment()[:length]) == "encoding_not_canonical"


def test_trailing_bytes_are_refused() -> None:
    assert refusal_of(WORLD, raw_payment() + b"\x00") == "encoding_not_canonical"


def test_another_encoding_of_the_same_values_is_refused() -> None:
    envelope = list(msgpack.unpackb(raw_payment()))
    body = envelope[2]
    longer_length = b"\xdc\x00\x0c" + body[1:]
    assert msgpack.unpackb(longer_length) == msgpack.unpackb(body)
    envelope[2] = longer_length
    assert refusal_of(WORLD, msgpack.packb(envelope)) == "encoding_not_canonical"


def test_size_is_bounded_before_anything_is_read() -> None:
    rules = RuleSet(1, Parameters(transaction_bytes_max=100))
    with pytest.raises(Refused, match="transaction_too_large"):
        decode_transaction(b"\xc1" * 101, NETWORK_ID, rules)
    assert refusal_of(WORLD, bytes(262_145)) == "transaction_too_large"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"kind": "payment.steal"}, "kind_unknown"),
        ({"kind": 1}, "encoding_not_canonical"),
        ({"version": 2}, "version_unknown"),
        ({"version": True}, "encoding_not_canonical"),
        ({"network8": b"\0" * 8}, "network_mismatch"),
        ({"network8": NETWORK_ID[:7]}, "encoding_not_canonical"),
        ({"network8": "elsewhere"}, "encoding_not_canonical"),
        ({"created_ms": -1}, "encoding_not_canonical"),
        ({"created_ms": 2**53}, "encoding_not_canonical"),
        ({"created_ms": "now"}, "encoding_not_canonical"),
        ({"valid_until_ms": 2**53}, "encoding_not_canonical"),
        ({"valid_until_ms": None}, "encoding_not_canonical"),
        ({"account": b"a" * 19}, "encoding_not_canonical"),
        ({"account": "a" * 20}, "encoding_not_canonical"),
        ({"device": b"d" * 33}, "encoding_not_canonical"),
        ({"number": 0}, "number_out_of_window"),
        ({"number": -1}, "number_out_of_window"),
        ({"number": 2**53}, "number_out_of_window"),
        ({"number": True}, "encoding_not_canonical"),
        ({"payee": b"p" * 21}, "encoding_not_canonical"),
        ({"payee": None}, "encoding_not_canonical"),
        ({"payee": person("ana")}, "payee_is_payer"),
        ({"currency": b"LAV"}, "encoding_not_canonical"),
        ({"amount_minor": 0}, "amount_out_of_range"),
        ({"amount_minor": -5}, "amount_out_of_range"),
        ({"amount_minor": 2**53}, "amount_out_of_range"),
        ({"amount_minor": 2**64 - 1}, "amount_out_of_range"),
        ({"amount_minor": True}, "encoding_not_canonical"),
        ({"amount_minor": "5"}, "encoding_not_canonical"),
        ({"amount_minor": 5.0}, "encoding_not_canonical"),
        ({"note_commitment": b"n" * 31}, "encoding_not_canonical"),
        ({"note_commitment": ""}, "encoding_not_canonical"),
        ({"surplus": 1}, "encoding_not_canonical"),
    ],
)
def test_a_wrong_value_has_its_code(changed: dict[str, Any], code: str) -> None:
    assert refusal_of(WORLD, raw_payment(**changed)) == code


def test_the_earliest_fault_gives_the_code() -> None:
    wrong = {"amount_minor": 0, "network8": b"\0" * 8, "version": 9, "kind": "other"}
    assert refusal_of(WORLD, raw_payment(**wrong)) == "kind_unknown"
    del wrong["kind"]
    assert refusal_of(WORLD, raw_payment(**wrong)) == "version_unknown"
    del wrong["version"]
    assert refusal_of(WORLD, raw_payment(**wrong)) == "network_mismatch"


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        ([], "encoding_not_canonical"),
        (["tx"], "encoding_not_canonical"),
        ("tx", "encoding_not_canonical"),
        (["block", 1, b"", b"", []], "kind_unknown"),
        (["tx", 2, b"", b"", []], "version_unknown"),
        (["tx", True, b"", b"", []], "version_unknown"),
        (["tx", 1, b"", b""], "encoding_not_canonical"),
        (["tx", 1, "", b"", []], "encoding_not_canonical"),
        (["tx", 1, b"\x90", b"", []], "encoding_not_canonical"),
        (["tx", 1, b"\xc0", b"", []], "encoding_not_canonical"),
    ],
)
def test_a_wrong_envelope_has_its_code(envelope: Any, code: str) -> None:
    assert refusal_of(WORLD, msgpack.packb(envelope)) == code


ANA = key("ana").public_key
LOW, HIGH = bytes([0]) * 32, b"\xff" * 32
SIGNATURE = b"s" * 64


@pytest.mark.parametrize(
    ("signature", "others"),
    [
        (b"s" * 63, []),
        ("s" * 64, []),
        (SIGNATURE, None),
        (SIGNATURE, [1]),
        (SIGNATURE, [[LOW]]),
        (SIGNATURE, [[LOW[:31], SIGNATURE]]),
        (SIGNATURE, [[LOW, SIGNATURE[:63]]]),
        (SIGNATURE, [["k" * 32, SIGNATURE]]),
        (SIGNATURE, [[ANA, SIGNATURE]]),
        (SIGNATURE, [[LOW, SIGNATURE], [LOW, SIGNATURE]]),
        (SIGNATURE, [[HIGH, SIGNATURE], [LOW, SIGNATURE]]),
        (SIGNATURE, [[bytes([i]) * 32, SIGNATURE] for i in range(16)]),
    ],
)
def test_signers_stand_in_one_way_only(signature: Any, others: Any) -> None:
    body = decode(raw_payment())[2]  # type: ignore[index]
    raw = msgpack.packb(["tx", 1, body, signature, others])
    assert refusal_of(WORLD, raw) == "encoding_not_canonical"


def test_fifteen_cosigners_are_taken() -> None:
    body = decode(raw_payment())[2]  # type: ignore[index]
    assert isinstance(body, bytes)
    others = [Cosignature(bytes([i]) * 32, SIGNATURE) for i in reversed(range(15))]
    transaction = decode_transaction(assemble(body, SIGNATURE, others), NETWORK_ID)
    assert len(transaction.signers) == 16


def test_a_network_with_the_same_first_bytes_gets_no_valid_signature() -> None:
    twin = NETWORK_ID[:8] + bytes(24)
    transaction = decode_transaction(raw_payment(), twin)
    assert not verify(*signature_items(transaction)[0])


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_and_never_break(raw: bytes) -> None:
    assert refusal_of(WORLD, raw) in ("encoding_not_canonical", "kind_unknown", "version_unknown")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=8)
    | st.binary(max_size=33)
    | st.sampled_from([person("ana"), ANA, NETWORK_ID[:8], b"c" * 32, TIME_MS]),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(
    st.sampled_from(
        ["account.open", "reserve.issue", "reserve.redeem", "payment.pay", "payment.refund"]
    ),
    st.lists(VALUES, max_size=5),
)
def test_any_fields_are_refused_or_read_and_never_break(kind: str, fields: list[Any]) -> None:
    try:
        body = build_body(
            kind,
            NETWORK_ID,
            created_ms=TIME_MS,
            valid_until_ms=TIME_MS + HOUR_MS,
            account=person("ana"),
            device=ANA,
            number=1,
            fields=fields,
        )
    except Refused:
        return
    raw = assemble(body, SIGNATURE)
    try:
        transaction = decode_transaction(raw, NETWORK_ID)
    except Refused as refusal:
        assert refusal.code
    else:
        assert transaction.raw == raw
        assert encode(decode(raw)) == raw


def test_an_account_named_by_its_key_follows_from_prefix_and_key() -> None:
    assert person("ana") != person("ana", "brume")
    assert entry("ana").keys[0].key == ANA
