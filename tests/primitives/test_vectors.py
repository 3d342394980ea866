"""The golden vectors: the files are what the code computes, and mean what the protocol says."""

import json
from pathlib import Path
from typing import Any

import pytest

from primitives.addresses import parse_address
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.indexed_tree import Absence, Presence, absence_root, presence_root, value_hash_of
from primitives.keystore import unseal
from primitives.receipt_log import ReceiptPath, receipt_root
from primitives.signatures import verify
from primitives.state_root import state_root
from tests.primitives.naive_tree import NaiveTree, naive_log_root, padded_root, tagged
from tests.vectors import make


def load(name: str) -> Any:
    return json.loads((make.FOLDER / name).read_text(encoding="utf-8"))


def read(written: Any) -> Value:
    """The value that a JSON form stands for."""
    if isinstance(written, list):
        return tuple(read(item) for item in written)
    if not isinstance(written, dict):
        return bool(written) if written is not None else None
    ((kind, content),) = written.items()
    if kind == "int":
        return int(content)
    return bytes.fromhex(content) if kind == "bytes" else str(content)


@pytest.mark.parametrize("name", make.FILES)
def test_the_file_is_what_the_code_computes(name: str) -> None:
    assert (make.FOLDER / name).read_text(encoding="utf-8") == make.text_of(name)


def test_nothing_is_overwritten_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    monkeypatch.setattr(make, "FILES", {"amounts.json": make.amount_texts})
    file = tmp_path / "amounts.json"
    assert make.main([]) == 0 and file.exists()
    file.write_text("[]")
    assert make.main([]) == 1 and file.read_text() == "[]"
    assert "amounts.json differs" in capsys.readouterr().out
    assert make.main(["--write"]) == 0 and file.read_text() == make.text_of("amounts.json")


def test_encodings() -> None:
    vectors = load("encodings.json")
    for case in vectors["accepted"]:
        raw, value = bytes.fromhex(case["encoding"]), read(case["value"])
        assert encode(value) == raw and decode(raw) == value
    for case in vectors["refused"]:
        with pytest.raises(Refused):
            decode(bytes.fromhex(case["encoding"]))


def test_hashes() -> None:
    vectors = load("hashes.json")
    for case in vectors["bytes"]:
        assert tagged(case["tag"], bytes.fromhex(case["content"])).hex() == case["hash"]
    for case in vectors["items"]:
        assert tagged(case["tag"], encode(read(case["items"]))).hex() == case["hash"]


def test_signatures() -> None:
    vectors = load("signatures.json")
    key, network = bytes.fromhex(vectors["public_key"]), bytes.fromhex(vectors["network_id"])
    for case in vectors["signed"]:
        tag = case["tag"].encode()
        message = bytes([len(tag)]) + tag + network + bytes.fromhex(case["content"])
        assert message.hex() == case["message"]
        assert verify(key, message, bytes.fromhex(case["signature"]))
    assert [case["registrable"] for case in vectors["keys"]] == [True, True] + [False] * 6


def test_addresses() -> None:
    vectors = load("addresses.json")
    for case in vectors["accepted"]:
        prefix, key = case["prefix"], bytes.fromhex(case["first_key"])
        assert tagged("account", encode([prefix, key]))[:20].hex() == case["account_id"]
        address = parse_address(case["address"])
        assert (address.prefix, address.account_id.hex()) == (prefix, case["account_id"])
    assert len(vectors["refused"]) == 6


def test_trees() -> None:
    for case in load("trees.json"):
        leaves = [tagged("included", bytes.fromhex(id)) for id in case["ids"]]
        assert padded_root(leaves, "included_node").hex() == case["root"]
        for index, path in enumerate(case["paths"]):
            node = leaves[index]
            for level, sibling in enumerate(bytes.fromhex(text) for text in path):
                pair = sibling + node if index >> level & 1 else node + sibling
                node = tagged("included_node", pair)
            assert node.hex() == case["root"]


def test_state_proofs() -> None:
    vectors = load("state_proofs.json")
    log_root, tree = bytes.fromhex(vectors["log_root"]), NaiveTree()
    objects: dict[str, bytes] = {}
    for block in vectors["blocks"]:
        changes: list[tuple[bytes, bytes | None]] = []
        for change in block["changes"]:
            key, content = bytes.fromhex(change["key"]), change["object"]
            objects.pop(change["key"], None)
            if content is not None:
                objects[change["key"]] = bytes.fromhex(content)
            changes.append((key, None if content is None else tagged("value", objects[key.hex()])))
        tree = tree.changed(changes)
        assert (tree.root().hex(), len(tree.slots)) == (block["tree_root"], block["count"])
        assert state_root(block["count"], tree.root(), log_root).hex() == block["state_root"]
    expected = bytes.fromhex(vectors["blocks"][-1]["state_root"])
    for case in vectors["proofs"]:
        fields: Any = decode(bytes.fromhex(case["proof"]))
        kind, version, *proved, proved_log_root = fields
        assert (version, proved_log_root) == (1, log_root)
        key = bytes.fromhex(case["key"])
        if case["key"] in objects:
            assert kind == "state_proof"
            presence = Presence(*proved)
            root = presence_root(key, value_hash_of(objects[case["key"]]), presence)
            count = presence.count
        else:
            assert kind == "absence_proof"
            absence = Absence(*proved)
            root, count = absence_root(key, absence), absence.count
        assert root is not None and state_root(count, root, log_root) == expected


def test_receipts() -> None:
    vectors = load("receipts.json")
    count_max = max(case["count"] for case in vectors["log_roots"])
    ids = [tagged("vector", b"receipt %d" % n) for n in range(count_max)]
    for case in vectors["log_roots"]:
        assert naive_log_root(ids[: case["count"]], 16).hex() == case["log_root"]
    for case in vectors["proofs"]:
        fields: Any = decode(bytes.fromhex(case["proof"]))
        kind, version, number, log_count, chunk_path, chunks_path, other, count, tree_root = fields
        assert (kind, version, number) == ("receipt_proof", 1, case["number"])
        assert ids[number].hex() == case["id"]
        path = ReceiptPath(log_count, chunk_path, chunks_path, other)
        root = receipt_root(number, ids[number], path)
        assert root is not None
        assert state_root(count, tree_root, root).hex() == case["state_root"]


def test_keystores() -> None:
    vectors = load("keystores.json")
    raw = json.dumps(vectors["file"]).encode()
    assert unseal(raw, vectors["passphrase"]) == read(vectors["payload"])
