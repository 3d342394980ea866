"""What was synced is there again; a torn tail goes; a damaged middle is refused; a loss is seen."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

import node.disk_speed
import node.journal
import node.journal_groups
from node.disk_speed import WRITES_REMEMBERED, DiskSpeed
from node.journal import Journal, create_journal
from primitives.errors import Refused


def _write(folder: Path, journal_id: bytes, groups: list[list[tuple[bytes, int]]]) -> int:
    async def run() -> int:
        journal = Journal(folder, journal_id, 0)
        for group in groups:
            for record, view in group:
                journal.append(record, view)
            await journal.sync()
        journal.close()
        return journal.sequence

    return asyncio.run(run())


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def test_records_come_back_in_order(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    _write(tmp_path, journal_id, [[(b"a", 1), (b"", 1)], [(b"c" * 1000, 2)]])
    _write(tmp_path, journal_id, [[(b"d", 3)]])
    again = Journal(tmp_path, journal_id, 3)
    assert again.records == (b"a", b"", b"c" * 1000, b"d")
    assert again.lost_reason is None
    again.close()


def test_every_cut_of_the_last_group_is_a_torn_tail(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    _write(tmp_path, journal_id, [[(b"first", 1)], [(b"second", 2)]])
    path = _segments(tmp_path)[0]
    whole = path.read_bytes()
    begin = whole.rfind(node.journal_groups.MAGIC)
    for length in range(begin, len(whole)):
        path.write_bytes(whole[:length])
        cut = Journal(tmp_path, journal_id, 1)
        assert cut.records == (b"first",)
        assert cut.lost_reason is None
        cut.close()
        assert path.stat().st_size == begin


def test_what_follows_a_cut_tail_is_read_again(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    _write(tmp_path, journal_id, [[(b"first", 1)], [(b"second", 2)]])
    path = _segments(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-1])
    _write(tmp_path, journal_id, [[(b"third", 3)]])
    again = Journal(tmp_path, journal_id, 0)
    assert again.records == (b"first", b"third")
    again.close()


def test_a_damaged_middle_is_refused(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    _write(tmp_path, journal_id, [[(b"first", 1)], [(b"second", 2)]])
    path = _segments(tmp_path)[0]
    whole = bytearray(path.read_bytes())
    for position in range(whole.rfind(node.journal_groups.MAGIC)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises(Refused) as refusal:
            Journal(tmp_path, journal_id, 0)
        assert refusal.value.code == "journal_corrupt"


def test_a_lost_foreign_or_cut_journal_is_seen(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    sequence = _write(tmp_path, journal_id, [[(b"first", 1)], [(b"second", 2)]])
    other = Journal(tmp_path, bytes(16), 0)
    assert other.lost_reason is not None
    path = _segments(tmp_path)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(node.journal_groups.MAGIC)])
    cut = Journal(tmp_path, journal_id, sequence)
    assert cut.lost_reason is not None
    path.unlink()
    assert Journal(tmp_path, journal_id, sequence).lost_reason is not None
    (tmp_path / "MARK").unlink()
    assert Journal(tmp_path, journal_id, 0).lost_reason is not None
    assert Journal(tmp_path / "nowhere", journal_id, 0).lost_reason is not None


def test_a_lost_journal_is_never_written(tmp_path: Path) -> None:
    create_journal(tmp_path)
    before = sorted(tmp_path.iterdir())
    _write(tmp_path, bytes(16), [[(b"a", 1)]])
    assert sorted(tmp_path.iterdir()) == before


def test_segments_below_the_floor_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.journal, "SEGMENT_BYTES_MAX", 1000)
    journal_id = create_journal(tmp_path)

    async def run() -> None:
        journal = Journal(tmp_path, journal_id, 0)
        for view in range(1, 30):
            journal.append(bytes([view]) * 300, view)
            journal.prune(view - 3)
            await journal.sync()
        journal.close()

    asyncio.run(run())
    assert len(_segments(tmp_path)) <= 3
    again = Journal(tmp_path, journal_id, 0)
    assert again.lost_reason is None
    views = [record[0] for record in again.records]
    assert views == list(range(views[0], 30))
    assert views[0] <= 27
    again.prune(29)
    again.append(b"x", 30)
    asyncio.run(again.sync())
    again.close()
    assert len(_segments(tmp_path)) == 1


def test_a_removed_middle_or_first_segment_is_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.journal, "SEGMENT_BYTES_MAX", 100)
    journal_id = create_journal(tmp_path)
    sequence = _write(tmp_path, journal_id, [[(bytes(200), view)] for view in range(1, 5)])
    paths = _segments(tmp_path)
    for gone in (paths[0], paths[1], paths[-1]):
        content = gone.read_bytes()
        gone.unlink()
        assert Journal(tmp_path, journal_id, sequence).lost_reason is not None
        gone.write_bytes(content)


def test_many_waiters_share_one_write(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)

    async def run() -> int:
        journal = Journal(tmp_path, journal_id, 0)

        async def one(index: int) -> None:
            journal.append(b"%d" % index, index)
            await journal.sync()

        await asyncio.gather(*(one(index) for index in range(100)))
        assert journal.durable == journal.appended == 100
        journal.close()
        return journal.sequence

    assert asyncio.run(run()) <= 3


@pytest.mark.parametrize("quick_seconds", [0.0, 1_000.0])
def test_the_loop_writes_where_the_disk_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_seconds: float
) -> None:
    monkeypatch.setattr(node.disk_speed, "QUICK_SECONDS", quick_seconds)
    journal_id = create_journal(tmp_path)
    wrote_in: list[int] = []
    sync = os.fdatasync

    def noting(descriptor: int) -> None:
        wrote_in.append(threading.get_ident())
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", noting)

    async def run() -> None:
        journal = Journal(tmp_path, journal_id, 0)
        told: list[int] = []
        journal.on_durable = lambda: told.append(journal.durable)
        for index in range(WRITES_REMEMBERED):
            journal.append(b"%d" % index, index)
            journal.start_sync()
            assert told[-1:] != [index + 1]  # always in a later turn
            await journal.sync()
        assert journal.durable == WRITES_REMEMBERED
        journal.close()

    asyncio.run(run())
    own = threading.get_ident()
    by_loop = [thread == own for thread in wrote_in]
    half = WRITES_REMEMBERED // 2
    by_thread = half + 1 if quick_seconds else WRITES_REMEMBERED
    assert by_loop == [False] * by_thread + [True] * (WRITES_REMEMBERED - by_thread)
    assert len(Journal(tmp_path, journal_id, 0).records) == WRITES_REMEMBERED


def test_what_is_appended_in_a_turn_shares_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each asks for its own, and whatever is appended once it is on disk for the next."""
    monkeypatch.setattr(DiskSpeed, "is_quick", True)
    journal_id = create_journal(tmp_path)

    async def run() -> None:
        journal = Journal(tmp_path, journal_id, 0)
        told: list[int] = []

        def durable() -> None:
            told.append(journal.durable)
            if len(told) == 1:
                journal.append(b"answer", 1)
                journal.start_sync()

        journal.on_durable = durable
        for index in range(3):
            journal.append(b"%d" % index, 1)
            journal.start_sync()
        assert told == []
        await journal.sync()
        assert told == [3]
        await journal.sync()
        assert told == [3, 4]
        assert journal.syncs == 2
        journal.append(b"too late", 1)
        journal.start_sync()
        journal.close()
        await asyncio.sleep(0)
        assert told == [3, 4]

    asyncio.run(run())
    assert Journal(tmp_path, journal_id, 0).records == (b"0", b"1", b"2", b"answer")


