"""The indexed tree against a model computed afresh, and against forged proofs."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused
from primitives.indexed_tree import (
    Absence,
    IndexedTree,
    Presence,
    absence_root,
    presence_root,
    value_hash_of,
    verify_absence,
    verify_presence,
)
from primitives.state_root import state_root
from tests.primitives.naive_tree import KEY_MAX, NaiveTree, tagged

KEYS = [tagged("test_key", bytes([i])) for i in range(40)]
VALUES = [tagged("test_value", bytes([i])) for i in range(8)]
LOG_ROOT = tagged("test_log", b"")

# Few, so that they come and go again within one block.
MACHINE_KEYS = KEYS[:9]

Change = tuple[bytes, bytes | None]


def tree_of(keys: int) -> IndexedTree:
    tree = IndexedTree()
    tree.apply([(key, VALUES[i % 8]) for i, key in enumerate(KEYS[:keys])])
    return tree


class TreeMachine(RuleBasedStateMachine):
    """Versions come and go; every kept one proves what the model of that version says."""

    versions_kept = 3

    def __init__(self) -> None:
        super().__init__()
        self.tree = IndexedTree(self.versions_kept)
        self.models = [NaiveTree()]
        self.undoable = 0

    @rule(
        changes=st.lists(
            st.tuples(st.sampled_from(MACHINE_KEYS), st.sampled_from([*VALUES, None])), max_size=12
        )
    )
    def apply(self, changes: list[Change]) -> None:
        present = {entry[0] for entry in self.models[-1].slots if entry}
        sound: list[Change] = []
        for key, value in changes:
            if value is None and key not in present:
                continue
            (present.discard if value is None else present.add)(key)
            sound.append((key, value))
        self.tree.apply(sound)
        self.models.append(self.models[-1].changed(sound))
        self.undoable = min(self.undoable + 1, self.versions_kept)

    @precondition(lambda self: self.undoable > 0)
    @rule()
    def undo(self) -> None:
        self.tree.undo()
        self.models.pop()
        self.undoable -= 1

    @rule(key=st.sampled_from(MACHINE_KEYS), wrong=st.sampled_from(MACHINE_KEYS))
    def refused_changes_change_nothing(self, key: bytes, wrong: bytes) -> None:
        if self.models[-1].slot(wrong) is None and key != wrong:
            with pytest.raises(InvariantBroken):
                self.tree.apply([(key, VALUES[0]), (wrong, None)])

    @rule()
    def load(self) -> None:
        slots = self.models[-1].slots
        entries = [(at, *entry) for at, entry in enumerate(slots) if entry and at]
        self.tree.load(reversed(entries), len(slots))
        self.models = [self.models[-1]]
        self.undoable = 0

    @rule(key=st.sampled_from(MACHINE_KEYS), back=st.integers(0, 3))
    def prove(self, key: bytes, back: int) -> None:
        if back > self.undoable:
            with pytest.raises(Refused, match="version_not_kept"):
                self.tree.prove(key, self.tree.version - back)
            return
        model = self.models[-1 - back]
        version = self.tree.version - back
        root, proof = self.tree.root(version), self.tree.prove(key, version)
        assert root == model.root()
        assert self.tree.count(version) == len(model.slots) == proof.count
        slot = model.slot(key)
        if slot is None:
            assert isinstance(proof, Absence)
            assert proof.key < key < proof.next_key == model.next_key(proof.key)
            assert verify_absence(root, key, proof)
        else:
            assert isinstance(proof, Presence)
            assert (proof.slot, proof.next_key) == (slot, model.next_key(key))
            assert verify_presence(root, key, model.value_hash(key), proof)
            assert not verify_presence(root, key, tagged("other", b""), proof)

    @invariant()
    def same_root(self) -> None:
        model = self.models[-1]
        assert self.tree.root() == model.root()
        assert self.tree.count() == len(model.slots)
        assert all(self.tree.slot(key) == model.slot(key) for key in KEYS)


TestTreeMachine = TreeMachine.TestCase
TestTreeMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(st.integers(0, 39), st.data())
def test_any_flipped_bit_in_a_presence_proof_is_noticed(keys: int, data: st.DataObject) -> None:
    tree = tree_of(keys + 1)
    key, value = KEYS[keys], VALUES[keys % 8]
    proof = tree.prove(key)
    assert isinstance(proof, Presence)
    expected = state_root(tree.count(), tree.root(), LOG_ROOT)
    fields = flipped([*astuple(proof), LOG_ROOT], data)
    if fields is not None and len(fields) == 5:
        *rest, log_root = fields
        root = presence_root(key, value, Presence(*rest))  # type: ignore[arg-type]
        assert root is None or not is_state(expected, rest[2], root, log_root)


@given(st.integers(0, 39), st.data())
def test_any_flipped_bit_in_an_absence_proof_is_noticed(keys: int, data: st.DataObject) -> None:
    tree = tree_of(keys)
    key = KEYS[39]
    proof = tree.prove(key)
    assert isinstance(proof, Absence)
    expected = state_root(tree.count(), tree.root(), LOG_ROOT)
    fields = flipped([*astuple(proof), LOG_ROOT], data)
    if fields is not None and len(fields) == 7:
        *rest, log_root = fields
        root = absence_root(key, Absence(*rest))  # type: ignore[arg-type]
        assert root is None or not is_state(expected, rest[4], root, log_root)


def flipped(fields: list[object], data: st.DataObject) -> tuple[object, ...] | None:
    """The fields after one bit of their encoding was flipped, None if they cannot be read."""
    raw = bytearray(encode(fields))  # type: ignore[arg-type]
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        value = decode(bytes(raw))
    except Refused:
        return None
    return value if isinstance(value, tuple) else None


def is_state(expected: bytes, count: object, tree_root: bytes, log_root: object) -> bool:
    if not isinstance(count, int) or not isinstance(log_root, bytes):
        return False
    return state_root(count, tree_root, log_root) == expected


def test_malformed_proofs_are_refused_without_raising() -> None:
    tree = tree_of(9)
    root, key, value = tree.root(), KEYS[4], VALUES[4]
    presence, absence = tree.prove(key), tree.prove(KEYS[20])
    assert isinstance(presence, Presence) and isinstance(absence, Absence)
    assert verify_presence(root, key, value, presence)
    assert verify_absence(root, KEYS[20], absence)
    changes: list[dict[str, object]] = [
        {"slot": -1},
        {"slot": presence.count},
        {"slot": True},
        {"slot": "4"},
        {"slot": presence.slot + (1 << 60)},
        {"count": 1},
        {"count": 2**70},
        {"count": None},
        {"count": 10.0},
        {"path": presence.path[:-1]},
        {"path": (*presence.path, bytes(32))},
        {"path": list(presence.path)},
        {"path": None},
        {"next_key": b""},
        {"next_key": None},
        {"next_key": bytes(32)},
    ]
    for change in changes:
        assert not verify_presence(root, key, value, replace(presence, **change))  # type: ignore[arg-type]
        assert not verify_absence(root, KEYS[20], replace(absence, **change))  # type: ignore[arg-type]
    # The first slot that does not exist, at the same depth: not even a root to compare.
    assert presence_root(key, value, replace(presence, slot=presence.count)) is None
    assert not verify_presence(root, key[:31], value, presence)
    assert not verify_presence(root, key, b"", presence)
    assert not verify_absence(root, absence.key, absence)
    assert not verify_absence(root, absence.next_key, absence)
    assert not verify_absence(root, b"", absence)


def test_an_absence_proof_says_nothing_about_keys_beyond_its_gap() -> None:
    tree = tree_of(10)
    proofs = [tree.prove(key) for key in KEYS[10:]]
    for proof in proofs:
        assert isinstance(proof, Absence)
        for key in KEYS:
            expected = proof.key < key < proof.next_key
            assert verify_absence(tree.root(), key, proof) is expected


def test_an_empty_tree_proves_that_nothing_is_there() -> None:
    tree = IndexedTree()
    assert tree.count() == 1 and tree.version == 0
    assert tree.root() == tagged("leaf", bytes(8) + bytes(32) + KEY_MAX + bytes(32))
    proof = tree.prove(KEYS[0])
    assert proof == Absence(0, bytes(32), KEY_MAX, bytes(32), 1, ())
    assert isinstance(proof, Absence) and verify_absence(tree.root(), KEYS[0], proof)
    # The sentinel is no object, whatever its leaf says.
    assert not verify_presence(tree.root(), bytes(32), bytes(32), Presence(0, KEY_MAX, 1, ()))


def test_a_removed_slot_is_not_used_again() -> None:
    tree = tree_of(3)
    tree.apply([(KEYS[1], None)])
    assert tree.slot(KEYS[1]) is None and tree.count() == 4
    tree.apply([(KEYS[1], VALUES[0]), (KEYS[1], None), (KEYS[1], VALUES[1])])
    assert tree.slot(KEYS[1]) == 5 and tree.count() == 6
    tree.undo()
    tree.undo()
    assert tree.slot(KEYS[1]) == 2 and tree.root() == tree_of(3).root()


def test_a_key_that_goes_and_comes_back_in_one_block() -> None:
    tree = tree_of(5)
    root, key = tree.root(), KEYS[2]
    tree.apply([(key, None), (key, VALUES[0]), (key, None), (key, VALUES[5])])
    assert (tree.slot(key), tree.count()) == (7, 8)
    assert verify_presence(tree.root(), key, VALUES[5], tree.prove(key))  # type: ignore[arg-type]
    assert verify_presence(root, key, VALUES[2], tree.prove(key, 1))  # type: ignore[arg-type]
    tree.undo()
    assert (tree.slot(key), tree.count(), tree.root()) == (3, 6, root)
    tree.apply([(key, None)])
    proof = tree.prove(key)
    assert isinstance(proof, Absence) and verify_absence(tree.root(), key, proof)


def test_an_empty_block_is_a_version_with_the_same_root() -> None:
    tree = tree_of(3)
    tree.apply([])
    assert tree.version == 2
    assert tree.root() == tree.root(1) == tree_of(3).root()


def test_sixty_four_versions_are_kept() -> None:
    tree = IndexedTree()
    roots = [tree.root()]
    for i in range(70):
        tree.apply([(KEYS[i % 40], VALUES[i % 8])])
        roots.append(tree.root())
    for version in range(6, 71):
        assert tree.root(version) == roots[version]
    for version in (5, -1, 71):
        with pytest.raises(Refused, match="version_not_kept"):
            tree.root(version)
    for _ in range(64):
        tree.undo()
    assert tree.version == 6 and tree.root() == roots[6]
    with pytest.raises(InvariantBroken):
        tree.undo()


def test_misuse_is_a_bug_and_changes_nothing() -> None:
    tree = tree_of(3)
    root = tree.root()
    wrong: list[list[Change]] = [
        [(KEYS[0], VALUES[1]), (KEYS[5], None)],
        [(KEYS[0], None), (KEYS[0], None)],
        [(KEYS[5], VALUES[1]), (bytes(32), VALUES[1])],
        [(KEY_MAX, VALUES[1])],
        [(b"short", VALUES[1])],
        [(KEYS[0], b"short")],
    ]
    for changes in wrong:
        with pytest.raises(InvariantBroken):
            tree.apply(changes)
        assert tree.root() == root and tree.version == 1
    for key in (bytes(32), KEY_MAX, b"short"):
        with pytest.raises(InvariantBroken):
            tree.prove(key)


def test_a_damaged_store_is_not_loaded() -> None:
    tree = tree_of(3)
    root = tree.root()
    damaged: list[tuple[list[tuple[int, bytes, bytes]], int]] = [
        ([], 0),
        ([(0, KEYS[0], VALUES[0])], 2),
        ([(2, KEYS[0], VALUES[0])], 2),
        ([(1, KEYS[0], VALUES[0]), (1, KEYS[1], VALUES[0])], 2),
        ([(1, KEYS[0], VALUES[0]), (2, KEYS[0], VALUES[0])], 3),
        ([(1, KEYS[0][:5], VALUES[0])], 2),
        ([(1, KEYS[0], b"")], 2),
        ([(1, bytes(32), VALUES[0])], 2),
        ([(1, KEY_MAX, VALUES[0])], 2),
    ]
    for entries, count in damaged:
        with pytest.raises(InvariantBroken):
            tree.load(entries, count)
        assert tree.root() == root


def test_thousands_of_entries() -> None:
    keys = [tagged("many", i.to_bytes(4, "big")) for i in range(3_000)]
    tree = IndexedTree()
    for start in range(0, 3_000, 500):
        tree.apply([(key, VALUES[0]) for key in keys[start : start + 500]])
    tree.apply([(key, VALUES[1]) for key in keys[::3]])
    loaded = IndexedTree()
    values = dict.fromkeys(keys, VALUES[0]) | dict.fromkeys(keys[::3], VALUES[1])
    loaded.load(((i + 1, key, values[key]) for i, key in enumerate(keys)), 3_001)
    assert tree.root() == loaded.root()
    for version, key in ((3, keys[1_499]), (3, keys[1_500]), (6, keys[0]), (7, keys[0])):
        proof, root = tree.prove(key, version), tree.root(version)
        if isinstance(proof, Presence):
            assert verify_presence(root, key, VALUES[1 if version == 7 else 0], proof)
        else:
            assert (version, key) == (3, keys[1_500]) and verify_absence(root, key, proof)


def test_the_value_hash() -> None:
    assert value_hash_of(b"object") == tagged("value", b"object")
