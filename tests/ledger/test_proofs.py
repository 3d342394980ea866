"""Proofs: read back as written, true of what they were made for, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.objects import ACCOUNT, tree_key
from ledger.proofs import (
    AbsenceProof,
    InclusionProof,
    ReceiptProof,
    StateProof,
    included_leaf,
)
from primitives import merkle
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from tests.ledger.world import World, entry, person

WORLD = World()
WORLD.settle("ana", "ben", "baker shop")
WORLD.block(WORLD.open([entry(f"n{i}") for i in range(20)]))
AT, ROOT = WORLD.state.tip, WORLD.root()
ANA = tree_key(ACCOUNT, person("ana"))
NOBODY = tree_key(ACCOUNT, person("nobody"))
ANA_RAW = WORLD.account(person("ana")).encode()
STATE = WORLD.commitment.prove_object(ACCOUNT, person("ana"), AT).proof
ABSENCE = WORLD.commitment.prove_object(ACCOUNT, person("nobody"), AT).proof
RECEIPT = WORLD.commitment.prove_receipt(1, AT)
IDS = [hash_bytes("test", bytes([i])) for i in range(11)]


def inclusion(index: int, count: int = 11) -> tuple[bytes, InclusionProof]:
    leaves = [included_leaf(one) for one in IDS[:count]]
    root = merkle.root(leaves, "included_node")
    path = merkle.path(leaves, index, "included_node")
    return root, InclusionProof(index, count, path)


INCLUSION_ROOT, INCLUSION = inclusion(4)

HOLDS: dict[str, tuple[bytes, Callable[[bytes], bool]]] = {
    "state": (STATE, lambda raw: StateProof.decode(raw).verify(ROOT, ANA, ANA_RAW)),
    "absence": (ABSENCE, lambda raw: AbsenceProof.decode(raw).verify(ROOT, NOBODY)),
    "receipt": (RECEIPT, lambda raw: ReceiptProof.decode(raw).verify(ROOT, WORLD.ids[1])),
    "inclusion": (
        INCLUSION.encode(),
        lambda raw: InclusionProof.decode(raw).verify(INCLUSION_ROOT, 11, IDS[4]),
    ),
}


def holds(name: str, raw: bytes) -> bool:
    """Whether these bytes prove it; refused bytes do not."""
    try:
        return HOLDS[name][1](raw)
    except Refused:
        return False


@pytest.mark.parametrize("name", HOLDS)
def test_a_proof_is_read_back_and_holds(name: str) -> None:
    raw = HOLDS[name][0]
    assert holds(name, raw)
    for kind in (StateProof, AbsenceProof, ReceiptProof, InclusionProof):
        try:
            assert kind.decode(raw).encode() == raw
        except Refused as refusal:
            assert refusal.code == "kind_unknown"


@pytest.mark.parametrize("name", HOLDS)
def test_any_changed_byte_breaks_it(name: str) -> None:
    raw = HOLDS[name][0]
    for place in range(len(raw)):
        for bit in (1, 128):
            changed = raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
            assert not holds(name, changed)


def flattened(value: Any, place: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The places of all values inside a nested array."""
    places = [place] if place else []
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            places += flattened(item, (*place, index))
    return places


def changed_at(value: Any, place: tuple[int, ...], new: Any) -> Any:
    if not place:
        return new
    items = list(value)
    items[place[0]] = changed_at(items[place[0]], place[1:], new)
    return tuple(items)


NEW = st.sampled_from(
    [None, True, 0, 1, 2, 3, 31, 2**53, -1, b"", bytes(32), b"\xff" * 32, "", (), (bytes(32),)]
)


@given(st.sampled_from(sorted(HOLDS)), st.data())
def test_any_changed_value_breaks_it(name: str, data: st.DataObject) -> None:
    value = decode(HOLDS[name][0])
    place = data.draw(st.sampled_from(flattened(value)))
    changed = changed_at(value, place, data.draw(NEW))
    if encode(changed) != HOLDS[name][0]:
        assert not holds(name, encode(changed))


@given(st.sampled_from(sorted(HOLDS)), st.binary(max_size=300))
def test_any_bytes_prove_nothing_and_break_nothing(name: str, raw: bytes) -> None:
    assert not holds(name, raw)


def test_a_proof_is_of_one_object_at_one_key_under_one_root() -> None:
    proof = StateProof.decode(STATE)
    ben = WORLD.account(person("ben"))
    assert not proof.verify(ROOT, ANA, ben.encode())
    assert not proof.verify(ROOT, ben.tree_key, ANA_RAW)
    assert not proof.verify(ROOT, NOBODY, ANA_RAW)
    assert not proof.verify(ROOT[::-1], ANA, ANA_RAW)
    richer = WORLD.account(person("ana")).credited(1)
    assert not proof.verify(ROOT, ANA, richer.encode())


def test_what_is_there_is_not_proved_absent() -> None:
    proof = AbsenceProof.decode(ABSENCE)
    for key in (ANA, proof.absence.key, proof.absence.next_key):
        assert not proof.verify(ROOT, key)
    presence = StateProof.decode(STATE).presence
    forged = AbsenceProof(
        replace(proof.absence, slot=presence.slot, path=presence.path), proof.log_root
    )
    assert not forged.verify(ROOT, ANA)


def test_a_receipt_has_one_number() -> None:
    proof = ReceiptProof.decode(RECEIPT)
    assert not proof.verify(ROOT, WORLD.ids[0])
    assert not replace(proof, number=0).verify(ROOT, WORLD.ids[1])
    assert not replace(proof, number=2).verify(ROOT, WORLD.ids[1])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 11])
def test_each_transaction_of_a_block_is_included_and_no_other(count: int) -> None:
    for index in range(count):
        root, proof = inclusion(index, count)
        assert InclusionProof.decode(proof.encode()).verify(root, count, IDS[index])
        assert not proof.verify(root, count, IDS[(index + 1) % 11])
        assert not proof.verify(root, count + 1, IDS[index])
        assert not replace(proof, path=(*proof.path, bytes(32))).verify(root, count, IDS[index])
    _, proof = inclusion(0, 1)
    assert not InclusionProof(0, 0, ()).verify(bytes(32), 0, IDS[0])
    assert not replace(proof, index=-1).verify(inclusion(0, 1)[0], 1, IDS[0])


def test_sizes_are_bounded_before_reading() -> None:
    long_path = encode(("inclusion", 1, 0, 1, tuple([bytes(32)] * 65)))
    with pytest.raises(Refused, match="encoding_not_canonical"):
        InclusionProof.decode(long_path)
    with pytest.raises(Refused, match="encoding_not_canonical"):
        InclusionProof.decode(bytes(16_385))
    with pytest.raises(Refused, match="version_unknown"):
        InclusionProof.decode(encode(("inclusion", 2, 0, 1, ())))
