"""Padded Merkle trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives import merkle
from primitives.append_tree import AppendTree
from primitives.errors import InvariantBroken
from primitives.ordered_keys import OrderedKeys
from tests.primitives.naive_tree import EMPTY, padded_root, tagged

TAG = "included_node"


def leaves(count: int) -> list[bytes]:
    return [tagged("x", bytes([i % 256, i // 256])) for i in range(count)]


@given(st.integers(1, 70))
def test_the_root_is_that_of_the_text(count: int) -> None:
    assert merkle.root(leaves(count), TAG) == padded_root(leaves(count), TAG)


@given(st.integers(1, 70), st.data())
def test_every_path_leads_to_the_root(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    path = merkle.path(leaves(count), index, TAG)
    assert len(path) == merkle.depth_of(count) and merkle.is_path(path, merkle.depth_of(count))
    root = merkle.root(leaves(count), TAG)
    assert merkle.root_from_path(leaves(count)[index], index, path, TAG) == root
    for other in range(count):
        if other != index:
            assert merkle.root_from_path(leaves(count)[index], other, path, TAG) != root


def test_depths_and_empty_subtrees() -> None:
    assert [merkle.depth_of(count) for count in (1, 2, 3, 4, 5, 8, 9)] == [0, 1, 2, 2, 3, 3, 4]
    assert merkle.EMPTY_LEAF == EMPTY == merkle.empty_subtree(0, TAG)
    assert merkle.empty_subtree(5, TAG) == padded_root([EMPTY] * 32, TAG)
    assert merkle.empty_subtree(1, TAG) != merkle.empty_subtree(1, "node")


def test_what_is_not_a_path() -> None:
    good = (bytes(32), bytes(32))
    assert merkle.is_path(good, 2)
    for bad in (good[:1], list(good), (bytes(32), bytes(31)), (bytes(32), "x" * 32), None, 2):
        assert not merkle.is_path(bad, 2)


def test_misuse_is_a_bug() -> None:
    for misuse in (
        lambda: merkle.root([], TAG),
        lambda: merkle.root([b"short"], TAG),
        lambda: merkle.path(leaves(3), 3, TAG),
        lambda: merkle.path(leaves(3), -1, TAG),
    ):
        with pytest.raises(InvariantBroken):
            misuse()


@given(st.lists(st.integers(0, 40), max_size=8), st.data())
def test_a_growing_tree_can_be_read_as_it_was(parts: list[int], data: st.DataObject) -> None:
    tree, so_far = AppendTree("log_node"), list[bytes]()
    for part in parts:
        if data.draw(st.booleans()) and so_far:
            keep = data.draw(st.integers(0, len(so_far)))
            tree.truncate(keep)
            del so_far[keep:]
        new = [tagged("y", bytes([len(so_far), part, i])) for i in range(part)]
        tree.append(new)
        so_far += new
    assert tree.count == len(so_far)
    count = data.draw(st.integers(0, len(so_far)))
    depth = (count - 1).bit_length() if count else 0
    for padded in (depth, depth + 3):
        root = padded_root(so_far[:count], "log_node", padded)
        assert tree.root(padded, count) == root
        if count:
            index = data.draw(st.integers(0, count - 1))
            path = tree.path(index, padded, count)
            assert merkle.root_from_path(tree.leaf(index), index, path, "log_node") == root


def test_a_growing_tree_takes_no_nonsense() -> None:
    tree = AppendTree("log_node")
    tree.append(leaves(3))
    for misuse in (
        lambda: tree.append([b"short"]),
        lambda: tree.truncate(4),
        lambda: tree.truncate(-1),
        lambda: tree.path(3, 2, 3),
        lambda: tree.path(0, 2, 4),
    ):
        with pytest.raises(InvariantBroken):
            misuse()
    assert tree.root(2, 3) == padded_root(leaves(3), "log_node")


@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(0, 3_000), st.booleans())
def test_keys_in_order(numbers: list[int], wanted: int, many: bool) -> None:
    start = set(range(0, 3_000, 2)) if many else set()
    expected = set(start)
    keys = OrderedKeys([n.to_bytes(2, "big") for n in sorted(start)])
    for n in numbers:
        (keys.remove if n in expected else keys.add)(n.to_bytes(2, "big"))
        expected ^= {n}
    below = max((n for n in expected if n < wanted), default=None)
    found = keys.below(wanted.to_bytes(2, "big"))
    assert found == (None if below is None else below.to_bytes(2, "big"))


def test_many_keys_in_order() -> None:
    keys = OrderedKeys()
    for n in range(4_000):
        keys.add((n * 7919 % 4_001).to_bytes(2, "big"))
    for n in range(1, 4_001):
        assert keys.below(n.to_bytes(2, "big")) is not None
    with pytest.raises(InvariantBroken):
        keys.remove(b"\xff\xff")
    for n in range(4_000):
        keys.remove((n * 7919 % 4_001).to_bytes(2, "big"))
    assert keys.below(b"\xff\xff") is None
    with pytest.raises(InvariantBroken):
        keys.remove(b"\x00\x00")
