"""Receipts of chunks that no memory holds: their ways from the ids in the store."""

from pathlib import Path

import pytest

from node.chain_records import CHUNK, IDS, number_key
from node.receipt_ids import ids_between
from node.receipt_paths import ReceiptPaths
from node.store import Store, after_prefix, open_store
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from primitives.receipt_log import (
    CHUNK_DEPTH,
    CHUNK_LEAVES,
    ReceiptLog,
    receipt_leaf,
    verify_receipt,
)

RUN = 700
OPEN = 300


@pytest.fixture(scope="module")
def ids() -> list[bytes]:
    count = 2 * CHUNK_LEAVES + OPEN
    return [hash_bytes("tx", number.to_bytes(4, "big")) for number in range(count)]


@pytest.fixture(scope="module")
def log(ids: list[bytes]) -> ReceiptLog:
    """As a node has it after a start: the leaves of the last full chunk, and of the open one."""
    whole = ReceiptLog()
    whole.append(ids)
    leaves = [receipt_leaf(number, each) for number, each in enumerate(ids)]
    started = ReceiptLog()
    previous, last = leaves[CHUNK_LEAVES : 2 * CHUNK_LEAVES], leaves[2 * CHUNK_LEAVES :]
    started.load(whole.chunk_roots(), previous, last)
    assert started.root() == whole.root()
    return started


@pytest.fixture
def store(tmp_path: Path, ids: list[bytes], log: ReceiptLog) -> Store:
    """The ids in runs, as blocks bring them: none ends where a chunk does."""
    opened = open_store(tmp_path / "store", "leveldb")
    opened.write(
        [
            (number_key(IDS, first), b"".join(ids[first : first + RUN]))
            for first in range(0, len(ids), RUN)
        ],
        sync=False,
    )
    roots = enumerate(log.chunk_roots())
    opened.write([(number_key(CHUNK, index), root) for index, root in roots], sync=False)
    return opened


def paths_of(store: Store) -> ReceiptPaths:
    return ReceiptPaths(
        lambda first, end: ids_between(store, first, end),
        lambda: [root for _, root in store.iterate(CHUNK, after_prefix(CHUNK))],
    )


def test_any_receipt_of_a_full_chunk_is_proved(
    store: Store, ids: list[bytes], log: ReceiptLog
) -> None:
    paths = paths_of(store)
    for number in (0, 1, 255, 256, 699, 700, 32_767, 32_768, CHUNK_LEAVES - 1):
        with pytest.raises(Refused, match="version_not_kept"):
            log.prove(number)
        proof = log.prove(number, chunk_path=paths.path(number))
        assert len(proof.chunk_path) == CHUNK_DEPTH
        assert verify_receipt(log.root(), number, ids[number], proof)
        assert not verify_receipt(log.root(), number, ids[number + 1], proof)
        assert not verify_receipt(log.root(), number + 1, ids[number], proof)
    held = CHUNK_LEAVES + 5  # what is held needs no way, and comes to the same
    assert log.prove(held).chunk_path == paths.path(held)
    store.close()


def test_ids_that_are_not_those_of_the_chunk_give_no_way(store: Store, ids: list[bytes]) -> None:
    paths = paths_of(store)
    paths.path(0)
    store.write([(number_key(IDS, 0), b"".join([ids[1], *ids[1:RUN]]))], sync=False)
    with pytest.raises(InvariantBroken):
        paths.path(5)  # below a node that is remembered
    with pytest.raises(InvariantBroken):
        paths_of(store).path(CHUNK_LEAVES - 1)
    store.close()
