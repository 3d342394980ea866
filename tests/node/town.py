"""A small network of territory nodes in one process, over real TLS on loopback, for tests."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ledger.accounts import open_fields
from ledger.fields import ACCOUNT_OPEN, PAYMENT_PAY, RESERVE_ISSUE, OpenedAccount, OpenedKey
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import Genesis
from ledger.payments import pay_fields
from ledger.reserve import issue_fields
from ledger.roles import ROLES_OPENED
from ledger.rules import RULE_VERSION, Parameters
from ledger.transaction import build_body, sign_transaction
from node.answers import CertifiedHeader, Submission
from node.genesis_file import SIMPLEX
from node.machinery import Machinery
from node.peers.certificates import make_authority, make_transport
from node.territory import TerritoryNode, TerritoryOptions, TransportIdentity, create_data
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports

UNLIMITED = 2**53 - 1


def key_of(name: str) -> SigningKey:
    """The key with that name in tests."""
    return SigningKey.from_seed(hash_bytes("test_key", name.encode()))


def found(
    count: int,
    ports: Sequence[int],
    parameters: Parameters | None = None,
    rule_version: int = RULE_VERSION,
) -> Genesis:
    """A genesis of `count` territories with one currency each."""
    territories = []
    for index in range(count):
        prefix = f"town{index}"
        voting = key_of(f"{prefix} voting")
        territories.append(
            Territory(
                name=prefix.capitalize(),
                prefix=prefix,
                currencies=(GenesisCurrency(f"TO{index}"),),
                peer=f"127.0.0.1:{ports[index]}",
                http="127.0.0.1:1",
                voting_key=voting.public_key,
                authority_der=make_authority(voting),
                signing_keys=(key_of(f"{prefix} staff").public_key,),
                signing_threshold=1,
                recovery_key=key_of(f"{prefix} recovery").public_key,
                issuer_keys=(key_of(f"{prefix} issuer").public_key,),
                issuer_threshold=1,
                node_key=key_of(f"{prefix} node").public_key,
                cometbft_key=key_of(f"{prefix} cometbft").public_key,
            )
        )
    chosen = parameters or Parameters()
    quotas = replace(
        chosen,
        accounts_opened_per_day_max=UNLIMITED,
        lines_per_day_max=UNLIMITED,
        transactions_per_day_max=UNLIMITED,
    )
    founded_ms = time.time_ns() // 1_000_000 - 1000
    return Genesis(1, founded_ms, True, quotas, tuple(territories), rule_version)


class Person:
    """A resident with one device."""

    def __init__(self, prefix: str, name: str) -> None:
        self.key = key_of(f"{prefix} {name}")
        self.prefix = prefix
        self.id = account_id(prefix, self.key.public_key)
        self.number = 0


class Town:
    """Nodes by index, their genesis, and transactions of its people."""

    def __init__(
        self,
        folder: Path,
        count: int = 4,
        *,
        store_kind: str = "leveldb",
        parameters: Parameters | None = None,
        rule_version: int = RULE_VERSION,
        engine: str = SIMPLEX,
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.count = count
        self.store_kind = store_kind
        self.ports = free_ports(count)
        self.genesis = found(count, self.ports, parameters, rule_version)
        self.network_id = self.genesis.network_id
        self.nodes: dict[int, TerritoryNode] = {}
        self.numbers: dict[bytes, int] = {}
        for index in range(count):
            self.create(index)

    def create(self, index: int) -> None:
        """The data that `node init` would make."""
        create_data(self.journal(index), self.store(index), self.store_kind)

    def journal(self, index: int) -> Path:
        return self.folder / f"node{index}" / "journal"

    def store(self, index: int) -> Path:
        return self.folder / f"node{index}" / "store"

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        """What node `index` is started with."""
        voting = key_of(f"town{index} voting")
        return TerritoryOptions(
            journal_folder=self.journal(index),
            store_folder=self.store(index),
            store_kind=self.store_kind,
            genesis=self.genesis,
            engine=self.engine,
            voting_key=voting,
            transport=TransportIdentity(*make_transport(voting)),
            observe_only=observe_only,
            cometbft_key=key_of(f"town{index} cometbft"),
        )

    async def start(self, *indices: int, observe_only: bool = False) -> None:
        """Start these nodes (all without a name)."""
        for index in indices or range(self.count):
            node = TerritoryNode(self.options(index, observe_only=observe_only))
            await node.start()
            self.nodes[index] = node

    async def ready(self) -> None:
        """Until all that run are ready."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(node.wait_ready() for node in self.nodes.values()))

    async def stop(self, *indices: int) -> None:
        """Stop these nodes (all without a name)."""
        for index in indices or tuple(self.nodes):
            node = self.nodes.pop(index, None)
            if node is not None:
                await node.stop()

    # -- transactions -------------------------------------------------------------------------

    def sign(
        self,
        kind: str,
        account: bytes,
        key: SigningKey,
        fields: Sequence[Value],
        *,
        number: int | None = None,
        created_ms: int | None = None,
    ) -> bytes:
        """A raw transaction with the lane's next number, or the given one."""
        if number is None:
            number = self.numbers.get(key.public_key, 0) + 1
            self.numbers[key.public_key] = number
        created = time.time_ns() // 1_000_000 if created_ms is None else created_ms
        body = build_body(
            kind,
            self.network_id,
            created_ms=created,
            valid_until_ms=created + 3_600_000,
            account=account,
            device=key.public_key,
            number=number,
            fields=fields,
        )
        return sign_transaction(body, self.network_id, key)

    def open_accounts(self, people: Sequence[Person]) -> bytes:
        """The town hall of the first person's territory opens accounts for them."""
        prefix = people[0].prefix
        currency = f"TO{prefix.removeprefix('town')}"
        staff = key_of(f"{prefix} staff")
        opened = [
            OpenedAccount(
                "resident",
                currency,
                hash_bytes("test_blind", person.id)[:16],
                1,
                (OpenedKey(person.key.public_key, ROLES_OPENED, None),),
            )
            for person in people
        ]
        identity = account_id(prefix, staff.public_key)
        return self.sign(ACCOUNT_OPEN, identity, staff, open_fields(opened))

    def issue(self, people: Sequence[Person], amount_minor: int) -> bytes:
        """The issuer gives each of them money."""
        prefix = people[0].prefix
        issuer = key_of(f"{prefix} issuer")
        lines = [(person.id, amount_minor, bytes(32)) for person in people]
        fields = issue_fields(f"TO{prefix.removeprefix('town')}", lines)
        return self.sign(RESERVE_ISSUE, account_id(prefix, issuer.public_key), issuer, fields)

    def pay(
        self, payer: Person, payee: Person, amount_minor: int, *, number: int | None = None
    ) -> bytes:
        """One payment."""
        currency = f"TO{payer.prefix.removeprefix('town')}"
        fields = pay_fields(payee.id, currency, amount_minor)
        return self.sign(PAYMENT_PAY, payer.id, payer.key, fields, number=number)

    async def settle(self, index: int, raws: Sequence[bytes]) -> list[Submission]:
        """Submit at one node and wait until all that it took is final there."""
        node = self.nodes[index]
        answers = await node.submit_many(raws)
        for answer in answers:
            if answer.state in ("accepted", "known"):
                status = await node.wait_final(answer.id, 30_000)
                if status.state != "final":
                    raise TimeoutError(f"not final: {status}")
        return answers

    async def must_settle(self, index: int, raws: Sequence[bytes]) -> None:
        """As `settle`; raises what any of them was refused with."""
        for answer in await self.settle(index, raws):
            if answer.refusal is not None:
                raise answer.refusal

    async def people(self, count: int, amount_minor: int, territory: int = 0) -> list[Person]:
        """Residents with money, their accounts open and known everywhere."""
        people = [Person(f"town{territory}", f"resident {number}") for number in range(count)]
        for begin in range(0, count, 500):
            part = people[begin : begin + 500]
            answers = await self.settle(territory, [self.open_accounts(part)])
            answers += await self.settle(territory, [self.issue(part, amount_minor)])
            refusals = [answer.refusal for answer in answers if answer.refusal is not None]
            if refusals:
                raise refusals[0]
        return people

    async def same_height(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Until all running nodes stand at one height and root; the height."""
        async with asyncio.timeout(seconds):
            while True:
                states = {(n.status().height, n.status().state_root) for n in self.nodes.values()}
                idle = all(n.status().mempool_transactions == 0 for n in self.nodes.values())
                if len(states) == 1 and idle:
                    return states.pop()[0]
                await asyncio.sleep(0.02)


def machinery_of(node: TerritoryNode) -> Machinery:
    """What stands behind a node under the built-in engine."""
    found = node._running
    assert isinstance(found, Machinery)
    return found


async def certified_by(node: TerritoryNode, height: int | None = None) -> CertifiedHeader | None:
    """A final header of the built-in engine, as a node gives it."""
    found = await node.certified(height)
    assert found is None or isinstance(found, CertifiedHeader)
    return found


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
