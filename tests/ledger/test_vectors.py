"""The ledger's golden vectors: what the code computes, and what the file alone lets one check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.fields import KIND_VERSIONS
from ledger.genesis import Genesis, initial_objects
from ledger.objects import ACCOUNT, decode_object, tree_key
from ledger.proofs import AbsenceProof, ReceiptProof, StateProof
from ledger.rules import RULE_VERSION
from ledger.transaction import decode_transaction, signature_items
from primitives.encoding import encode
from primitives.hashing import hash_bytes, hash_items
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.signatures import verify
from primitives.state_root import state_root
from primitives.tree_proofs import value_hash_of
from tests.vectors import make_ledger


@pytest.fixture(scope="module")
def vectors() -> Any:
    return json.loads(make_ledger.FILE.read_text(encoding="utf-8"))


def test_the_file_is_what_the_code_computes() -> None:
    assert make_ledger.FILE.read_text(encoding="utf-8") == make_ledger.text()


def test_the_genesis_has_its_id(vectors: Any) -> None:
    genesis = Genesis.from_json(json.dumps(vectors["genesis"]))
    encoded = bytes.fromhex(vectors["genesis_encoded"])
    assert encode(genesis.value()) == encoded
    assert hash_bytes("genesis", encoded).hex() == vectors["network_id"]
    assert [[k.hex(), item.encode().hex()] for k, item in initial_objects(genesis)] == (
        vectors["initial_objects"]
    )


def test_every_signature_verifies(vectors: Any) -> None:
    network_id = bytes.fromhex(vectors["network_id"])
    kinds = set()
    for block in vectors["blocks"]:
        for written in block["transactions"]:
            transaction = decode_transaction(bytes.fromhex(written["raw"]), network_id)
            assert all(verify(*item) for item in signature_items(transaction))
            assert transaction.id.hex() == written["id"]
            assert make_ledger.of_transaction(transaction) == written
            kinds.add(transaction.kind)
    assert kinds == set(KIND_VERSIONS[RULE_VERSION])


def test_the_commitments_of_lines_follow_from_what_they_are_over(vectors: Any) -> None:
    bulletin, wage = vectors["commitments"]
    activities = tuple(tuple(activity) for activity in bulletin["activities"])
    content: Any = [bulletin[name] for name in ("person", "programme", "period")]
    content += [activities, bulletin["minutes"], bulletin["amount_minor"]]
    made = hash_items("bulletin", [bytes.fromhex(bulletin["salt"]), tuple(content)])
    assert made.hex() == bulletin["commitment"]
    content = tuple([wage[name] for name in ("gross_minor", "employee", "period")])
    made = hash_items("wage", [bytes.fromhex(wage["salt"]), content])
    assert made.hex() == wage["commitment"]


def test_every_root_follows_from_the_objects_and_ids_in_the_file(vectors: Any) -> None:
    """No rule of money is needed for this: slots in order of appearance, ids in order."""
    objects = {bytes.fromhex(k): bytes.fromhex(raw) for k, raw in vectors["initial_objects"]}
    log, opened = ReceiptLog(), list(objects)
    steps = [None, *vectors["blocks"]]
    for step, expected in zip(steps, vectors["states"], strict=True):
        if step is not None:
            changes = {bytes.fromhex(k): bytes.fromhex(raw) for k, raw in step["changes"].items()}
            created = [bytes.fromhex(k) for k in step["created"]]
            assert sorted(created) == sorted(set(changes) - set(objects))
            opened += created
            objects.update(changes)
            log.append([bytes.fromhex(one["id"]) for one in step["transactions"]])
        tree = IndexedTree()
        entries = [(slot, k, value_hash_of(objects[k])) for slot, k in enumerate(opened, 1)]
        tree.load(entries, len(opened) + 1)
        assert (tree.count(), log.count) == (expected["slots"], expected["receipts"])
        root = state_root(tree.count(), tree.root(), log.root())
        assert root.hex() == expected["state_root"]


def test_the_proofs_hold(vectors: Any) -> None:
    number = vectors["proofs"].pop("receipt_number")
    proofs = {name: bytes.fromhex(value) for name, value in vectors["proofs"].items()}
    root = bytes.fromhex(vectors["states"][-1]["state_root"])
    assert StateProof.decode(proofs["state_proof"]).verify(
        root, tree_key(ACCOUNT, proofs["account"]), proofs["object"]
    )
    assert decode_object(proofs["object"]).tree_key == tree_key(ACCOUNT, proofs["account"])
    assert AbsenceProof.decode(proofs["absence_proof"]).verify(
        root, tree_key(ACCOUNT, proofs["absent_account"])
    )
    ids = [one["id"] for block in vectors["blocks"] for one in block["transactions"]]
    identity = bytes.fromhex(ids[number])
    assert ReceiptProof.decode(proofs["receipt_proof"]).verify(root, identity)
