"""Roots and proofs: of every candidate, on every branch, for as long as they are held."""

from __future__ import annotations

import pytest

from ledger.commitment import Commitment, LogReceipts
from ledger.execution import execute
from ledger.objects import ACCOUNT, CURRENCY, REFUND, TERRITORY, Account, decode_object, tree_key
from ledger.proofs import AbsenceProof, ReceiptProof, StateProof
from ledger.state import Candidate, State
from primitives.errors import InvariantBroken, Refused
from primitives.indexed_tree import VERSIONS_KEPT, IndexedTree
from primitives.receipt_log import CHUNK_LEAVES, ReceiptLog, receipt_leaf
from primitives.state_root import state_root
from tests.ledger.world import World, entry, person

SHOP = person("baker shop")


@pytest.fixture
def world() -> World:
    made = World()
    made.settle("ana", "ben", "baker shop", amount_minor=1_000)
    return made


def fresh_root(world: World) -> bytes:
    """The committed state's root, from nothing but the store and the ids."""
    tree, log = IndexedTree(), ReceiptLog()
    tree.load(world.store.entries(), len(world.store.slots) + 1)
    log.append(world.ids)
    return state_root(tree.count(), tree.root(), log.root())


def balance_in(raw: bytes | None) -> int:
    assert raw is not None
    account = decode_object(raw)
    assert isinstance(account, Account)
    return account.balance_minor


def test_the_root_is_what_the_store_gives(world: World) -> None:
    for amount in range(1, 6):
        world.block(world.pay("ana", SHOP, amount), world.open([entry(f"n{amount}")]))
        assert world.root() == fresh_root(world)


def test_branches_have_the_roots_of_their_own_line(world: World) -> None:
    tip, time_ms = world.state.tip, world.time_ms
    pays = [world.pay("ana", SHOP, amount) for amount in (1, 2, 3)]
    opening = world.open([entry("new")])
    left_1 = execute(tip, [pays[0]], time_ms)
    left_2 = execute(left_1, [opening], time_ms)
    right_1 = execute(tip, [opening, pays[1]], time_ms)
    right_2 = execute(right_1, [pays[2], pays[0]], time_ms)
    candidates = [left_1, left_2, right_1, right_2]
    commitment = world.commitment
    roots = [commitment.root_after(one) for one in candidates]
    assert len(set(roots)) == 4
    for order in ([3, 1, 0, 2], [2, 3, 1], [0, 3, 1, 2]):
        for place in order:
            commitment.move_to(candidates[place])
            assert commitment.root_after(candidates[place]) == roots[place]
    world.commit(right_1)
    world.commit(right_2)
    assert world.root() == roots[3] == fresh_root(world)


def test_committing_keeps_what_was_hashed_above(world: World) -> None:
    below = execute(world.state, [world.pay("ana", SHOP, 1)], world.time_ms)
    above = execute(below, [world.pay("ana", SHOP, 2)], world.time_ms)
    root = world.commitment.root_after(above)
    version = world.tree.version
    world.commit(below)
    assert world.tree.version == version
    assert world.commitment.root_after(above) == root
    assert world.commitment.root_after(below) == world.root()


def test_a_block_is_committed_whose_root_nobody_asked(world: World) -> None:
    first = execute(world.state, [world.pay("ana", SHOP, 1)], world.time_ms)
    second = execute(first, [world.pay("ana", SHOP, 2)], world.time_ms)
    world.commit(first)
    world.commit(second)
    assert world.root() == fresh_root(world)
    # Of a committed state the tree has passed, the root can still be told.
    assert world.commitment.root_after(first) != world.root()


