"""The snapshots that a node holds: the newest two, made at the same heights as everywhere.

A snapshot is due at the first block of each new period of block time, so that all members hold the
same ones and a new node can fetch the parts of one from several of them at once.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from consensus.header import Header
from node.snapshots.making import (
    MANIFEST_FILE,
    Abandoned,
    Pace,
    SnapshotSource,
    make_snapshot,
    objects_file,
)
from node.snapshots.manifest import Manifest
from node.snapshots.parts import check_objects, check_receipts, receipts_in
from node.store import PinnedRange
from primitives.errors import InvariantBroken, Refused

SNAPSHOT_MS = 86_400_000
SNAPSHOTS_KEPT = 2
_ENDINGS = (OSError, InvariantBroken, Refused)


@dataclass(frozen=True)
class Held:
    """One whole snapshot on this disk."""

    manifest: Manifest
    folder: Path


@dataclass(frozen=True)
class Due:
    """A snapshot whose objects are pinned; the rest is known once its block is on disk."""

    header: Header
    slots: int
    objects: PinnedRange
    newer: dict[bytes, bytes] = field(repr=False)
    receipts: int


class SnapshotShelf:
    """See the module's docstring. Called on the loop's thread, but for `read_part`."""

    def __init__(
        self,
        folder: Path,
        period_ms: int,
        ids_between: Callable[[int, int], Iterator[bytes]],
        chunk_roots: Callable[[], Sequence[bytes]],
    ) -> None:
        self._folder = folder
        self._period_ms = period_ms
        self._ids_between = ids_between
        self._chunk_roots = chunk_roots
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._closing = threading.Event()
        self._making = False
        self._held: list[Held] = []
        self._log = structlog.get_logger("snapshots")
        self._look()

    # -- making -------------------------------------------------------------------------------

    def is_due(self, parent_time_ms: int, header: Header) -> bool:
        """Whether a snapshot belongs to this block, and one can be made now."""
        begins = parent_time_ms // self._period_ms < header.time_ms // self._period_ms
        return begins and self.may_make

    @property
    def may_make(self) -> bool:
        """Whether one can be made now."""
        return not self._making and not self._closing.is_set()

    def make(self, due: Due) -> None:
        """Make it, in this class's thread: its block is on disk."""
        self._making = True
        source = SnapshotSource(
            due.header,
            due.slots,
            due.objects,
            due.newer,
            due.receipts,
            self._ids_between,
            self._chunk_roots(),
        )
        self._thread.submit(self._make, source)

    def _make(self, source: SnapshotSource) -> None:
        height = source.header.height
        try:
            folder = self._folder / str(height)
            if not folder.exists():
                pace = Pace(lambda: not self._closing.is_set())
                manifest = make_snapshot(source, folder, pace)
                self._log.info("snapshot_made", height=height, parts=manifest.parts)
                self._look()
        except Abandoned:
            pass
        except _ENDINGS as error:
            # The chain goes on: whoever needs a snapshot has other members to ask.
            self._log.error("snapshot_failed", height=height, reason=str(error))
        finally:
            source.objects.close()
            self._making = False

    def _look(self) -> None:
        """See what is there; what is older than the newest ones, or half made, goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found: list[Held] = []
        for folder in self._folder.iterdir():
            try:
                manifest = Manifest.decode((folder / MANIFEST_FILE).read_bytes())
                if folder.name == str(manifest.height):
                    manifest.check()
                    found.append(Held(manifest, folder))
                    continue
            except (OSError, Refused):
                pass
            shutil.rmtree(folder, ignore_errors=True)
        found.sort(key=lambda held: -held.manifest.height)
        for old in found[SNAPSHOTS_KEPT:]:
            shutil.rmtree(old.folder, ignore_errors=True)
        self._held = found[:SNAPSHOTS_KEPT]

    # -- reading ------------------------------------------------------------------------------

    @property
    def held(self) -> Sequence[Held]:
        """Newest first."""
        return self._held

    @property
    def oldest_height(self) -> int | None:
        """From which height on blocks are needed by whoever begins with one of these. Under
        CometBFT such a one wants to see the header below the snapshot's too."""
        return self._held[-1].manifest.height - 1 if self._held else None

    def at(self, height: int) -> Held | None:
        """The snapshot at a height."""
        return next((held for held in self._held if held.manifest.height == height), None)

    def read_part(self, held: Held, part: int) -> bytes:
        """A part's bytes, checked: a damaged disk must not make a liar of us. Slow; for a thread.

        Refuses `snapshot_wrong`, and raises OSError for what can't be read.
        """
        manifest = held.manifest
        if part < len(manifest.object_roots):
            content = objects_file(held.folder, part).read_bytes()
            check_objects(manifest, part, content)
            return content
        chunk = part - len(manifest.object_roots)
        content = b"".join(self._ids_between(*receipts_in(manifest, chunk)))
        check_receipts(manifest, chunk, content)
        return content

    def close(self) -> None:
        """Stop making; what is half made goes."""
        self._closing.set()
        self._thread.shutdown(wait=True)
