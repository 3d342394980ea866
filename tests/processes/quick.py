"""Networks for process tests that are not about founding one: made in this process, their keys
sealed cheaply, and their town halls' acts signed here and handed in over HTTP."""

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from ledger.changes import Change
from ledger.fields import NETWORK_PROPOSE, NETWORK_VOTE
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.network import propose_fields, vote_fields
from ledger.rules import RULE_VERSION
from ledger.shapes import PROPOSAL_BYTES
from ledger.transaction import build_body, sign_transaction
from node import keys as node_keys
from node.clock import now_ms
from node.founding import NodePlan, create_network, init_node
from node.genesis_file import SIMPLEX, engine_file, write_genesis
from node.keys import read_key
from primitives.encoding import Value
from primitives.keystore import seal
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import TERRITORIES, Network, Node
from tests.reliability.testbed import ask

PASSPHRASE = "quatre mots au hasard"


def make_node(node: Node, home: Path) -> Path:
    """What `node init` makes for this territory, in a folder of its own; its card."""
    fast = partial(seal, opslimit=1, memlimit_bytes=8_192)
    plan = NodePlan(
        home / "data", node.name, node.prefix, node.currency, node.peer, node.http,
        home / "card.json", home / "recovery.json", "leveldb", None, None,
    )  # fmt: skip
    with patch.object(node_keys, "seal", fast):
        init_node(plan, PASSPHRASE)
    return plan.card


def quick_network(
    folder: Path,
    count: int = 4,
    *,
    rule_version: int = RULE_VERSION,
    figures: Sequence[str] = (),
    engine: str = SIMPLEX,
) -> Network:
    """Nodes and their genesis, which may begin with older rules. Nothing runs yet."""
    passphrase = folder / "passphrase"
    passphrase.write_text(f"{PASSPHRASE}\n")
    network = Network(folder, passphrase, folder / "genesis.json")
    ports = iter(free_ports(2 * count))
    cards = []
    for name, prefix, currency in TERRITORIES[:count]:
        peer, http = (f"127.0.0.1:{next(ports)}" for _ in range(2))
        node = Node(name, prefix, currency, folder / prefix, peer, http)
        cards.append(make_node(node, node.folder))
        network.nodes.append(node)
    made = create_network(network.genesis, engine, cards, False, figures)
    for file in (network.genesis, engine_file(network.genesis)):
        file.unlink()
    write_genesis(network.genesis, replace(made, rule_version=rule_version), engine)
    return network


class Council:
    """The staff of the founders' territories. `keystores` is where a clerk's key is, by territory
    and number."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._numbers = 0

    def keystore(self, node: Node, number: int) -> Path:
        """The key of a territory's first or second clerk."""
        return node.folder / f"recovery-staff-{number}.json"

    def propose(self, node: Node, change: Change) -> str:
        """Propose at one's own node, and wait until it is final; the proposal's id."""
        proposal = secrets.token_bytes(PROPOSAL_BYTES)
        self._hand_in(node, NETWORK_PROPOSE, propose_fields(proposal, change))
        return proposal.hex()

    def agree(self, proposal: str, *nodes: Node) -> None:
        """Each says yes, at its own node."""
        for node in nodes:
            _until_listed(node, proposal)
            self._hand_in(node, NETWORK_VOTE, vote_fields(bytes.fromhex(proposal), True))

    def _hand_in(self, node: Node, kind: str, fields: Sequence[Value]) -> None:
        """The second clerk signs first, so that the numbers of the first one's lane are left to
        commands."""
        genesis = Genesis.from_json(self._network.genesis.read_text("utf-8"))
        first, second = (
            read_key(self.keystore(node, number), f"staff-{number}", PASSPHRASE)
            for number in (1, 2)
        )
        self._numbers += 1
        body = build_body(
            kind,
            genesis.network_id,
            created_ms=now_ms(),
            valid_until_ms=now_ms() + 3_600_000,
            account=_territory(genesis, node).account_id,
            device=second.public_key,
            number=self._numbers,
            fields=fields,
        )
        submit(node, sign_transaction(body, genesis.network_id, second, [first]))


def submit(node: Node, raw: bytes) -> dict[str, object]:
    """Hand a transaction in and wait until it is final; what the node says of it then."""
    request = urllib.request.Request(
        f"{node.url}/v1/transactions?wait_ms=10000",
        data=raw,
        headers={"Content-Type": "application/msgpack"},
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    said = b""
    while b'"final"' not in said:
        if time.monotonic() > deadline:
            raise AssertionError(f"{node.prefix}: {said.decode()}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read()
            if error.code not in (429, 503):
                raise AssertionError(f"{node.prefix}: {said.decode()}") from None
            time.sleep(0.2)
    told = json.loads(said)
    if not isinstance(told, dict):
        raise AssertionError(f"{node.prefix}: {said.decode()}")
    return told


def _until_listed(node: Node, proposal: str) -> None:
    """Its node may be a block behind the one where the proposal was made."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (ask(f"{node.url}/v1/proposals/{proposal}") or {}).get("object") is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{node.prefix} does not know the proposal {proposal}")
        time.sleep(0.1)


def _territory(genesis: Genesis, node: Node) -> Territory:
    return next(one for one in genesis.territories if one.prefix == node.prefix)
