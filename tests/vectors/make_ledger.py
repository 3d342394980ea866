"""Make the golden vectors of the ledger: a genesis, transactions, the states after them, proofs.

    python -m tests.vectors.make_ledger            # compares; writes the file if it is missing
    python -m tests.vectors.make_ledger --write    # overwrites it if it differs

Overwriting it changes what every wallet, node and proof must agree on: a change of rules, to be
reviewed as such. Bytes are hex.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ledger.genesis import initial_objects
from ledger.objects import ACCOUNT
from ledger.transaction import Transaction
from primitives.encoding import encode
from tests.ledger.world import World, entry, person

FILE = Path(__file__).resolve().parent / "ledger.json"


def of_state(world: World) -> dict[str, object]:
    """What a state commits to."""
    return {
        "slots": world.tree.count(),
        "tree_root": world.tree.root().hex(),
        "receipts": world.log.count,
        "log_root": world.log.root().hex(),
        "state_root": world.root().hex(),
    }


def of_transaction(transaction: Transaction) -> dict[str, object]:
    """A transaction's bytes and what must be read in them."""
    return {
        "kind": transaction.kind,
        "raw": transaction.raw.hex(),
        "id": transaction.id.hex(),
        "body": transaction.body.hex(),
        "account": transaction.account.hex(),
        "signers": [signer.key.hex() for signer in transaction.signers],
        "number": transaction.number,
        "work": transaction.work,
    }


def blocks(world: World) -> list[list[Transaction]]:
    """One transaction of each family; the refund is of a payment in its own block."""
    shop = person("baker shop")
    pay = world.pay("ana", shop, 1_234)
    refund = world.refund("baker shop", pay, 3, 234)
    return [
        [world.open([entry("ana"), entry("baker shop")])],
        [world.issue([(person("ana"), 5_000), (shop, 700)])],
        [world.pay("baker shop", person("ana"), 1), pay, refund],
        [],
        [world.redeem("baker shop", 1_001)],
    ]


def content() -> dict[str, object]:
    """Everything the file holds."""
    world = World()
    genesis = world.genesis
    steps: list[dict[str, object]] = []
    states = [of_state(world)]
    for transactions in blocks(world):
        time_ms = world.time_ms
        candidate = world.block(*transactions)
        steps.append(
            {
                "time_ms": time_ms,
                "transactions": [of_transaction(one) for one in transactions],
                "changes": {
                    key.hex(): world.store.objects[key].hex() for key in sorted(candidate.replaced)
                },
            }
        )
        states.append(of_state(world))
    tip, commitment = world.state.tip, world.commitment
    present = commitment.prove_object(ACCOUNT, person("ana"), tip)
    absent = commitment.prove_object(ACCOUNT, person("nobody"), tip)
    return {
        "genesis": json.loads(genesis.to_json()),
        "genesis_encoded": encode(genesis.value()).hex(),
        "network_id": genesis.network_id.hex(),
        "initial_objects": [[k.hex(), item.encode().hex()] for k, item in initial_objects(genesis)],
        "states": states,
        "blocks": steps,
        "proofs": {
            "account": person("ana").hex(),
            "object": None if present.raw is None else present.raw.hex(),
            "state_proof": present.proof.hex(),
            "absent_account": person("nobody").hex(),
            "absence_proof": absent.proof.hex(),
            "receipt_number": 3,
            "receipt_proof": commitment.prove_receipt(3, tip).hex(),
        },
    }


def text() -> str:
    """What the file must hold."""
    return json.dumps(content(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write what is missing, or with `--write` what differs; 1 if it differs and stays."""
    made = text()
    if FILE.exists() and FILE.read_text(encoding="utf-8") == made:
        return 0
    if FILE.exists() and "--write" not in arguments:
        print(f"{FILE.name} differs; --write overwrites it, which is a change of rules")
        return 1
    FILE.write_text(made, encoding="utf-8")
    print(f"{FILE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
