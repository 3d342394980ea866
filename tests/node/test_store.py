"""One conformance suite for every kind of store."""

import random
from collections.abc import Iterator
from pathlib import Path

import plyvel
import pytest

from node.store import STORE_KINDS, Store, after_prefix, open_store
from primitives.errors import Refused


@pytest.fixture(params=STORE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "store", kind)
    yield opened
    opened.close()


def test_a_batch_puts_and_removes(store: Store) -> None:
    store.write([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"b", None)], sync=True)
    assert store.get(b"a") == b"3"
    assert store.get(b"b") is None
    assert store.get(b"never") is None


def test_empty_values_and_empty_batches(store: Store) -> None:
    store.write([], sync=True)
    store.write([(b"k", b"")], sync=False)
    assert store.get(b"k") == b""


@pytest.mark.parametrize("reverse", [False, True])
def test_iteration_is_ordered_and_half_open(store: Store, reverse: bool) -> None:
    draw = random.Random(4)
    model = {draw.randbytes(draw.randint(1, 4)): draw.randbytes(3) for _ in range(300)}
    store.write(model.items(), sync=False)
    bounds = [*sorted(model)[::40], b"\x00", b"\xff\xff\xff\xff\xff", b"\x80"]
    for start in bounds:
        for stop in (*bounds, None):
            wanted = sorted(
                (k, v) for k, v in model.items() if start <= k and (stop is None or k < stop)
            )
            if reverse:
                wanted.reverse()
            assert list(store.iterate(start, stop, reverse=reverse)) == wanted


def test_reverse_iteration_over_nothing(store: Store) -> None:
    assert list(store.iterate(b"", None, reverse=True)) == []
    store.write([(b"b", b"")], sync=False)
    assert list(store.iterate(b"", b"a", reverse=True)) == []
    assert list(store.iterate(b"c", None, reverse=True)) == []


def test_several_are_read_together_in_their_order(store: Store) -> None:
    draw = random.Random(6)
    model = {draw.randbytes(draw.randint(1, 4)): draw.randbytes(3) for _ in range(300)}
    store.write(model.items(), sync=False)
    store.compact()
    store.write([(key, b"newer") for key in sorted(model)[::7]], sync=False)
    store.write([(key, None) for key in sorted(model)[::5]], sync=True)
    asked = [*model, b"\x00" * 5, b"\xff" * 5, next(iter(model))]
    draw.shuffle(asked)
    assert store.get_many(asked) == [store.get(key) for key in asked]
    assert store.get_many([]) == []


def test_damage_is_told_of_however_it_is_met(tmp_path: Path) -> None:
    store = open_store(tmp_path, "leveldb")
    entries = [
        (number.to_bytes(4, "big"), bytes([number % 251 + 1]) * 500) for number in range(2_000)
    ]
    store.write(entries, sync=True)
    store.compact()
    store.close()
    for table in tmp_path.rglob("*.ldb"):
        content = bytearray(table.read_bytes())
        content[100:120] = bytes(20)
        table.write_bytes(content)
    store = open_store(tmp_path, "leveldb")
    for read in (lambda: store.get(entries[0][0]), lambda: store.get_many([entries[0][0]])):
        with pytest.raises(Refused) as refusal:
            read()
        assert refusal.value.code == "store_corrupt"
    store.close()


def test_after_prefix() -> None:
    assert after_prefix(b"ab") == b"ac"
    assert after_prefix(b"a\xff") == b"b"
    assert after_prefix(b"\xff\xff") is None


def test_content_survives_closing_and_compaction(kind: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, kind)
    store.write([(bytes([n]), bytes(100)) for n in range(200)], sync=True)
    store.write([(bytes([n]), None) for n in range(100)], sync=True)
    store.compact()
    store.close()
    store.close()
    again = open_store(tmp_path, kind)
    assert [key for key, _ in again.iterate(b"", None)] == [bytes([n]) for n in range(100, 200)]
    again.close()


