"""Make the golden vectors beside this file.

    python tests/vectors/make.py            # compares; writes files that are missing
    python tests/vectors/make.py --write    # overwrites files that differ

Overwriting one changes what every wallet, node and proof must agree on: it is a change of rules,
to be reviewed as such. Bytes are hex; in `encodings.json` a value is written as
null, true, false, {"int": "12"}, {"text": "a"}, {"bytes": "00"} or an array of these.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from primitives import amounts, keystore, merkle
from primitives.addresses import account_id, format_address, parse_address
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes, hash_items
from primitives.indexed_tree import IndexedTree, Presence, value_hash_of
from primitives.receipt_log import CHUNK_LEAVES, ReceiptLog, receipt_leaf
from primitives.signatures import SigningKey, is_registrable, signed_message
from primitives.state_root import state_root

FOLDER = Path(__file__).resolve().parent

SEED = bytes(range(32))
NETWORK_ID = hash_bytes("vector", b"network")


def written(value: Value) -> object:
    """The JSON form of a value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return [written(item) for item in value]


def nested(depth: int) -> Value:
    value: Value = ()
    for _ in range(depth - 1):
        value = (value,)
    return value


def encodings() -> object:
    numbers = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1, 2**63 - 1]
    numbers += [2**63, 2**64 - 1, -1, -32, -33, -128, -129, -32_768, -32_769, -(2**31)]
    numbers += [-(2**31) - 1, -(2**63)]
    values: list[Value] = [None, False, True, *numbers, "", "é", "€", "😀", "a" * 31, "a" * 32]
    values += ["a" * 256, b"", b"\x00\xff", b"b" * 255, b"b" * 256, (), (1,) * 15, (1,) * 16]
    values += [("tx", 1, b"\x01\x02", None, ((b"k", b"s"),)), nested(8)]
    refused = {
        "256 in its signed form": "d10100",
        "0 in two bytes": "cc00",
        "text with a longer header": "d90161",
        "bytes with a longer header": "c5000100",
        "array with a longer header": "dc000101",
        "float": "cb3ff0000000000000",
        "map": "81a16101",
        "empty map": "80",
        "timestamp": "d6ff00000001",
        "extension": "d40100",
        "never used": "c1",
        "not UTF-8": "a1ff",
        "lone surrogate": "a3eda080",
        "byte after the value": "c000",
        "item missing": "9201",
        "nothing": "",
        "array of 2^32 - 1 items": "ddffffffff",
        "nested nine deep": (b"\x91" * 8 + b"\x90").hex(),
    }
    return {
        "accepted": [{"value": written(v), "encoding": encode(v).hex()} for v in values],
        "refused": [{"why": why, "encoding": raw} for why, raw in refused.items()],
    }


def hashes() -> object:
    bytes_cases = [("empty", b""), ("node", bytes(64)), ("tx", b"raw"), ("x" * 255, b"\x00")]
    items: list[tuple[str, list[Value]]] = [
        ("key", ["currency", "LYO"]),
        ("key", ["account", bytes(20)]),
        ("key", ["refund", 65_536]),
        ("genesis", []),
    ]
    return {
        "bytes": [
            {"tag": tag, "content": content.hex(), "hash": hash_bytes(tag, content).hex()}
            for tag, content in bytes_cases
        ],
        "items": [
            {"tag": tag, "items": written(values), "hash": hash_items(tag, values).hex()}
            for tag, values in items
        ],
    }


def signatures() -> object:
    key = SigningKey.from_seed(SEED)
    signed = []
    for tag, content in (("tx", b"body"), ("vote", encode((0, 1, 3, bytes(32)))), ("card", b"")):
        message = signed_message(tag, NETWORK_ID, content)
        signed.append(
            {
                "tag": tag,
                "content": content.hex(),
                "message": message.hex(),
                "signature": key.sign(message).hex(),
            }
        )
    points = {
        "a key": key.public_key.hex(),
        "base point": "58" + "66" * 31,
        "base point plus the point of order two": "95" + "99" * 31,
        "identity": "01" + "00" * 31,
        "point of order two": "ec" + "ff" * 30 + "7f",
        "not canonical": "ee" + "ff" * 30 + "7f",
        "not on the curve": "02" + "00" * 31,
        "31 bytes": "58" + "66" * 30,
    }
    return {
        "seed": SEED.hex(),
        "public_key": key.public_key.hex(),
        "network_id": NETWORK_ID.hex(),
        "signed": signed,
        "keys": [
            {"why": why, "key": point, "registrable": is_registrable(bytes.fromhex(point))}
            for why, point in points.items()
        ],
    }


def addresses() -> object:
    accepted = []
    for prefix in ("lyon", "abc", "a23456789012"):
        for seed in (SEED, bytes(32)):
            key = SigningKey.from_seed(seed).public_key
            id = account_id(prefix, key)
            accepted.append(
                {
                    "prefix": prefix,
                    "first_key": key.hex(),
                    "account_id": id.hex(),
                    "address": format_address(prefix, id),
                }
            )
    good = accepted[0]["address"]
    refused = ["", good + " ", good.capitalize(), good[:-1], good[:-1] + "q", good.replace("1", "")]
    return {"accepted": accepted, "refused": [text for text in refused if _refuses(text)]}


def _refuses(text: str) -> bool:
    try:
        parse_address(text)
    except Refused:
        return True
    return False


