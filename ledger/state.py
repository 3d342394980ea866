"""State: what is committed, and the candidates above it.

Rules of this file:
- State is a function of the ordered list of accepted transactions and of nothing else. No
  height, block time or proposer is written here.
- `Candidate.write` is the only door through which anything changes. It checks conservation first
  and then cannot fail.
- A candidate is a layer of changed objects over its parent; leaving a branch is dropping a layer.
- Stores, files and threads are unknown here: committed bytes come through two ports.

Committing is the node's act. In one synced batch it writes, of the candidate, the receipts
(`first_number`, `ids`) and the objects (`changes`, each with its slot: new keys, which stand first
there, take the next slots in that order); only then it calls `State.commit(candidate)`. Until that
call the candidate's layer answers in front of the store, so another thread may write meanwhile.
A node may keep the objects of the newest block back until the next: what it loads at a start is
then the state that the newest header's root is over, and that block is executed again. Its source
must answer with the objects of `tip` all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ledger.account_cache import ACCOUNTS_CACHED_MAX, AccountCache
from ledger.envelope import Transaction
from ledger.invariants import conserve
from ledger.network_objects import NETWORK_TREE_KEY, NetworkRecord
from ledger.objects import (
    CURRENCY,
    TERRITORY,
    Account,
    Currency,
    StateObject,
    TerritoryRecord,
    decode_object,
    tree_key,
)
from ledger.records import Record, RecordReader
from ledger.rules import Parameters, RuleSet
from ledger.sources import ObjectSource, ReceiptSource
from primitives.errors import InvariantBroken
from primitives.receipt_log import receipt_leaf

CANDIDATES_PROVABLE = 64
"""So many committed states are kept provable."""


class State(RecordReader):
    """The committed state, with a bounded cache of decoded accounts.

    `tip` is the last committed candidate; at first an empty one that stands for what was loaded.
    """

    def __init__(
        self,
        source: ObjectSource,
        receipts: ReceiptSource,
        rules: RuleSet,
        receipt_count: int,
        *,
        accounts_cached_max: int = ACCOUNTS_CACHED_MAX,
    ) -> None:
        self.source = source
        self.receipts = receipts
        self._rules = rules
        self.receipt_count = receipt_count
        self.tip = Candidate(None, self)
        self.before_commit: Callable[[Candidate], None] | None = None
        """Told of a candidate while its changes can still be read."""
        self.recent: deque[Candidate] = deque([self.tip], maxlen=CANDIDATES_PROVABLE + 1)
        """Committed candidates, oldest first; states older than these are out of reach."""
        self._accounts = AccountCache(source, accounts_cached_max)
        self._currencies: dict[str, Currency] = {}
        self._territories: dict[str, TerritoryRecord] = {}
        self._network: NetworkRecord | None = None

    @property
    def rules(self) -> RuleSet:
        """Of the epoch in force; the node puts the next one's here when that begins."""
        return self._rules

    @rules.setter
    def rules(self, rules: RuleSet) -> None:
        self._rules = rules
        # What is checked against the newest final state is checked for the next block.
        self.tip.rules, self.tip.parameters = rules, rules.parameters

    @property
    def parameters(self) -> Parameters:
        """The parameters of the epoch in force."""
        return self.rules.parameters

    def account(self, identity: bytes) -> Account | None:
        """The committed account with this id."""
        return self._accounts.get(identity)

    def read_ahead(self, identities: Iterable[bytes]) -> None:
        """Have these accounts at hand: they are asked for next. Raises what the source does."""
        self._accounts.read_ahead(identities)

    def currency(self, code: str) -> Currency | None:
        """The committed currency with this code."""
        found = self._currencies.get(code)
        if found is None:
            raw = self.source.object(tree_key(CURRENCY, code))
            if raw is not None:
                found = self._currencies[code] = Currency.decode(raw)
        return found

    def territory(self, prefix: str) -> TerritoryRecord | None:
        """The committed territory with this short name."""
        found = self._territories.get(prefix)
        if found is None:
            raw = self.source.object(tree_key(TERRITORY, prefix))
            if raw is not None:
                found = self._territories[prefix] = TerritoryRecord.decode(raw)
        return found

    def record(self, key: bytes) -> StateObject | None:
        """The committed record with this tree key."""
        if key == NETWORK_TREE_KEY and self._network is not None:
            return self._network
        raw = self.source.object(key)
        record = None if raw is None else decode_object(raw)
        if isinstance(record, NetworkRecord):
            self._network = record
        return record

    def receipt_leaf(self, number: int) -> bytes | None:
        """Leaf of a committed receipt."""
        if not 0 <= number < self.receipt_count:
            return None
        return self.receipts.receipt_leaf(number)

    def chunk_root(self, index: int) -> bytes | None:
        """Root of a full chunk of the committed log."""
        return self.receipts.chunk_root(index)

    def commit(self, candidate: Candidate) -> None:
        """Take over what is final and durable: call it after the batch was written.

        `candidate` must be a child of `tip`; candidates of other branches are dead from now on.
        """
        if candidate.committed or candidate.parent is not self.tip:
            raise InvariantBroken("a candidate is committed on what is not its parent")
        if self.before_commit is not None:
            self.before_commit(candidate)
        for account in candidate.accounts.values():
            self._accounts.remember(account)
        self._currencies.update(candidate.currencies)
        self._territories.update(candidate.territories)
        if NETWORK_TREE_KEY in candidate.records:
            self._network = None
        self.receipt_count = candidate.receipt_count
        self.tip = candidate
        self.recent.append(candidate)
        candidate.settle()

    def object_at(self, kind: str, identity: bytes | str | int, at: Candidate) -> bytes | None:
        """Stored form of an object in the state after `at`.

        `at` is any living candidate or one of `recent`; else `InvariantBroken`.
        """
        key = tree_key(kind, identity)
        node = at
        while not node.committed:
            if key in node.replaced:
                return node.changes[key]
            node = node.parent
        if node is not at and node is not self.tip:
            raise InvariantBroken("this branch was left")
        if node not in self.recent:
            raise InvariantBroken("this state is no longer held")
        following = list(self.recent)[self.recent.index(node) + 1 :]
        for later in following:
            if key in later.replaced:
                old = later.replaced[key]
                return None if old is None else old.encode()
        return self.source.object(key)


