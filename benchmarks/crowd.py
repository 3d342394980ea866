"""Many accounts in a node's store without a transaction for each.

They are ordinary objects of the ledger, encoded by it and put where the genesis's objects go before
a node's first start, with the currency's totals counting them. All nodes of a network get the same,
so they agree from block 1 on: its header carries the root over all of them. The keys of these
accounts are random bytes: nobody pays from them.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ledger.account_kinds import RESIDENT
from ledger.genesis import Genesis, initial_objects
from ledger.objects import ACCOUNT, Account, Currency, DeviceKey, StateObject, tree_key
from ledger.roles import ROLES_OPENED
from node.chain_records import META_KEY, OBJECT, SLOT_BYTES, Meta
from node.store import Change, Store, open_store
from primitives.addresses import account_id
from primitives.errors import InvariantBroken
from primitives.hashing import hash_bytes

BALANCE_MINOR = 10_000
_CHANGES_AT_ONCE = 20_000


def put_crowd(stores: Sequence[tuple[Path, str]], genesis: Genesis, accounts: int) -> None:
    """Put so many accounts into these stores (folder and kind), which `node init` made."""
    folder, kind = stores[0]
    store = open_store(folder, kind)
    try:
        slots = _put_objects(store, genesis, accounts)
    finally:
        store.close()
    for other, other_kind in stores[1:]:
        meta = _meta(other, other_kind)
        shutil.rmtree(other)
        shutil.copytree(folder, other)
        _begin(other, other_kind, replace(meta, network_id=genesis.network_id, slots=slots))
    _begin(folder, kind, replace(_meta(folder, kind), network_id=genesis.network_id, slots=slots))


def _put_objects(store: Store, genesis: Genesis, accounts: int) -> int:
    changes: list[Change] = []
    slot = 0
    for slot, (key, item) in enumerate(_objects(genesis, accounts), 1):
        changes.append((OBJECT + key, slot.to_bytes(SLOT_BYTES, "big") + item.encode()))
        if len(changes) >= _CHANGES_AT_ONCE:
            store.write(changes, sync=False)
            changes = []
    store.write(changes, sync=True)
    return slot + 1


def _objects(genesis: Genesis, accounts: int) -> Iterator[tuple[bytes, StateObject]]:
    """The genesis's objects, each first currency with its part of the crowd's money, the crowd."""
    homes = genesis.territories
    counts = {
        home.currencies[0].code: len(range(first, accounts, len(homes)))
        for first, home in enumerate(homes)
    }
    for key, item in initial_objects(genesis):
        if isinstance(item, Currency) and item.code in counts:
            total = counts[item.code] * BALANCE_MINOR
            item = item._replace(
                accounts=item.accounts + counts[item.code], supply_minor=total, reserve_minor=total
            )
        yield key, item
    for number in range(accounts):
        home = homes[number % len(homes)]
        one = _resident(home.prefix, home.currencies[0].code, number)
        yield one.tree_key, one


def _secret(number: int) -> bytes:
    return hash_bytes("benchmark_crowd", number.to_bytes(8, "big"))


def crowd_account(prefix: str, number: int) -> bytes:
    """The id of an account of the crowd, `prefix` that of territory `number` modulo their count."""
    return account_id(prefix, _secret(number))


def _resident(prefix: str, currency: str, number: int) -> Account:
    secret, identity = _secret(number), crowd_account(prefix, number)
    return Account(
        tree_key=tree_key(ACCOUNT, identity),
        id=identity,
        prefix=prefix,
        kind=RESIDENT,
        currency=currency,
        balance_minor=BALANCE_MINOR,
        blind=secret[:16],
        threshold=1,
        devices=(DeviceKey(secret, ROLES_OPENED, None, 0, 0),),
        frozen_until_ms=0,
        day=0,
        day_count=0,
    )


def _meta(folder: Path, kind: str) -> Meta:
    store = open_store(folder, kind)
    try:
        raw = store.get(META_KEY)
    finally:
        store.close()
    if raw is None:
        raise InvariantBroken(f"{folder} was not made by `node init`")
    return Meta.decode(raw)


def _begin(folder: Path, kind: str, meta: Meta) -> None:
    store = open_store(folder, kind)
    try:
        store.write([(META_KEY, meta.encode())], sync=True)
    finally:
        store.close()