@pytest.mark.parametrize("is_quick", [False, True])
def test_after_a_failed_sync_nothing_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_quick: bool
) -> None:
    monkeypatch.setattr(DiskSpeed, "is_quick", is_quick)
    journal_id = create_journal(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        journal = Journal(tmp_path, journal_id, 0)
        journal.append(b"a", 1)
        monkeypatch.setattr(os, "fdatasync", full)
        with pytest.raises(OSError):
            await journal.sync()
        monkeypatch.undo()
        journal.append(b"b", 1)
        with pytest.raises(OSError):
            await journal.sync()
        journal.start_sync()
        await asyncio.sleep(0)
        journal.close()
        assert journal.syncs == 0 and journal.durable == 0

    asyncio.run(run())
    assert b"b" not in Journal(tmp_path, journal_id, 0).records


def test_a_folder_in_use_is_not_made_again(tmp_path: Path) -> None:
    create_journal(tmp_path)
    with pytest.raises(Refused) as refusal:
        create_journal(tmp_path)
    assert refusal.value.code == "file_exists"


def test_compaction_keeps_what_stands_above_the_floor(tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    _write(tmp_path, journal_id, [[(bytes([view]) * 1000, view)] for view in range(1, 50)])

    async def run() -> None:
        journal = Journal(tmp_path, journal_id, 49)
        await journal.compact(48)
        journal.close()

    asyncio.run(run())
    assert sum(path.stat().st_size for path in _segments(tmp_path)) < 4_000
    again = Journal(tmp_path, journal_id, 49)
    assert again.lost_reason is None
    assert [record[0] for record in again.records] == [48, 49]
    again.append(b"more", 50)
    asyncio.run(again.sync())
    again.close()
    assert len(Journal(tmp_path, journal_id, 49).records) == 3
