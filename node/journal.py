"""The consensus journal on disk: what this node promised, in the order it promised it.

Records are gathered per turn and written as one *group*, synced before the next group is written.
A quick disk is written by the loop's own thread, any other by one of its own (`disk_speed`).
So a damaged group with a readable one after it was once on the disk: that is corruption, and the
node refuses to start (`journal_corrupt`). A damaged group at the end is a torn write that nobody
was told of: it is cut off.

    folder:  MARK (the journal's id), 00000001.log, 00000002.log, …  (numbers never reused)
    group:   see `node.journal_groups`

The id in MARK also stands in the store. A journal that is gone, has another id, lacks segments or
ends before what the store has seen of it is *lost*: the node may only observe, since it no longer
knows what it signed.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from node.disk_speed import DiskSpeed
from node.journal_groups import (
    GROUP_BYTES_MAX,
    HEAD,
    OLDEST,
    RECORD_HEAD,
    RECORDS,
    any_group_after,
    pack_group,
    read_group,
    split_records,
)
from node.journal_mark import MARK, check_mark, mark_of
from primitives.errors import InvariantBroken, Refused

SEGMENT_BYTES_MAX = 8 << 20
JOURNAL_ID_BYTES = 16


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    view_max: int
    """Highest view of a record in it; it may go once that may be pruned."""


def create_journal(folder: Path) -> bytes:
    """Make an empty journal and return its id, to be kept in the store. Refuses `file_exists`."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Refused("file_exists", f"{folder} is not empty")
    journal_id = secrets.token_bytes(JOURNAL_ID_BYTES)
    with (folder / MARK).open("x", encoding="ascii") as mark:
        mark.write(mark_of(journal_id))
        mark.flush()
        os.fsync(mark.fileno())
    _sync_folder(folder)
    return journal_id


