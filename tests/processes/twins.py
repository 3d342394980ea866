"""Two networks of one genesis, one for each engine: what the one decided, handed to the other.

Both have the same keys and addresses, so the second is started when the first has stopped.
"""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.cometbft.certified import CertifiedHeader as CometHeader
from consensus.cometbft.certified import verify_certified
from consensus.cometbft.validators import ValidatorSet
from consensus.header import Header
from ledger.accounts import open_fields
from ledger.fields import (
    ACCOUNT_OPEN,
    PAYMENT_PAY,
    PAYMENT_REFUND,
    RESERVE_ISSUE,
    OpenedAccount,
    OpenedKey,
)
from ledger.genesis import Genesis
from ledger.payments import pay_fields
from ledger.power_fields import ACCOUNT_FREEZE, freeze_fields
from ledger.refunds import refund_fields
from ledger.reserve import issue_fields
from ledger.roles import ROLES_OPENED
from ledger.rules import Parameters
from ledger.transaction import build_body, sign_transaction
from node.chain import Chain
from node.clock import now_ms
from node.epoch_book import EpochBook
from node.genesis_file import COMETBFT, write_genesis
from node.keys import read_key
from node.store import open_store
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, verify
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.processes.network import Network, Node
from tests.processes.quick import PASSPHRASE
from tests.reliability.testbed import ask

VALID_MS = 3_600_000
"""The second network gets them much later than the first did."""

Terms = tuple[int, Parameters]
"""Rule version and parameters of an epoch."""


def twin_of(network: Network, folder: Path, engine: str) -> Network:
    """A network with the same genesis, keys and addresses that has not begun; nothing of either may
    run while the folders are copied."""
    other = Network(folder, network.passphrase, folder / "genesis.json")
    folder.mkdir()
    for node in network.nodes:
        shutil.copytree(node.folder, folder / node.prefix)
        other.nodes.append(replace(node, folder=folder / node.prefix, process=None))
    write_genesis(other.genesis, genesis_of(network), engine)
    return other


def genesis_of(network: Network) -> Genesis:
    """Of its file."""
    return Genesis.from_json(network.genesis.read_text("utf-8"))


class Books:
    """What the first territory's town hall, issuer and residents sign."""

    def __init__(self, network: Network) -> None:
        home = network.nodes[0]
        self.genesis = genesis_of(network)
        self.territory = next(t for t in self.genesis.territories if t.prefix == home.prefix)
        self.currency = self.territory.currencies[0].code
        self._staff = [
            read_key(home.folder / f"recovery-staff-{number}.json", f"staff-{number}", PASSPHRASE)
            for number in (1, 2)
        ]
        self._issuer = read_key(home.issuer_keystore, "issuer", PASSPHRASE)
        self._numbers: dict[bytes, int] = {}

    def key(self, name: str) -> SigningKey:
        """A resident's."""
        return SigningKey.from_seed(hash_bytes("test_key", f"twins {name}".encode()))

    def account(self, name: str) -> bytes:
        """A resident's account."""
        return account_id(self.territory.prefix, self.key(name).public_key)

    def open(self, *names: str) -> bytes:
        """Accounts for these residents."""
        opened = [
            OpenedAccount(
                "resident",
                self.currency,
                hash_bytes("test_blind", self.account(name))[:16],
                1,
                (OpenedKey(self.key(name).public_key, ROLES_OPENED, None),),
            )
            for name in names
        ]
        fields = open_fields(opened)
        return self._sign(ACCOUNT_OPEN, self.territory.account_id, self._staff[0], fields)

    def issue(self, amount_minor: int, *names: str) -> bytes:
        """Money for each of them."""
        lines = [(self.account(name), amount_minor, bytes(32)) for name in names]
        prefix, issuer = self.territory.prefix, self._issuer
        identity = account_id(prefix, issuer.public_key)
        return self._sign(RESERVE_ISSUE, identity, issuer, issue_fields(self.currency, lines))

    def pay(self, payer: str, payee: str, amount_minor: int, *, number: int | None = None) -> bytes:
        """A payment; `number` for one that was used already."""
        fields = pay_fields(self.account(payee), self.currency, amount_minor)
        key = self.key(payer)
        return self._sign(PAYMENT_PAY, self.account(payer), key, fields, number=number)

    def refund(self, payee: str, original: bytes, receipt: int, amount_minor: int) -> bytes:
        """The payee of a payment gives back."""
        fields = refund_fields(original, receipt, amount_minor)
        return self._sign(PAYMENT_REFUND, self.account(payee), self.key(payee), fields)

    def freeze(self, name: str) -> bytes:
        """Two of the staff freeze a resident's account: a kind of the second rule version."""
        fields = freeze_fields(self.account(name), 1, now_ms() + VALID_MS)
        first, second = self._staff
        return self._sign(ACCOUNT_FREEZE, self.territory.account_id, first, fields, (second,))

    def _sign(
        self,
        kind: str,
        account: bytes,
        key: SigningKey,
        fields: Sequence[Value],
        others: Sequence[SigningKey] = (),
        *,
        number: int | None = None,
    ) -> bytes:
        if number is None:
            number = self._numbers[key.public_key] = self._numbers.get(key.public_key, 0) + 1
        network_id = self.genesis.network_id
        body = build_body(
            kind,
            network_id,
            created_ms=now_ms(),
            valid_until_ms=now_ms() + VALID_MS,
            account=account,
            device=key.public_key,
            number=number,
            fields=fields,
        )
        return sign_transaction(body, network_id, key, others)


