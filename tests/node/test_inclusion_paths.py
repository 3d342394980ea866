"""A block's hashes are made once, and every path made of them leads to the header's root."""

from ledger.proofs import INCLUDED_NODE_TAG, included_leaf
from node.block_body import transactions_root
from node.inclusion_paths import BLOCKS_KEPT, InclusionPaths
from primitives.hashing import hash_bytes
from primitives.merkle import root_from_path


def _ids(count: int) -> list[bytes]:
    return [hash_bytes("tx", bytes([count, n])) for n in range(count)]


IDS = {height: _ids(height) for height in (1, 7, 8)}


def test_every_path_leads_to_the_root() -> None:
    paths = InclusionPaths(IDS.__getitem__)
    for height, ids in IDS.items():
        for index, each in enumerate(ids):
            count, path = paths.path(height, index)
            assert count == len(ids)
            led_to = root_from_path(included_leaf(each), index, path, INCLUDED_NODE_TAG)
            assert led_to == transactions_root(ids)


def test_a_block_is_read_once_while_few_others_are_asked_for() -> None:
    read: list[int] = []

    def ids(height: int) -> list[bytes]:
        read.append(height)
        return IDS[7]

    paths = InclusionPaths(ids)
    for index in range(7):
        paths.path(1, index)
    assert read == [1]
    for height in range(2, 2 + BLOCKS_KEPT):
        paths.path(height, 0)
    paths.path(1, 0)
    assert read == [1, *range(2, 2 + BLOCKS_KEPT), 1]
