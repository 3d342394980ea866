"""Bounds, turns and memory of the mempool."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.transaction import Transaction, decode_transaction
from node.mempool import Mempool, MempoolBounds
from primitives.errors import Refused
from tests.node.town import Person, Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder: Path = tmp_path_factory.mktemp("town")
    return Town(folder, 1)


def _payments(town: Town, name: str, count: int) -> list[Transaction]:
    payer, payee = Person("town0", name), Person("town0", "payee")
    return [
        decode_transaction(town.pay(payer, payee, 1, number=number), town.network_id)
        for number in range(1, count + 1)
    ]


def test_accounts_take_turns_oldest_first(town: Town) -> None:
    pool = Mempool()
    busy, quiet, late = (_payments(town, name, 3) for name in ("busy", "quiet", "late"))
    for transaction in (*busy, *quiet[:1], *late[:2]):
        assert pool.add(transaction)
    wanted = [busy[0], quiet[0], late[0], busy[1], late[1], busy[2]]
    assert pool.take(10, set()) == wanted
    assert pool.take(2, set()) == wanted[:2]
    assert pool.take(10, {busy[0].id, quiet[0].id}) == [busy[1], late[0], busy[2], late[1]]
    assert pool.oldest(2) == busy[:2]


def test_removal_leaves_nothing_behind(town: Town) -> None:
    pool = Mempool()
    transactions = _payments(town, "one", 5)
    for transaction in transactions:
        pool.add(transaction)
    assert pool.on_lane(transactions[2].account, transactions[2].device, 3) == transactions[2].id
    pool.remove([*(each.id for each in transactions), bytes(32)])
    assert len(pool) == 0 and pool.bytes_held == 0
    assert pool.take(10, set()) == []
    assert pool.on_lane(transactions[2].account, transactions[2].device, 3) is None


def test_bounds_refuse_and_keep_what_is_there(town: Town) -> None:
    first, other = _payments(town, "first", 4), _payments(town, "other", 4)
    size = len(first[0].raw)
    cases: list[tuple[MempoolBounds, Sequence[Transaction], int]] = [
        (MempoolBounds(transactions_max=3), [*first[:2], *other[:2]], 3),
        (MempoolBounds(bytes_max=2 * size), [*first[:1], *other[:2]], 2),
        (MempoolBounds(per_account_max=2), first[:3], 2),
    ]
    for bounds, offered, fitting in cases:
        pool = Mempool(bounds)
        for transaction in offered[:fitting]:
            pool.add(transaction)
        with pytest.raises(Refused) as refusal:
            pool.add(offered[fitting])
        assert refusal.value.code == "mempool_full"
        assert len(pool) == fitting
        pool.remove([offered[0].id])
        pool.add(offered[fitting])


def test_a_number_waits_once(town: Town) -> None:
    pool = Mempool()
    payer, payee = Person("town0", "payer"), Person("town0", "payee")
    one, two = (
        decode_transaction(town.pay(payer, payee, amount, number=7), town.network_id)
        for amount in (1, 2)
    )
    assert pool.add(one)
    assert not pool.add(one)
    with pytest.raises(Refused) as refusal:
        pool.add(two)
    assert refusal.value.code == "number_used"


def test_refusals_are_remembered_for_a_while(town: Town) -> None:
    told: list[bytes] = []
    pool = Mempool(MempoolBounds(refusals_remembered_max=2), told.extend)
    transactions = _payments(town, "refused", 3)
    for transaction in transactions:
        pool.add(transaction)
        pool.refuse([(transaction, Refused("balance_insufficient"))])
    assert len(pool) == 0
    assert pool.refusal(transactions[0].id) is None
    refusal = pool.refusal(transactions[2].id)
    assert refusal is not None and refusal.code == "balance_insufficient"
    assert told == [transaction.id for transaction in transactions]
