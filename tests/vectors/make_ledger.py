"""Make the golden vectors of the ledger: a genesis, transactions, the states after them, proofs.

    python -m tests.vectors.make_ledger            # compares; writes the file if it is missing
    python -m tests.vectors.make_ledger --write    # overwrites it if it differs

Overwriting it changes what every wallet, node and proof must agree on: a change of rules, to be
reviewed as such. Bytes are hex.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ledger.account_kinds import EMPLOYER
from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
)
from ledger.fields import NETWORK_MOVE, NETWORK_PROPOSE, NETWORK_VOTE
from ledger.genesis import initial_objects
from ledger.key_changes import AddKey, KeyChange, RemoveKey, ReplaceKey, SetThreshold
from ledger.line_commitments import (
    ActivityLine,
    BulletinContent,
    bulletin_amount_minor,
    bulletin_commitment,
    wage_commitment,
)
from ledger.network import move_fields, propose_fields, vote_fields
from ledger.objects import ACCOUNT
from ledger.roles import PAPER, SPEND
from ledger.state import Candidate
from ledger.transaction import Transaction
from primitives.encoding import Value, encode
from tests.ledger.council import proposal_id, town
from tests.ledger.month import Month, programme
from tests.ledger.owners import COUNCIL, HALL, Owners, public
from tests.ledger.world import COMMITMENT, World, entry, founders, key, person

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


class Everybody(Owners, Month):
    """Owners and town halls that do all kinds of things."""


def blocks(world: Everybody) -> Iterator[list[Transaction]]:
    """At least one transaction of each kind; the refund is of a payment in its own block."""
    yield from month(world)
    yield from powers(world)


def powers(world: Everybody) -> Iterator[list[Transaction]]:
    """A phone is lost, the town hall asks for another, two vetoes, three signatures."""
    ana, hall, phone = person("ana"), world.hall, public("ana")
    yield [world.ask(ana, ("ana",), AddKey(public("ana paper"), PAPER, None))]
    world.time_ms += world.delay
    yield [
        world.complete(ana, ("ana",), phone),
        world.freeze(ana),
        world.block_key(ana, HALL, "ana"),
    ]
    changes: list[KeyChange] = [
        ReplaceKey(phone, public("ana new")),
        AddKey(public("tablet"), SPEND, 500),
        SetThreshold(1),
    ]
    yield [world.ask(ana, HALL, *changes)]
    yield [
        world.veto(ana, ("ana",), hall),
        world.insist(ana, HALL, hall),
        world.veto(ana, ("ana",), hall),
        world.decide(ana, COUNCIL, hall, True),
    ]
    world.time_ms += world.delay
    yield [world.complete(ana, HALL[:1], hall), world.unfreeze(ana)]
    yield [world.keys(ana, ("ana paper",), [RemoveKey(public("tablet"))])]


def month(world: Month) -> list[list[Transaction]]:
    """What comes before powers."""
    shop = person("baker shop")
    pay = world.pay("ana", shop, 1_234)
    refund = world.refund("baker shop", pay, 3, 234)
    clean_up, both = programme("clean-up"), ("lavo staff", "lavo staff 2")
    workers = [f"worker {number}" for number in range(10)]
    return [
        [world.open([entry("ana"), entry("baker shop")])],
        [world.issue([(person("ana"), 5_000), (shop, 700)])],
        [world.pay("baker shop", person("ana"), 1), pay, refund],
        [],
        [world.redeem("baker shop", 1_001)],
        [world.open([entry("mill", EMPLOYER), *[entry(name) for name in workers]])],
        [world.issue([(world.commons(), 900_000), (person("mill"), 50_000)])],
        [world.open_programme("clean-up", 120_000, both), world.fund(clean_up, 5_000)],
        [
            world.credit(clean_up, "may", [(person("ana"), 1_500), (person("worker 3"), 20)]),
            world.wages("mill", "may", [(person(name), 1_000) for name in workers], 10_020_000),
            world.wages("mill", "extra", [(person("ana"), 99)]),
        ],
        [world.close(clean_up, 123_480, both)],
        *network_blocks(world),
    ]


def network_blocks(world: World) -> list[list[Transaction]]:
    """Two members change the network; a third joins, and leaves again."""
    joining = replace(town("cendre"), cometbft_key=key("cendre cometbft").public_key)
    accounts = {one.prefix: one.account_id for one in (*founders(), joining)}

    def made(prefix: str, kind: str, fields: tuple[Value, ...]) -> Transaction:
        first, second = [key(f"{prefix} {name}") for name in ("staff", "staff 2")]
        return world.make(kind, accounts[prefix], first, fields, [second])

    def proposed(name: str, change: Change, *votes: tuple[str, bool]) -> list[Transaction]:
        identity = proposal_id(name)
        return [
            made("lavo", NETWORK_PROPOSE, propose_fields(identity, change)),
            *[made(one, NETWORK_VOTE, vote_fields(identity, approve)) for one, approve in votes],
        ]

    new_key = ReplaceKeys("lavo", key("lavo voting 2").public_key, b"\x30\x03")
    brume, cendre = ("brume", True), ("cendre", True)
    return [
        proposed("join", AddMember(joining), brume),
        [made("lavo", NETWORK_MOVE, move_fields("lavo.example:4000", "lavo.example:443"))],
        proposed("keys", new_key, brume, cendre),
        proposed("pause", PauseMember("cendre"), brume, cendre),
        proposed("leave", RemoveMember("cendre"), brume, cendre),
        proposed("lines", ChangeParameter("lines_max", 1_000), ("brume", False)),
        proposed("rules", ChangeRules(3)),
    ]


def commitments() -> list[dict[str, object]]:
    """What lines commit to, with a salt that a registry would have drawn."""
    activities = (
        ActivityLine("2026-02-27", 95, "B", 1_250),
        ActivityLine("2026-02-28", 30, "É", 1_000),
    )
    amount_minor = bulletin_amount_minor(activities)
    content = BulletinContent("R0001", "P1", "2026-02", activities, 125, amount_minor)
    return [
        {
            "tag": "bulletin",
            "salt": COMMITMENT.hex(),
            "person": content.person,
            "programme": content.programme,
            "period": content.period,
            "activities": [list(activity) for activity in activities],
            "minutes": content.minutes,
            "amount_minor": amount_minor,
            "commitment": bulletin_commitment(COMMITMENT, content).hex(),
        },
        {
            "tag": "wage",
            "salt": COMMITMENT.hex(),
            "gross_minor": 250_000,
            "employee": "R0001",
            "period": "2026-02",
            "commitment": wage_commitment(COMMITMENT, 250_000, "R0001", "2026-02").hex(),
        },
    ]


def created_keys(world: World, candidate: Candidate) -> list[bytes]:
    """Keys of the block's new objects in the order of their slots: by transaction, and by key
    inside one."""
    created = [key for key, old in candidate.replaced.items() if old is None]
    return sorted(created, key=world.store.slots.__getitem__)


def content() -> dict[str, object]:
    """Everything the file holds."""
    world = Everybody()
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
                "created": [key.hex() for key in created_keys(world, candidate)],
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
        "commitments": commitments(),
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
