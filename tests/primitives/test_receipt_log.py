"""The receipt log against a model computed afresh, with small chunks, and once in full size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primitives import receipt_log
from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused
from primitives.receipt_log import (
    CHUNK_LEAVES,
    ReceiptLog,
    ReceiptPath,
    chunk_root,
    receipt_leaf,
    receipt_root,
    verify_receipt,
)
from primitives.state_root import state_root
from tests.primitives.naive_tree import naive_log_root, padded_root, tagged

TREE_ROOT = tagged("test_tree", b"")


def ids_of(start: int, stop: int) -> list[bytes]:
    return [tagged("test_id", n.to_bytes(4, "big")) for n in range(start, stop)]


IDS = ids_of(0, 200)


@contextmanager
def chunks_of(depth: int) -> Iterator[None]:
    """Small chunks, so that a few receipts fill many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipt_log, "CHUNK_DEPTH", depth)
        patch.setattr(receipt_log, "CHUNK_LEAVES", 1 << depth)
        yield


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=8), st.data())
def test_the_log_is_that_of_the_text(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    with chunks_of(2):
        log, ids, oldest = ReceiptLog(), list[bytes](), 0
        for add, back in steps:
            new = IDS[len(ids) : len(ids) + add]
            log.append(new)
            ids += new
            # The oldest count whose open chunk and the one before it are held for sure.
            oldest = max(oldest, (len(ids) // 4 - 3) * 4)
            if len(ids) - back >= oldest:
                log.truncate(len(ids) - back)
                ids = ids[: len(ids) - back]
        assert log.count == len(ids)
        assert log.root() == naive_log_root(ids, 2)
        count = data.draw(st.integers(min(oldest, len(ids)), len(ids)))
        assert log.root(count) == naive_log_root(ids[:count], 2)
        for number in range(count):
            chunk = number // 4
            leaves = [receipt_leaf(n, ids[n]) for n in range(chunk * 4, chunk * 4 + 4) if n < count]
            proof = log.prove(number, count, leaves)
            assert verify_receipt(log.root(count), number, ids[number], proof)
            other = ids[number - 1] if number else tagged("other", b"")
            assert not verify_receipt(log.root(count), number, other, proof)
            readable = chunk >= count // 4 - 1
            assert log.leaf(number, count) == (leaves[number % 4] if readable else None)


@given(st.integers(1, 40), st.data())
def test_any_flipped_bit_in_a_receipt_proof_is_noticed(count: int, data: st.DataObject) -> None:
    with chunks_of(3):
        log = ReceiptLog()
        log.append(IDS[:count])
        number = data.draw(st.integers(max(0, (count // 8 - 1) * 8), count - 1))
        proof = log.prove(number)
        expected = state_root(9, TREE_ROOT, log.root())
        raw = bytearray(encode([number, *astuple(proof), 9, TREE_ROOT]))
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        try:
            fields = decode(bytes(raw))
        except Refused:
            return
        if not isinstance(fields, tuple) or len(fields) != 7:
            return
        read_number, log_count, chunk_path, chunks_path, other, slots, tree_root = fields
        path = ReceiptPath(log_count, chunk_path, chunks_path, other)  # type: ignore[arg-type]
        root = receipt_root(read_number, IDS[number], path)  # type: ignore[arg-type]
        if root is not None and isinstance(slots, int) and isinstance(tree_root, bytes):
            assert slots >= 2**64 or slots < 0 or state_root(slots, tree_root, root) != expected


def test_malformed_proofs_are_refused_without_raising() -> None:
    with chunks_of(2):
        log = ReceiptLog()
        log.append(IDS[:10])
        root = log.root()
        for number in (5, 9):
            proof = log.prove(number)
            assert verify_receipt(root, number, IDS[number], proof)
            changes: list[dict[str, object]] = [
                {"log_count": number},
                {"log_count": 2**60},
                {"log_count": True},
                {"log_count": "10"},
                {"chunk_path": proof.chunk_path[:-1]},
                {"chunk_path": list(proof.chunk_path)},
                {"chunk_path": None},
                {"chunks_path": ()},
                {"chunks_path": None if number == 5 else (bytes(32),)},
                {"chunks_path": 5},
                {"other": None},
                {"other": b""},
            ]
            for change in changes:
                forged = replace(proof, **change)  # type: ignore[arg-type]
                assert not verify_receipt(root, number, IDS[number], forged)
            for wrong in (number + 1, -1, number + 2**40):
                assert not verify_receipt(root, wrong, IDS[number], proof)
            assert not verify_receipt(root, number, b"", proof)


def test_an_empty_log() -> None:
    log = ReceiptLog()
    assert log.count == 0 and log.root() == naive_log_root([], 16)
    assert log.leaf(0) is None
    with pytest.raises(Refused, match="receipt_unknown"):
        log.prove(0)
    log.append([])
    log.truncate(0)
    assert log.root() == naive_log_root([], 16)


def test_what_is_not_held_is_refused() -> None:
    with chunks_of(2):
        log = ReceiptLog()
        log.append(IDS[:40])
        for number, count in ((0, 40), (39, 41), (1, 2)):
            with pytest.raises(Refused, match="version_not_kept"):
                log.prove(number, count)
        for count in (41, -1, 5):
            with pytest.raises(Refused, match="version_not_kept"):
                log.root(count)
        with pytest.raises(Refused, match="version_not_kept"):
            log.leaf(4, 5)
        with pytest.raises(Refused, match="receipt_unknown"):
            log.prove(40)
        for count in (5, 41, -1):
            with pytest.raises(InvariantBroken):
                log.truncate(count)
        with pytest.raises(InvariantBroken):
            log.append([b"short"])
        wrong = [receipt_leaf(n, IDS[n + 1]) for n in range(4)]
        with pytest.raises(InvariantBroken):
            log.prove(0, 40, wrong)
        assert log.count == 40 and log.root() == naive_log_root(IDS[:40], 2)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 30))
def test_a_loaded_log_goes_on_as_the_one_that_was_stored(stored: int, more: int) -> None:
    with chunks_of(2):
        leaves = [receipt_leaf(n, id) for n, id in enumerate(IDS[:stored])]
        full = stored // 4
        log = ReceiptLog()
        log.append(IDS[:stored])
        loaded = ReceiptLog()
        loaded.load(log.chunk_roots(), leaves[max(0, full - 1) * 4 : full * 4], leaves[full * 4 :])
        assert (loaded.count, loaded.root()) == (stored, log.root())
        loaded.append(IDS[stored : stored + more])
        assert loaded.root() == naive_log_root(IDS[: stored + more], 2)
        if more <= 12:
            assert loaded.root(stored) == log.root()
            loaded.truncate(stored)
            assert loaded.root() == log.root()


def test_a_damaged_store_is_not_loaded() -> None:
    with chunks_of(2):
        leaves = [receipt_leaf(n, id) for n, id in enumerate(IDS[:8])]
        root = chunk_root(leaves[:4])
        log = ReceiptLog()
        for roots, previous, open_leaves in (
            ([root], leaves[4:8], []),
            ([root], leaves[:3], []),
            ([root], [], []),
            ([], leaves[:4], []),
            ([root], leaves[:4], leaves[4:8]),
            ([root], leaves, []),
            ([b"short"], leaves[:4], []),
        ):
            with pytest.raises(InvariantBroken):
                log.load(roots, previous, open_leaves)
        assert log.count == 0
        log.load([root], leaves[:4], leaves[4:7])
        assert log.root() == naive_log_root(IDS[:7], 2)


def test_chunks_of_full_size() -> None:
    stop = 2 * CHUNK_LEAVES + 5
    ids = ids_of(0, stop)
    log = ReceiptLog()
    for start in range(0, stop, 5_000):
        log.append(ids[start : start + 5_000])
    leaves = [receipt_leaf(n, id) for n, id in enumerate(ids)]
    first = leaves[:CHUNK_LEAVES]
    assert chunk_root(first) == padded_root(first, "log_node", 16) == log.chunk_roots()[0]
    assert log.root() == naive_log_root(ids, 16)
    for number, count in (
        (0, stop),
        (CHUNK_LEAVES - 1, CHUNK_LEAVES),
        (CHUNK_LEAVES, CHUNK_LEAVES + 1),
        (77, 70_000),
        (stop - 1, stop),
    ):
        proof = log.prove(number, count)
        assert verify_receipt(log.root(count), number, ids[number], proof)
    assert log.leaf(CHUNK_LEAVES - 1) is None
    assert log.leaf(CHUNK_LEAVES) == leaves[CHUNK_LEAVES]
    log.truncate(CHUNK_LEAVES - 10)
    log.append(ids[CHUNK_LEAVES - 10 : CHUNK_LEAVES + 10])
    assert log.root(CHUNK_LEAVES + 10) == naive_log_root(ids[: CHUNK_LEAVES + 10], 16)
