"""The state root."""

from primitives.state_root import state_root
from tests.primitives.naive_tree import tagged


def test_the_state_root_binds_all_three() -> None:
    tree_root, log_root = b"t" * 32, b"l" * 32
    content = (1).to_bytes(8, "big") + (7).to_bytes(8, "big") + tree_root + log_root
    assert state_root(7, tree_root, log_root) == tagged("state", content)
    assert state_root(7, log_root, tree_root) != state_root(7, tree_root, log_root)
    assert state_root(8, tree_root, log_root) != state_root(7, tree_root, log_root)