class Candidate(RecordReader):
    """State after a parent's state and some transactions: a layer, committed or dropped later."""

    __slots__ = (
        "_changes",
        "_created",
        "accounts",
        "base",
        "bytes_total",
        "committed",
        "currencies",
        "first_number",
        "ids",
        "parameters",
        "parent",
        "records",
        "replaced",
        "rules",
        "territories",
        "transactions",
        "work_total",
    )

    parent: Candidate
    """Not there once this is committed: the committed state answers then. A layer that stood for
    its own parent would be a circle, and stay until garbage is looked for among all."""

    def __init__(self, parent: Candidate | None, base: State) -> None:
        """An empty layer over `parent`; without one, it stands for what `base` loaded."""
        self.base = base
        self.rules = base.rules
        self.parameters = base.rules.parameters
        if parent is not None:
            self.parent = parent
        self.committed = parent is None
        self.first_number = base.receipt_count if parent is None else parent.receipt_count
        """Receipt number of the first transaction here."""
        self.ids: list[bytes] = []
        self.transactions: list[Transaction] = []
        self.bytes_total = 0
        self.work_total = 0
        self.accounts: dict[bytes, Account] = {}
        self.currencies: dict[str, Currency] = {}
        self.territories: dict[str, TerritoryRecord] = {}
        self.records: dict[bytes, Record] = {}
        self.replaced: dict[bytes, StateObject | None] = {}
        """By tree key, what stood in the parent's state; nil for what is new."""
        self._created: list[bytes] = []
        self._changes: dict[bytes, bytes] | None = None

    @property
    def receipt_count(self) -> int:
        """Transactions accepted so far: the number that the next one gets."""
        return self.first_number + len(self.ids)

    @property
    def changes(self) -> dict[bytes, bytes]:
        """Changed objects' stored forms by tree key, encoded once.

        New keys come first, in the protocol's order: by transaction, and by key inside one.
        Reading them closes the candidate; once it is committed they are gone.
        """
        if self.committed:
            raise InvariantBroken("a committed layer's changes are gone")
        if self._changes is None:
            changed = {item.tree_key: item for item in self._objects()}
            order = [*self._created, *(key for key in changed if self.replaced[key] is not None)]
            self._changes = {key: changed[key].encode() for key in order}
        return self._changes

    def _objects(self) -> list[StateObject]:
        return [
            *self.accounts.values(),
            *self.currencies.values(),
            *self.territories.values(),
            *self.records.values(),
        ]

    def account(self, identity: bytes) -> Account | None:
        """The account with this id, as of here."""
        node = self
        while not node.committed:
            found = node.accounts.get(identity)
            if found is not None:
                return found
            node = node.parent
        return self.base.account(identity)

    def read_ahead(self, identities: Sequence[bytes]) -> None:
        """Have these accounts at hand (`State.read_ahead`), but for those that stand in this layer
        or one below: the source may hold them already as of blocks not committed here yet."""
        node, missing = self, identities
        while not node.committed:
            changed = node.accounts
            missing = [identity for identity in missing if identity not in changed]
            node = node.parent
        self.base.read_ahead(missing)

    def currency(self, code: str) -> Currency | None:
        """The currency with this code, as of here."""
        node = self
        while not node.committed:
            found = node.currencies.get(code)
            if found is not None:
                return found
            node = node.parent
        return self.base.currency(code)

    def territory(self, prefix: str) -> TerritoryRecord | None:
        """The territory with this short name, as of here."""
        node = self
        while not node.committed:
            found = node.territories.get(prefix)
            if found is not None:
                return found
            node = node.parent
        return self.base.territory(prefix)

    def record(self, key: bytes) -> StateObject | None:
        """The record with this tree key, as of here."""
        node = self
        while not node.committed:
            found = node.records.get(key)
            if found is not None:
                return found
            node = node.parent
        return self.base.record(key)

    def receipt_id(self, number: int) -> bytes | None:
        """Id of the transaction with this number, if it stands in a layer not committed yet."""
        node = self
        while not node.committed:
            if number >= node.first_number:
                index = number - node.first_number
                return node.ids[index] if index < len(node.ids) else None
            node = node.parent
        return None

    def receipt_leaf(self, number: int) -> bytes | None:
        """Leaf of the receipt with this number, as of here."""
        identity = self.receipt_id(number)
        if identity is not None:
            return receipt_leaf(number, identity)
        return self.base.receipt_leaf(number)

    def chunk_root(self, index: int) -> bytes | None:
        """Root of a full chunk of the committed log."""
        return self.base.chunk_root(index)

    def is_alive(self) -> bool:
        """Whether this candidate still stands on the committed tip."""
        node = self
        while not node.committed:
            node = node.parent
        return node is self.base.tip

    def write(
        self,
        accounts: Sequence[Account],
        currencies: Sequence[Currency] = (),
        territory: TerritoryRecord | None = None,
        records: Sequence[Record] = (),
    ) -> None:
        """Put what one transaction changes. Raises `ConservationBroken`, nothing written then."""
        before = conserve(self, accounts, currencies)
        if self.committed or self._changes is not None:
            raise InvariantBroken("a closed candidate would change")
        # All reading first: what follows touches only dictionaries and cannot fail halfway.
        stood: list[tuple[StateObject, StateObject | None]] = [*zip(accounts, before, strict=True)]
        if currencies or records or territory is not None:
            stood += [(currency, self.currency(currency.code)) for currency in currencies]
            stood += [(record, self.record(record.tree_key)) for record in records]
            if territory is not None:
                stood.append((territory, self.territory(territory.prefix)))
        self._keep_replaced(stood)
        for account in accounts:
            self.accounts[account.id] = account
        for currency in currencies:
            self.currencies[currency.code] = currency
        if territory is not None:
            self.territories[territory.prefix] = territory
        for record in records:
            self.records[record.tree_key] = record

    def _keep_replaced(self, stood: Sequence[tuple[StateObject, StateObject | None]]) -> None:
        """Remember what the parent's state had there, the first time it is written over."""
        replaced = self.replaced
        created: list[bytes] = []
        for written, old in stood:
            key = written.tree_key
            if key not in replaced:
                replaced[key] = old
                if old is None:
                    created.append(key)
        if created:
            self._created.extend(sorted(created))

    def append(self, transaction: Transaction) -> None:
        """Number an accepted transaction, after its changes were written."""
        self.ids.append(transaction.id)
        self.transactions.append(transaction)
        self.bytes_total += len(transaction.raw)
        self.work_total += transaction.work

    def settle(self) -> None:
        """Only `State.commit` calls this: the committed state answers for this layer now."""
        self.committed = True
        del self.parent
        self.accounts = {}
        self.currencies = {}
        self.territories = {}
        self.records = {}
        self.transactions = []
        self._changes = None