class Journal:
    """The journal, recovered and open for appending.

    `lost_reason` is None for a whole journal; else nothing may be signed, and nothing is written.
    """

    def __init__(self, folder: Path, journal_id: bytes, sequence_seen: int) -> None:
        """Recover from `folder`. `sequence_seen` is the newest group that the store knows of.

        Raises Refused `journal_corrupt`, `data_of_newer_version`.
        """
        self._folder = folder
        self._segments: list[_Segment] = []
        self._oldest_kept = 1
        self._sequence = 0  # the newest group written; only who writes counts it up
        self._bytes_in_segment = 0
        self._file: int | None = None
        self._pending: list[bytes] = []
        self._pending_view = 0
        self._appended = 0
        self._durable = 0
        self._writing = False
        self._closed = False
        self._waiters: list[asyncio.Future[None]] = []
        self.on_durable: Callable[[], None] = _nobody
        """Called after each write, also after one that failed (see `failure`)."""
        self._failure: Exception | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._disk = DiskSpeed()
        self.bytes_written = 0
        self.syncs = 0
        self.records: tuple[bytes, ...] = ()
        """What was recovered, in the order it was written."""
        self._record_views: list[int] = []
        self.lost_reason = self._recover(journal_id)
        self._sequence_durable = self._sequence
        if self.lost_reason is None and self._sequence < sequence_seen:
            self.lost_reason = "the journal ends before what the store has seen of it"

    @property
    def sequence(self) -> int:
        """The newest group that is known to be on disk."""
        return self._sequence_durable

    @property
    def appended(self) -> int:
        """How many records were appended since the start; a position to wait for."""
        return self._appended

    @property
    def durable(self) -> int:
        """How many of them are on disk."""
        return self._durable

    def append(self, record: bytes, view: int) -> None:
        """Add a record to the next group; `view` says when it may be pruned."""
        self._appended += 1
        if self.lost_reason is None:
            self._pending.append(RECORD_HEAD.pack(view, len(record)))
            self._pending.append(record)
            self._pending_view = max(self._pending_view, view)

    def start_sync(self) -> None:
        """Begin to write what was appended; `on_durable` is called, on the loop, once it is there.

        While a write is under way, all that is appended meanwhile becomes the next one. The loop
        writes at the end of its turn, so that all that is appended in the turn shares the sync.
        """
        if self._writing or self._failure is not None or self._durable == self._appended:
            return
        self._writing = True
        loop = asyncio.get_running_loop()
        if self._disk.is_quick:
            loop.call_soon(self._write_here)
        else:
            self._thread.submit(self._write_in_thread, loop, *self._take())

    async def sync(self) -> None:
        """Until everything appended before this call is on disk.

        Raises OSError where the disk refuses, then and on every later call.
        """
        wanted = self._appended
        while self._durable < wanted and self._failure is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self.start_sync()
            await waiter
        if self._failure is not None:
            raise self._failure

    def prune(self, floor_view: int) -> None:
        """Let go of segments whose views are all at most `floor_view`, after the next group."""
        kept = next(
            (s.number for s in self._segments[:-1] if s.view_max > floor_view),
            self._segments[-1].number if self._segments else self._oldest_kept,
        )
        self._oldest_kept = max(self._oldest_kept, kept)

    @property
    def is_writing(self) -> bool:
        """Whether a write is under way, or about to begin."""
        return self._writing

    def renew(self, journal_id: bytes, records: Sequence[tuple[bytes, int]]) -> None:
        """A lost journal is begun anew with these (record, position); what is left of the old one
        is moved aside. Until the last step, the journal counts as lost. Raises OSError."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        aside = self._folder / f"lost-{secrets.token_hex(4)}"
        aside.mkdir(parents=True, mode=0o700)
        for path in self._folder.glob("*.log"):
            path.rename(aside / path.name)
        self._segments, self._oldest_kept, self._sequence = [], 1, 0
        self.records, self._record_views = tuple([record for record, _ in records]), []
        heads = [RECORD_HEAD.pack(at, len(record)) + record for record, at in records]
        self._write(b"".join(heads), max([at for _, at in records], default=0))
        self._sequence_durable = self._sequence
        mark = self._folder / f"{MARK}.new"
        with mark.open("w", encoding="ascii") as file:
            file.write(mark_of(journal_id))
            file.flush()
            os.fsync(file.fileno())
        mark.rename(self._folder / MARK)
        _sync_folder(self._folder)
        self.lost_reason = None

    async def compact(self, floor_view: int) -> None:
        """Write what was recovered of views from `floor_view` on into a new segment, and let go
        of all others. For a node that does not run otherwise; nothing was appended since."""
        if self.lost_reason is not None or not self._segments:
            return
        for record, view in zip(self.records, self._record_views, strict=True):
            if view >= floor_view:
                self.append(record, view)
        self._bytes_in_segment = SEGMENT_BYTES_MAX
        self._oldest_kept = self._segments[-1].number + 1
        await self.sync()

    @property
    def failure(self) -> Exception | None:
        """Why nothing can be promised any more."""
        return self._failure

    def close(self) -> None:
        """Wait for the write under way and close; what was not synced is gone."""
        self._closed = True
        self._thread.shutdown(wait=True)
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # -- writing ------------------------------------------------------------------------------

    def _take(self) -> tuple[bytes, int, int]:
        """What waits, as one group's content, with its highest view and its last position."""
        content, view = b"".join(self._pending), self._pending_view
        self._pending, self._pending_view = [], 0
        return content, view, self._appended

    def _write_here(self) -> None:
        """On the loop, in a turn of its own."""
        if not self._closed:
            content, view, upto = self._take()
            self._written(upto, self._try_to_write(content, view))

    def _write_in_thread(
        self, loop: asyncio.AbstractEventLoop, content: bytes, view: int, upto: int
    ) -> None:
        failure = self._try_to_write(content, view)
        if not self._closed:
            loop.call_soon_threadsafe(self._written, upto, failure)

    def _try_to_write(self, content: bytes, view: int) -> Exception | None:
        """In the journal's thread, or the loop's; never in both, since one write is under way."""
        started = time.monotonic()
        try:
            if content:
                self._write(content, view)
        except (OSError, InvariantBroken) as error:
            return error
        finally:
            self._disk.note(time.monotonic() - started)
        return None

    def _written(self, upto: int, failure: Exception | None) -> None:
        self._writing = False
        if failure is None:
            self.syncs += 1
            self._durable = upto
            self._sequence_durable = self._sequence  # no other write began since
        else:
            # What a failed sync left on the disk is unknown for good: there is no second try.
            self._failure = failure
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._failure is None and self._pending:
            self.start_sync()
        self.on_durable()

    def _write(self, content: bytes, view: int) -> None:
        """Write one group, sync it, remove what may go."""
        if len(content) > GROUP_BYTES_MAX:
            raise InvariantBroken(f"a journal group of {len(content)} bytes")
        gone = [s for s in self._segments if s.number < self._oldest_kept]
        if self._file is None or self._bytes_in_segment >= SEGMENT_BYTES_MAX:
            self._begin_segment()
        groups = self._group(RECORDS, content)
        if gone:
            groups += self._group(OLDEST, self._oldest_kept.to_bytes(8, "big"))
        self._put(groups)
        self._segments[-1].view_max = max(self._segments[-1].view_max, view)
        for segment in gone:
            segment.path.unlink(missing_ok=True)
            self._segments.remove(segment)

    def _put(self, content: bytes) -> None:
        if self._file is None:
            raise InvariantBroken("the journal has no open segment")
        unwritten = memoryview(content)
        while unwritten:
            unwritten = unwritten[os.write(self._file, unwritten) :]
        os.fdatasync(self._file)
        self._bytes_in_segment += len(content)
        self.bytes_written += len(content)

    def _group(self, kind: int, content: bytes) -> bytes:
        self._sequence += 1
        return pack_group(self._sequence, kind, content)

    def _begin_segment(self) -> None:
        number = self._segments[-1].number + 1 if self._segments else self._oldest_kept
        path = self._folder / f"{number:08}.log"
        if self._file is not None:
            os.close(self._file)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        _sync_folder(self._folder)
        self._segments.append(_Segment(number, path, 0))
        self._bytes_in_segment = 0

    # -- recovery -----------------------------------------------------------------------------

    def _recover(self, journal_id: bytes) -> str | None:
        try:
            mark = (self._folder / MARK).read_text("ascii")
            check_mark(mark, self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return "the journal is gone"
        except ValueError:
            mark = ""
        if mark != mark_of(journal_id):
            return "the journal is another node's"
        paths = sorted(self._folder.glob("*.log"))
        numbers = [int(path.stem) for path in paths]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            return "a segment of the journal is missing"
        records: list[bytes] = []
        for index, path in enumerate(paths):
            segment = _Segment(int(path.stem), path, 0)
            records += self._recover_segment(segment, is_last=index == len(paths) - 1)
            self._segments.append(segment)
        self.records = tuple(records)
        if numbers and numbers[0] > self._oldest_kept:
            return "the journal's oldest segment is missing"
        if self._segments:
            self._file = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
        return None

    def _recover_segment(self, segment: _Segment, *, is_last: bool) -> list[bytes]:
        path = segment.path
        raw = path.read_bytes()
        records: list[bytes] = []
        position = 0
        while position < len(raw):
            group = read_group(raw, position)
            if group is None:
                if not is_last or any_group_after(raw, position + 1):
                    raise Refused(
                        "journal_corrupt",
                        f"damaged at byte {position}",
                        file=str(path),
                    )
                self._cut(path, position)
                break
            sequence, kind, content = group
            if self._sequence and sequence != self._sequence + 1:
                raise Refused("journal_corrupt", f"out of order at byte {position}", file=str(path))
            self._sequence = sequence
            if kind == OLDEST:
                self._oldest_kept = int.from_bytes(content, "big")
            else:
                for view, record in split_records(content, path):
                    segment.view_max = max(segment.view_max, view)
                    self._record_views.append(view)
                    records.append(record)
            position += HEAD.size + len(content)
        self._bytes_in_segment = position
        return records

    def _cut(self, path: Path, length: int) -> None:
        with path.open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())


def _nobody() -> None:
    """Before anyone listens."""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