def test_an_object_is_proved_in_every_state_that_is_held(world: World) -> None:
    states: list[tuple[Candidate, int, bytes]] = [
        (world.state.tip, world.balance(SHOP), world.root())
    ]
    for amount in range(1, 9):
        world.block(world.pay("ana", SHOP, amount))
        if amount % 3 == 0:
            world.block(world.pay("ben", person("ana"), 1))
        states.append((world.state.tip, world.balance(SHOP), world.root()))
    key = tree_key(ACCOUNT, SHOP)
    for at, balance_minor, root in states:
        raw, proof = world.commitment.prove_object(ACCOUNT, SHOP, at)
        assert balance_in(raw) == balance_minor
        assert raw is not None and StateProof.decode(proof).verify(root, key, raw)


def test_an_object_written_twice_in_a_block_is_proved_as_it_was_before(world: World) -> None:
    before, root = world.state.tip, world.root()
    balance_minor = world.balance(SHOP)
    world.block(world.pay("ana", SHOP, 1), world.pay("ana", SHOP, 2))
    raw, proof = world.commitment.prove_object(ACCOUNT, SHOP, before)
    assert balance_in(raw) == balance_minor
    assert raw is not None
    assert StateProof.decode(proof).verify(root, tree_key(ACCOUNT, SHOP), raw)


def test_what_is_not_there_is_proved_absent_until_it_is(world: World) -> None:
    before, root = world.state.tip, world.root()
    identity = person("new")
    key = tree_key(ACCOUNT, identity)
    world.block(world.open([entry("new")]))
    raw, proof = world.commitment.prove_object(ACCOUNT, identity, before)
    assert raw is None
    assert AbsenceProof.decode(proof).verify(root, key)
    raw, proof = world.commitment.prove_object(ACCOUNT, identity, world.state.tip)
    assert raw is not None and StateProof.decode(proof).verify(world.root(), key, raw)


def test_objects_of_every_kind_are_proved(world: World) -> None:
    payment = world.pay("ana", SHOP, 10)
    number = world.state.receipt_count
    world.block(payment)
    world.block(world.refund("baker shop", payment, number, 4))
    for kind, identity in (
        (ACCOUNT, SHOP),
        (CURRENCY, "LAV"),
        (TERRITORY, "lavo"),
        (REFUND, number),
    ):
        raw, proof = world.commitment.prove_object(kind, identity, world.state.tip)
        assert raw is not None
        key = tree_key(kind, identity)
        assert StateProof.decode(proof).verify(world.root(), key, raw)


def test_a_candidates_state_is_proved_before_it_is_final(world: World) -> None:
    below = execute(world.state, [world.pay("ana", SHOP, 1)], world.time_ms)
    above = execute(below, [world.pay("ben", person("ana"), 2)], world.time_ms)
    root = world.commitment.root_after(above)
    raw, proof = world.commitment.prove_object(ACCOUNT, SHOP, above)
    assert balance_in(raw) == 1_001
    assert raw is not None
    assert StateProof.decode(proof).verify(root, tree_key(ACCOUNT, SHOP), raw)


def test_old_states_go(world: World) -> None:
    first = world.state.tip
    world.block()
    second, root = world.state.tip, world.root()
    for _ in range(VERSIONS_KEPT):
        world.block(world.pay("ana", SHOP, 1))
    with pytest.raises(Refused, match="version_not_kept"):
        world.commitment.prove_object(ACCOUNT, SHOP, first)
    raw, proof = world.commitment.prove_object(ACCOUNT, SHOP, second)
    assert balance_in(raw) == 1_000
    assert raw is not None
    assert StateProof.decode(proof).verify(root, tree_key(ACCOUNT, SHOP), raw)
    world.block()
    with pytest.raises(Refused, match="version_not_kept"):
        world.commitment.prove_object(ACCOUNT, SHOP, second)
    with pytest.raises(InvariantBroken):
        world.commitment.move_to(second)
    with pytest.raises(InvariantBroken):
        world.state.object_at(ACCOUNT, SHOP, first)