def test_the_other_kind_is_refused(kind: str, tmp_path: Path) -> None:
    open_store(tmp_path, kind).close()
    other = next(k for k in STORE_KINDS if k != kind)
    with pytest.raises(Refused) as refusal:
        open_store(tmp_path, other)
    assert refusal.value.code == "store_of_other_kind"


def test_an_unknown_kind_and_a_strange_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        open_store(tmp_path, "paper")
    assert refusal.value.code == "store_unknown"
    (tmp_path / "letter").write_text("hello")
    with pytest.raises(Refused) as refusal:
        open_store(tmp_path, "leveldb")
    assert refusal.value.code == "store_corrupt"


def test_one_process_at_a_time(kind: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, kind)
    with pytest.raises(Refused) as refusal:
        open_store(tmp_path, kind)
    assert refusal.value.code == "data_in_use"
    store.close()


def test_a_pinned_range_is_one_moment(store: Store) -> None:
    store.write([(bytes([n]), b"old") for n in range(50)], sync=False)
    moment = store.pin(b"\x01", b"\x30")
    store.write([(bytes([n]), b"new") for n in range(25)], sync=False)
    begun = iter(moment)
    assert next(begun) == (b"\x01", b"old")
    store.write([(bytes([n]), None) for n in range(25, 60)], sync=True)
    store.write([(b"\x29\x00", b"later")], sync=True)
    store.compact()
    assert list(begun) == [(bytes([n]), b"old") for n in range(2, 0x30)]
    moment.close()
    assert list(store.pin(b"\x17", None)) == [
        (b"\x17", b"new"),
        (b"\x18", b"new"),
        (b"\x29\x00", b"later"),
    ]


def test_compaction_gives_back_what_was_removed(kind: str, tmp_path: Path) -> None:
    """Also what was written out and compacted before it was removed."""

    def size() -> int:
        return sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())

    draw = random.Random(5)
    store = open_store(tmp_path / "store", kind)
    keys = [number.to_bytes(4, "big") for number in range(2_000)]
    store.write([(b"b" + key, draw.randbytes(500)) for key in keys], sync=True)
    store.compact()
    before = size()
    assert before > 1_000_000
    store.write([(b"b" + key, None) for key in keys[20:]], sync=True)
    store.compact()
    assert size() < before / 4
    assert store.get(b"b" + keys[19]) is not None and store.get(b"b" + keys[20]) is None
    store.close()


def test_released_memory_leaves_the_content(store: Store) -> None:
    entries = [(number.to_bytes(4, "big"), bytes(100)) for number in range(1_000)]
    store.write(entries, sync=True)
    store.compact()
    assert list(store.iterate(b"", None)) == entries
    store.release_memory()
    assert list(store.iterate(b"", None)) == entries
    store.write([(b"now", b"1")], sync=True)
    assert store.get(b"now") == b"1"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells what is mapped")
def test_leveldb_maps_no_table_once_memory_was_released(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", "leveldb")
    store.write([(b"key", b"value")], sync=True)
    store.compact()
    assert store.get(b"key") == b"value"
    assert tables_mapped(tmp_path)
    store.release_memory()
    assert not tables_mapped(tmp_path)
    store.close()


def tables_mapped(folder: Path) -> list[str]:
    """Lines of this process's map that name a table below a folder."""
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    return [line for line in lines if str(folder) in line and line.endswith(".ldb")]


def test_leveldb_reads_compressed_tables_of_before_and_makes_none(tmp_path: Path) -> None:
    folder, value = tmp_path / "store", bytes(1 << 20)
    open_store(folder, "leveldb").close()
    older = plyvel.DB(str(folder / "leveldb"), compression="snappy")
    older.put(b"before", value)
    older.compact_range(start=b"", stop=b"\xff")
    older.close()
    assert table_bytes(folder) < len(value)
    store = open_store(folder, "leveldb")
    assert store.get(b"before") == value
    store.write([(b"now", value)], sync=True)
    store.compact()
    assert store.get(b"before") == store.get(b"now") == value
    store.close()
    assert table_bytes(folder) >= len(value)


def table_bytes(folder: Path) -> int:
    return sum(table.stat().st_size for table in (folder / "leveldb").glob("*.ldb"))