def refused(node: Node, raw: bytes) -> str:
    """The code with which a node refuses a transaction, once it is ready to judge."""
    found: list[str] = []

    def judged() -> bool:
        request = urllib.request.Request(
            f"{node.url}/v1/transactions?wait_ms=10000",
            data=raw,
            headers={"Content-Type": "application/msgpack"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            said = json.loads(error.read())
            if error.code in (429, 503):
                return False
        assert "code" in said, f"it was not refused: {said}"
        found.append(str(said["code"]))
        return True

    wait_until(judged, f"{node.prefix} says neither yes nor no")
    return found[0]


def hold(network: Network, wanted: Callable[[Terms], bool]) -> None:
    """Wait until an epoch with such terms is in force on every node."""

    def holds() -> bool:
        return all(wanted(terms_in_force(node)) for node in network.nodes)

    wait_until(holds, "other terms do not come into force")


def terms_in_force(node: Node) -> Terms:
    """Of the epoch that a running node is in."""
    while True:
        epoch = (ask(f"{node.url}/v1/status") or {}).get("epoch")
        told = ask(f"{node.url}/v1/epochs/{epoch}")
        if told is not None and isinstance(told["parameters"], dict):
            return int(str(told["rule_version"])), Parameters(**told["parameters"])


@dataclass(frozen=True)
class Signed:
    """What a final header says of the ledger."""

    root: bytes
    rule_version: int


def signed_headers(network: Network, engine: str) -> dict[int, Signed]:
    """By height, up to one that all have: what the nodes in turn give to wallets. Under CometBFT
    more than two thirds of the genesis's keys signed each; the other engine's certificates are
    what `node verify` is for."""
    heights = [int(str((ask(f"{node.url}/v1/status") or {})["height"])) for node in network.nodes]
    keys = [one.cometbft_key for one in genesis_of(network).territories]
    validators = ValidatorSet.of_members([key for key in keys if key is not None])
    found = {}
    for height in range(1, min(heights) + 1):
        node = network.nodes[height % len(network.nodes)]
        told = ask(f"{node.url}/v1/headers/{height}", PATIENCE_SECONDS)
        assert told is not None, f"{node.prefix} does not give the header at {height}"
        header, certificate = (bytes.fromhex(str(told[n])) for n in ("header", "certificate"))
        if engine == COMETBFT:
            between = told["headers"]
            assert isinstance(between, list)
            rows = [bytes.fromhex(one) for one in between]
            certified = CometHeader.of_bytes(header, certificate, rows)
            verify_certified(certified, validators, verify)
            found[height] = Signed(certified.header.state_root, certified.header.rule_version)
        else:
            own = Header.decode(header)
            found[height] = Signed(own.state_root, own.rule_version)
    return found


@dataclass(frozen=True)
class Record:
    """What a network decided, from the data of a node that stopped.

    `roots`: the signed state root after so many transactions. `rules`: the rule version that each
    was executed under. `switches`: after so many transactions other terms came into force.
    """

    order: tuple[bytes, ...]
    roots: dict[int, bytes]
    rules: tuple[int, ...]
    switches: tuple[tuple[int, Terms], ...]
    blocks: int
    epochs: int


def record_of(network: Network, node: Node, signed: dict[int, Signed]) -> Record:
    """See `Record`. Raises AssertionError where one count of transactions has two roots."""
    store = open_store(node.data / "store", "leveldb")
    try:
        chain = Chain(store)
        return _record(chain, EpochBook(chain, genesis_of(network)), signed)
    finally:
        store.close()


def _record(chain: Chain, book: EpochBook, signed: dict[int, Signed]) -> Record:
    order: list[bytes] = []
    rules: list[int] = []
    roots: dict[int, bytes] = {}
    counts = {0: 0}
    for height, header in signed.items():
        # What a header says is the state after the block below it.
        assert roots.setdefault(len(order), header.root) == header.root, f"height {height}"
        raws = chain.raws(height)
        order += raws
        rules += [header.rule_version] * len(raws)
        counts[height] = len(order)
    switches: list[tuple[int, Terms]] = []
    for number in range(book.first, book.current.number + 1):
        epoch = book.epoch(number)
        terms = epoch.terms.rule_version, epoch.terms.parameters
        if epoch.height in counts and (not switches or switches[-1][1] != terms):
            switches.append((counts[epoch.height], terms))
    return Record(
        tuple(order), roots, tuple(rules), tuple(switches), len(signed), book.current.number
    )