def test_a_left_branch_is_not_read(world: World) -> None:
    left = execute(world.state, [world.pay("ana", SHOP, 1)], world.time_ms)
    taken = execute(world.state, [world.pay("ben", SHOP, 5)], world.time_ms)
    world.commitment.root_after(left)
    world.commit(taken)
    with pytest.raises(InvariantBroken):
        world.state.object_at(ACCOUNT, person("ben"), left)
    with pytest.raises(Refused, match="version_not_kept"):
        world.commitment.prove_object(ACCOUNT, SHOP, left)


def test_a_committed_state_is_not_left(world: World) -> None:
    before = world.state.tip
    world.block(world.pay("ana", SHOP, 1))
    with pytest.raises(InvariantBroken):
        world.commitment.move_to(before)


def test_receipts_are_proved_against_every_state_that_is_held(world: World) -> None:
    payment = world.pay("ana", SHOP, 1)
    number = world.state.receipt_count
    states: list[tuple[Candidate, bytes]] = []
    for _ in range(5):
        world.block(payment if not states else world.pay("ben", SHOP, 1))
        states.append((world.state.tip, world.root()))
    for at, root in states:
        proof = ReceiptProof.decode(world.commitment.prove_receipt(number, at))
        assert proof.verify(root, payment.id)
        assert not proof.verify(root, payment.id[::-1])
        assert proof.log_count == at.receipt_count
        assert len(proof.chunk_path) == 16
    with pytest.raises(Refused, match="receipt_unknown"):
        world.commitment.prove_receipt(world.state.receipt_count, world.state.tip)


def test_a_receipt_in_a_full_chunk(world: World) -> None:
    payment = world.pay("ana", SHOP, 1)
    number = world.state.receipt_count
    world.block(payment)
    log = ReceiptLog()
    ids = [*world.ids, *[bytes([7]) * 32] * (CHUNK_LEAVES - len(world.ids) + 5)]
    log.append(ids)
    world.open_state(log)
    raw = world.commitment.prove_receipt(number, world.state.tip)
    assert ReceiptProof.decode(raw).verify(world.root(), payment.id)
    loaded = ReceiptLog()
    leaves = [receipt_leaf(place, one) for place, one in enumerate(ids)]
    loaded.load(log.chunk_roots(), leaves[:CHUNK_LEAVES], leaves[CHUNK_LEAVES:])
    world.open_state(loaded)
    again = world.commitment.prove_receipt(number, world.state.tip, tuple(leaves[:CHUNK_LEAVES]))
    assert again == raw


def test_starting_again_gives_the_same_root_and_goes_on(world: World) -> None:
    root = world.root()
    log = ReceiptLog()
    log.append(world.ids)
    world.open_state(log)
    assert world.root() == root
    world.block(world.pay("ana", SHOP, 1))
    assert world.root() == fresh_root(world)


def test_a_node_may_keep_the_newest_blocks_objects_back(world: World) -> None:
    """Started on the state before the newest block, which is then executed again."""
    payments = [world.pay("ana", SHOP, 1), world.open([entry("new")])]
    objects, slots = dict(world.store.objects), dict(world.store.slots)
    root_before, ids = world.root(), list(world.ids)
    time_ms = world.time_ms
    world.block(*payments)
    root_after = world.root()
    log = ReceiptLog()
    log.append(ids)
    world.store.objects, world.store.slots, world.ids = objects, slots, ids
    world.open_state(log)
    assert world.root() == root_before
    world.commit(execute(world.state, payments, time_ms))
    assert world.root() == root_after


def test_log_and_state_must_belong_together(world: World) -> None:
    state = State(world.store, LogReceipts(world.log), world.rules, world.log.count + 1)
    with pytest.raises(InvariantBroken):
        Commitment(state, world.tree, world.log)


def test_tree_and_objects_must_agree(world: World) -> None:
    del world.store.objects[tree_key(CURRENCY, "MIN")]
    with pytest.raises(InvariantBroken):
        world.commitment.prove_object(CURRENCY, "MIN", world.state.tip)