def amount_texts() -> object:
    cases: list[tuple[str, int]] = [("12", 2), ("12,5", 2), ("12.50", 2), ("0,01", 2), ("7", 0)]
    cases += [("90071992547409.91", 2), ("90071992547409.92", 2), ("12,505", 2), ("1,0", 0)]
    cases += [("1 000", 2), ("-1", 2), ("1,", 2), (",5", 2), ("", 2), ("1e3", 2), ("1.000,00", 2)]
    results: list[dict[str, object]] = []
    for text, decimals in cases:
        case: dict[str, object] = {"text": text, "decimals": decimals}
        try:
            case["amount_minor"] = amounts.parse_amount(text, decimals)
        except Refused as refusal:
            case["refused"] = refusal.code
        results.append(case)
    return results


def trees() -> object:
    """Roots and paths under a transaction root."""
    ids = [hash_bytes("vector", b"transaction %d" % n) for n in range(9)]
    leaves = [hash_bytes("included", id) for id in ids]
    return [
        {
            "ids": [id.hex() for id in ids[:count]],
            "root": merkle.root(leaves[:count], "included_node").hex(),
            "paths": [
                [node.hex() for node in merkle.path(leaves[:count], index, "included_node")]
                for index in range(count)
            ],
        }
        for count in (1, 2, 3, 5, 8, 9)
    ]


def state_proofs() -> object:
    """Blocks of changes, the roots after each, and proofs under the last state root."""
    log_root = ReceiptLog().root()
    names = [f"object {n}" for n in range(7)]
    blocks: list[list[tuple[str, str | None]]] = [
        [(name, f"{name} at first") for name in names[:4]],
        [(names[1], "changed"), (names[5], "new"), (names[4], "new")],
        [],
        [(names[2], None), (names[6], "last")],
    ]
    tree = IndexedTree()
    steps = []
    for block in blocks:
        tree.apply(
            [
                (_key(name), None if content is None else value_hash_of(content.encode()))
                for name, content in block
            ]
        )
        steps.append(
            {
                "changes": [
                    {"key": _key(name).hex(), "object": content and content.encode().hex()}
                    for name, content in block
                ],
                "count": tree.count(),
                "tree_root": tree.root().hex(),
                "state_root": state_root(tree.count(), tree.root(), log_root).hex(),
            }
        )
    proofs = [_state_proof(tree, name, log_root) for name in (*names, "never there")]
    return {"log_root": log_root.hex(), "blocks": steps, "proofs": proofs}


def _key(name: str) -> bytes:
    return hash_items("key", ["vector", name])


def _state_proof(tree: IndexedTree, name: str, log_root: bytes) -> dict[str, str]:
    proof = tree.prove(_key(name))
    proved: Value
    if isinstance(proof, Presence):
        kind = "state_proof"
        proved = (proof.slot, proof.next_key, proof.count, proof.path)
    else:
        kind = "absence_proof"
        proved = (proof.slot, proof.key, proof.next_key, proof.value_hash, proof.count, proof.path)
    return {"key": _key(name).hex(), "proof": encode((kind, 1, *proved, log_root)).hex()}


def receipts() -> object:
    """Logs over ids H("vector", "receipt N"), N in decimal, and proofs under their roots."""
    log = ReceiptLog()
    ids = [hash_bytes("vector", b"receipt %d" % n) for n in range(2 * CHUNK_LEAVES + 3)]
    first = [receipt_leaf(n, id) for n, id in enumerate(ids[:CHUNK_LEAVES])]
    log.append(ids)
    counts = [0, 1, 5, CHUNK_LEAVES - 1, CHUNK_LEAVES, CHUNK_LEAVES + 1, len(ids)]
    tree = IndexedTree()
    proofs = []
    for number, count in ((0, 1), (3, 5), (0, CHUNK_LEAVES), (9, len(ids)), (65_536, len(ids))):
        path = log.prove(number, count, first)
        proof = encode(
            (
                *("receipt_proof", 1, number, path.log_count, path.chunk_path, path.chunks_path),
                *(path.other, tree.count(), tree.root()),
            )
        )
        proofs.append(
            {
                "number": number,
                "id": ids[number].hex(),
                "state_root": state_root(tree.count(), tree.root(), log.root(count)).hex(),
                "proof": proof.hex(),
            }
        )
    return {
        "log_roots": [{"count": count, "log_root": log.root(count).hex()} for count in counts],
        "proofs": proofs,
    }


def keystores() -> object:
    payload: Value = ("vector", 1, SEED)
    sealed = keystore.seal(
        payload, "château", salt=b"s" * 16, nonce=b"n" * 24, opslimit=1, memlimit_bytes=8_192
    )
    return {
        "passphrase": "château",
        "payload": written(payload),
        "file": json.loads(sealed),
    }


FILES: dict[str, Callable[[], object]] = {
    "encodings.json": encodings,
    "hashes.json": hashes,
    "signatures.json": signatures,
    "addresses.json": addresses,
    "amounts.json": amount_texts,
    "trees.json": trees,
    "state_proofs.json": state_proofs,
    "receipts.json": receipts,
    "keystores.json": keystores,
}


def text_of(name: str) -> str:
    """What the file must hold."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write what is missing, or with `--write` what differs; 1 if something differs and stays."""
    differing = 0
    for name in FILES:
        file, text = FOLDER / name, text_of(name)
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        if file.exists() and "--write" not in arguments:
            print(f"{name} differs; --write overwrites it, which is a change of rules")
            differing += 1
            continue
        file.write_text(text, encoding="utf-8")
        print(f"{name} written")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
