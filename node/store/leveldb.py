"""LevelDB through plyvel (wheels for Python 3.11 and 3.12)."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import plyvel

from node.store.port import Change
from primitives.errors import Refused

# Memory stays small: a village's machine has little, and objects are cached above the store. But
# each table that a full buffer becomes is merged with all others, since keys are hashes: with a
# million accounts that costs more than anything else, and a quarter less with this buffer than with
# one of 8 MiB. Up to two are held, while much is written. Nothing is compressed (ADR 0031): tables
# are merged and blocks read far more often than the disk is short. Tables of before stay readable.
_WRITE_BUFFER_BYTES = 32 << 20
_BLOCK_CACHE_BYTES = 16 << 20
_BLOOM_BITS = 10
_AFTER_ALL_KEYS = b"\xff" * 64
_LOCKED = "b'IO error: lock "
_CUT_TABLE = ".ldb: Invalid argument"
"""How a table is told whose end is missing: it is read at a place that is not in the file."""


class LevelStore:
    """A `Store` on LevelDB."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: Any = self._open()

    def _open(self) -> Any:
        try:
            return plyvel.DB(
                str(self._folder),
                create_if_missing=True,
                paranoid_checks=True,
                write_buffer_size=_WRITE_BUFFER_BYTES,
                lru_cache_size=_BLOCK_CACHE_BYTES,
                bloom_filter_bits=_BLOOM_BITS,
                compression=None,
            )
        except plyvel.IOError as error:
            if str(error).startswith(_LOCKED):
                raise Refused("data_in_use", str(error)) from error
            raise _unreadable(error) from error
        except plyvel.Error as error:
            raise _unreadable(error) from error

    def get(self, key: bytes) -> bytes | None:
        """See `StoreView`."""
        try:
            value: bytes | None = self._database.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise _unreadable(error) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `StoreView`."""
        # LevelDB counts each `get` that looks into more than one table, and merges a table for so
        # many of them, which costs more than the reading. Iterators are not counted (ADR 0032).
        found: dict[bytes, bytes] = {}
        try:
            with self._database.raw_iterator(verify_checksums=True) as iterator:
                for key in sorted(keys):
                    iterator.seek(key)
                    if iterator.valid() and iterator.key() == key:
                        found[key] = iterator.value()
        except plyvel.Error as error:
            raise _unreadable(error) from error
        return [found.get(key) for key in keys]

    def write(self, changes: Iterable[Change], *, sync: bool) -> None:
        """See `Store`."""
        batch = self._database.write_batch(sync=sync)
        put, delete = batch.put, batch.delete
        # In order of keys, since each is put where the one before it went: a third less work for
        # LevelDB than all over its buffer. Of changes to the same key the last one counts, as ever.
        for key, value in sorted(changes, key=itemgetter(0)):
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            batch.write()
        except plyvel.Error as error:
            raise OSError(f"the store can't be written: {error}") from error

    def iterate(
        self, start: bytes, stop: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `StoreView`."""
        yield from _read(self._iterator(start, stop, reverse))

    def pin(self, start: bytes, stop: bytes | None) -> "LevelRange":
        """See `Store`."""
        return LevelRange(self._iterator(start, stop, False))

    def _iterator(self, start: bytes, stop: bytes | None, reverse: bool) -> Any:
        try:  # making one reads already
            return self._database.iterator(
                start=start, stop=stop, include_stop=False, reverse=reverse, verify_checksums=True
            )
        except plyvel.Error as error:
            raise _unreadable(error) from error

    def release_memory(self) -> None:
        """See `Store`."""
        # Tables are mapped, and each page that was read counts as ours until its table is closed.
        self._database.close()
        self._database = self._open()

    def compact(self) -> None:
        """See `Store`."""
        # Without bounds plyvel writes out what is in memory and compacts nothing.
        self._database.compact_range(start=b"", stop=_AFTER_ALL_KEYS)

    def close(self) -> None:
        """See `Store`."""
        self._database.close()


class LevelRange:
    """A `PinnedRange` on LevelDB, whose iterators see the moment they were made at."""

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """See `PinnedRange`."""
        return _read(self._iterator)

    def close(self) -> None:
        """See `PinnedRange`."""
        self._iterator.close()


def _read(iterator: Any) -> Iterator[tuple[bytes, bytes]]:
    try:
        yield from iterator
    except plyvel.Error as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> Refused:
    corrupt = isinstance(error, plyvel.CorruptionError) or _CUT_TABLE in str(error)
    return Refused("store_corrupt" if corrupt else "store_unreadable", str(error))
