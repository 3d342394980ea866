"""A small network for the ledger's tests: two territories, three currencies, people with keys.

`World` keeps a committed chain the way a node does, with a dictionary for a store, so every test
speaks in transactions and never in objects made by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache

from ledger import account_kinds, roles
from ledger.accounts import open_fields
from ledger.commitment import Commitment, LogReceipts
from ledger.envelope import Cosignature, build_body, sign_transaction
from ledger.execution import check, execute
from ledger.fields import (
    ACCOUNT_OPEN,
    PAYMENT_PAY,
    PAYMENT_REFUND,
    RESERVE_ISSUE,
    RESERVE_REDEEM,
    OpenedAccount,
    OpenedKey,
)
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import Genesis, initial_objects
from ledger.objects import Account, Currency, StateObject, decode_object
from ledger.payments import pay_fields
from ledger.refunds import refund_fields
from ledger.reserve import issue_fields, redeem_fields
from ledger.rules import RULE_VERSION, Parameters
from ledger.state import Candidate, State
from ledger.transaction import Transaction, decode_transaction
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.signatures import SigningKey
from primitives.tree_proofs import value_hash_of

TIME_MS = 1_764_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
COMMITMENT = bytes(range(32))


@cache
def key(name: str) -> SigningKey:
    """The key that always belongs to this name."""
    return SigningKey.from_seed(hashlib.sha256(b"ledger tests:" + name.encode()).digest())


def founders() -> tuple[Territory, ...]:
    """`lavo` with euros (fee 250 bps) and minutes, two of three issuers; `brume` with euros."""
    return (
        Territory(
            name="Lavo",
            prefix="lavo",
            currencies=(
                GenesisCurrency("LAV", redeem_fee_bps=250, redeem_kinds=("commons", "service")),
                GenesisCurrency("MIN", kind="time", decimals=0),
            ),
            peer="127.0.0.1:4000",
            http="127.0.0.1:5000",
            voting_key=key("lavo voting").public_key,
            authority_der=b"\x30\x01",
            signing_keys=(key("lavo staff").public_key, key("lavo staff 2").public_key),
            signing_threshold=1,
            recovery_key=key("lavo recovery").public_key,
            issuer_keys=tuple(key(f"lavo issuer {i}").public_key for i in range(3)),
            issuer_threshold=2,
            node_key=key("lavo node").public_key,
        ),
        Territory(
            name="Brume",
            prefix="brume",
            currencies=(GenesisCurrency("BRU"),),
            peer="127.0.0.1:4001",
            http="127.0.0.1:5001",
            voting_key=key("brume voting").public_key,
            authority_der=b"\x30\x02",
            signing_keys=(key("brume staff").public_key, key("brume staff 2").public_key),
            signing_threshold=2,
            recovery_key=key("brume recovery").public_key,
            issuer_keys=(key("brume issuer 0").public_key,),
            issuer_threshold=1,
            node_key=key("brume node").public_key,
        ),
    )


class Store:
    """What a node keeps on disk: objects with their slots."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}
        self.slots: dict[bytes, int] = {}

    def object(self, key: bytes) -> bytes | None:
        return self.objects.get(key)

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.objects.get(key) for key in keys]

    def write(self, changes: Iterable[tuple[bytes, bytes]]) -> None:
        for key, raw in changes:
            self.slots.setdefault(key, len(self.slots) + 1)
            self.objects[key] = raw

    def entries(self) -> list[tuple[int, bytes, bytes]]:
        return [(self.slots[k], k, value_hash_of(raw)) for k, raw in self.objects.items()]


