"""RocksDB through rocksdict (wheels for Python 3.11 to 3.14)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    RdictIter,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from node.store.port import Change
from primitives.errors import InvariantBroken, Refused

_WRITE_BUFFER_BYTES = 8 << 20
_BLOCK_CACHE_BYTES = 16 << 20
_LOG_FILES_KEPT = 2
_LOG_FILE_BYTES = 1 << 20


class RocksStore:
    """A `Store` on RocksDB."""

    def __init__(self, folder: Path) -> None:
        try:
            self._database = Rdict(str(folder), _options(), access_type=AccessType.read_write())
        except Exception as error:  # rocksdict raises bare Exception
            raise _refused(error) from error
        self._closed = False
        self._synced = WriteOptions()
        self._synced.sync = True
        self._unsynced = WriteOptions()

    def get(self, key: bytes) -> bytes | None:
        """See `Store`."""
        try:
            value: bytes | None = self._database.get(key)
        except Exception as error:  # rocksdict raises bare Exception
            raise _refused(error) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `StoreView`."""
        try:
            values: Any = self._database.get(list(keys))
        except Exception as error:  # rocksdict raises bare Exception
            raise _refused(error) from error
        return list(values)

    def write(self, changes: Iterable[Change], *, sync: bool) -> None:
        """See `Store`."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._database.write(batch, self._synced if sync else self._unsynced)
        except Exception as error:  # rocksdict raises bare Exception
            raise OSError(f"the store can't be written: {error}") from error

    def iterate(
        self, start: bytes, stop: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `Store`."""
        return _read(self._database.iter(ReadOptions()), start, stop, reverse)

    def pin(self, start: bytes, stop: bytes | None) -> "RocksRange":
        """See `Store`."""
        return RocksRange(self._database.iter(ReadOptions()), start, stop)

    def release_memory(self) -> None:
        """See `Store`: its block cache is bounded, and no file is mapped."""

    def compact(self) -> None:
        """See `Store`."""
        self._database.flush()
        self._database.compact_range(None, None)

    def close(self) -> None:
        """See `Store`."""
        if not self._closed:
            self._closed = True
            self._database.close()


class RocksRange:
    """A `PinnedRange` on RocksDB, whose iterators see the moment they were made at. (Iterators of
    rocksdict's own snapshots do not: they see what was written since.)"""

    def __init__(self, iterator: RdictIter, start: bytes, stop: bytes | None) -> None:
        self._iterator: RdictIter | None = iterator
        self._start, self._stop = start, stop

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """See `PinnedRange`."""
        if self._iterator is None:
            raise InvariantBroken("a moment is read that was let go")
        return _read(self._iterator, self._start, self._stop, False)

    def close(self) -> None:
        """See `PinnedRange`."""
        self._iterator = None  # rocksdict lets it go with its last reference


def _read(
    iterator: RdictIter, start: bytes, stop: bytes | None, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    if reverse:
        if stop is None:
            iterator.seek_to_last()
        else:
            iterator.seek_for_prev(stop)
            if iterator.valid() and iterator.key() == stop:
                iterator.prev()
    else:
        iterator.seek(start)
    while iterator.valid():
        key: bytes = iterator.key()
        if (key < start) if reverse else (stop is not None and key >= stop):
            return
        yield key, iterator.value()
        if reverse:
            iterator.prev()
        else:
            iterator.next()
    # It ends at damage as it does at the end.
    try:
        iterator.status()
    except Exception as error:  # rocksdict raises bare Exception
        raise _refused(error) from error


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_compression_type(DBCompressionType.snappy())
    options.set_keep_log_file_num(_LOG_FILES_KEPT)
    options.set_max_log_file_size(_LOG_FILE_BYTES)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(_BLOCK_CACHE_BYTES))
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


def _refused(error: Exception) -> Refused:
    text = str(error)
    if "orruption" in text:  # first: it tells of blocks, which "lock" is in
        return Refused("store_corrupt", text)
    return Refused("data_in_use" if "lock" in text.lower() else "store_unreadable", text)