class World:
    """A chain with its newest committed state; `time_ms` is the next block's time."""

    def __init__(
        self,
        parameters: Parameters | None = None,
        *,
        cached_max: int = 50_000,
        territories: tuple[Territory, ...] | None = None,
        rule_version: int = RULE_VERSION,
    ) -> None:
        self.genesis = Genesis(
            1,
            TIME_MS,
            True,
            parameters or Parameters(),
            territories or founders(),
            rule_version,
        )
        self.network_id = self.genesis.network_id
        self.rules = self.genesis.rules
        self.store = Store()
        self.store.write((k, item.encode()) for k, item in initial_objects(self.genesis))
        self.cached_max = cached_max
        self.time_ms = TIME_MS
        self.ids: list[bytes] = []
        self.numbers: dict[tuple[bytes, bytes], int] = {}
        self.open_state(ReceiptLog())

    def open_state(self, log: ReceiptLog) -> None:
        """Start, or start again, from what the store holds."""
        self.log = log
        self.tree = IndexedTree()
        self.tree.load(self.store.entries(), len(self.store.slots) + 1)
        self.state = State(
            self.store,
            LogReceipts(self.log),
            self.rules,
            self.log.count,
            accounts_cached_max=self.cached_max,
        )
        self.commitment = Commitment(self.state, self.tree, self.log)

    def commit(self, candidate: Candidate) -> None:
        """Make a candidate final."""
        self.ids += candidate.ids
        self.store.write(candidate.changes.items())
        self.state.commit(candidate)

    def alter(self, item: StateObject) -> None:
        """Put an object there that no transaction makes yet, and start again."""
        self.store.write([(item.tree_key, item.encode())])
        self.open_state(self.log)

    # -- reading ------------------------------------------------------------------------------

    def root(self) -> bytes:
        return self.commitment.root_after(self.state.tip)

    def account(self, identity: bytes) -> Account:
        found = self.state.account(identity)
        if found is None:
            raise KeyError(identity.hex())
        return found

    def balance(self, identity: bytes) -> int:
        return self.account(identity).balance_minor

    def currency(self, code: str) -> Currency:
        found = self.state.currency(code)
        if found is None:
            raise KeyError(code)
        return found

    def objects(self) -> list[StateObject]:
        return [decode_object(raw) for raw in self.store.objects.values()]

    # -- making transactions ------------------------------------------------------------------

    def decode(self, raw: bytes) -> Transaction:
        return decode_transaction(raw, self.network_id, self.rules)

    def body(
        self,
        kind: str,
        account: bytes,
        device: SigningKey,
        fields: Sequence[Value],
        *,
        number: int | None = None,
        created_ms: int | None = None,
        valid_for_ms: int = HOUR_MS,
    ) -> bytes:
        lane = (account, device.public_key)
        if number is None:
            number = self.numbers.get(lane, 0) + 1
            self.numbers[lane] = number
        created_ms = self.time_ms if created_ms is None else created_ms
        return build_body(
            kind,
            self.network_id,
            created_ms=created_ms,
            valid_until_ms=created_ms + valid_for_ms,
            account=account,
            device=device.public_key,
            number=number,
            fields=fields,
        )

    def make(
        self,
        kind: str,
        account: bytes,
        device: SigningKey,
        fields: Sequence[Value],
        cosigners: Sequence[SigningKey | Cosignature] = (),
        *,
        number: int | None = None,
        created_ms: int | None = None,
        valid_for_ms: int = HOUR_MS,
    ) -> Transaction:
        """A signed and decoded transaction; the lane's next number unless one is given."""
        body = self.body(
            kind,
            account,
            device,
            fields,
            number=number,
            created_ms=created_ms,
            valid_for_ms=valid_for_ms,
        )
        return self.decode(sign_transaction(body, self.network_id, device, cosigners))

    def pay(
        self,
        payer: str,
        payee: bytes,
        amount_minor: int,
        *,
        currency: str = "LAV",
        prefix: str = "lavo",
        number: int | None = None,
        created_ms: int | None = None,
        valid_for_ms: int = HOUR_MS,
    ) -> Transaction:
        return self.make(
            PAYMENT_PAY,
            person(payer, prefix),
            key(payer),
            pay_fields(payee, currency, amount_minor),
            number=number,
            created_ms=created_ms,
            valid_for_ms=valid_for_ms,
        )

    def refund(
        self,
        payee: str,
        original: Transaction,
        receipt_number: int,
        amount_minor: int,
        path: tuple[bytes, ...] | None = None,
        *,
        created_ms: int | None = None,
    ) -> Transaction:
        fields = refund_fields(original.raw, receipt_number, amount_minor, path)
        return self.make(PAYMENT_REFUND, person(payee), key(payee), fields, created_ms=created_ms)

    def issue(
        self,
        lines: Sequence[tuple[bytes, int]],
        *,
        currency: str = "LAV",
        signers: Sequence[str] = ("lavo issuer 0", "lavo issuer 1"),
    ) -> Transaction:
        return self.make(
            RESERVE_ISSUE,
            self.currency(currency).issuer_id,
            key(signers[0]),
            issue_fields(currency, [(account, amount, COMMITMENT) for account, amount in lines]),
            [key(name) for name in signers[1:]],
        )

    def redeem(
        self,
        holder: str,
        amount_minor: int,
        *,
        currency: str = "LAV",
        signers: Sequence[str] = ("lavo issuer 0", "lavo issuer 1"),
    ) -> Transaction:
        return self.make(
            RESERVE_REDEEM,
            person(holder),
            key(holder),
            redeem_fields(currency, amount_minor, COMMITMENT),
            [key(name) for name in signers],
        )

    def open(
        self,
        accounts: Sequence[OpenedAccount],
        *,
        staff: str = "lavo staff",
        prefix: str = "lavo",
        cosigners: Sequence[str] = (),
    ) -> Transaction:
        territory = self.state.territory(prefix)
        if territory is None:
            raise KeyError(prefix)
        others = [key(name) for name in cosigners]
        return self.make(
            ACCOUNT_OPEN, territory.account_id, key(staff), open_fields(accounts), others
        )

    # -- moving on ----------------------------------------------------------------------------

    def block(self, *transactions: Transaction) -> Candidate:
        """Execute a block on the tip and make it final."""
        candidate = execute(self.state, transactions, self.time_ms)
        self.commit(candidate)
        self.time_ms += 1_000
        return candidate

    def code(self, transaction: Transaction) -> str | None:
        """What a transaction would be refused with; nil if it would apply."""
        try:
            check(self.state, transaction, self.time_ms)
        except Refused as refusal:
            return refusal.code
        return None

    def settle(self, *names: str, amount_minor: int = 100_000) -> None:
        """Open accounts in euros of `lavo` (a name with "shop" in it is a service), with money."""
        self.block(self.open([entry(name) for name in names]))
        if amount_minor:
            self.block(self.issue([(person(name), amount_minor) for name in names]))


def person(name: str, prefix: str = "lavo") -> bytes:
    """The account id that follows from this name's key."""
    return account_id(prefix, key(name).public_key)


def entry(
    name: str,
    kind: str | None = None,
    currency: str = "LAV",
    threshold: int = 1,
    keys: Sequence[OpenedKey] | None = None,
) -> OpenedAccount:
    """An account to open, by default with one key that may do all an own key may."""
    if kind is None:
        kind = account_kinds.SERVICE if "shop" in name else account_kinds.RESIDENT
    if keys is None:
        keys = [OpenedKey(key(name).public_key, roles.ROLES_OPENED, None)]
    blind = hashlib.sha256(name.encode()).digest()[:16]
    return OpenedAccount(kind, currency, blind, threshold, tuple(keys))


def refusal_of(world: World, raw: bytes) -> str | None:
    """What decoding is refused with; nil if it is not."""
    try:
        world.decode(raw)
    except Refused as refusal:
        return refusal.code
    return None
