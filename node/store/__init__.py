"""The embedded store behind one small port, in two kinds; a data folder is of one of them."""

from pathlib import Path

from node.store.port import Change, PinnedRange, Store, StoreView, after_prefix
from primitives.errors import Refused

STORE_KINDS = ("leveldb", "rocksdb")
_KIND_FILE = "KIND"

__all__ = [
    "STORE_KINDS",
    "Change",
    "PinnedRange",
    "Store",
    "StoreView",
    "after_prefix",
    "open_store",
]


def open_store(folder: Path, kind: str) -> Store:
    """Open, or make, the store of this kind in `folder`.

    Refuses `store_of_other_kind`, `store_unknown`, `data_in_use`, `store_corrupt`,
    `store_unreadable`.
    """
    if kind not in STORE_KINDS:
        raise Refused("store_unknown", f"{kind!r} is none of {', '.join(STORE_KINDS)}")
    folder.mkdir(parents=True, exist_ok=True)
    kind_file = folder / _KIND_FILE
    try:
        found = kind_file.read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        if any(folder.iterdir()):
            raise Refused("store_corrupt", f"{folder} has files but no {_KIND_FILE}") from None
        kind_file.write_text(f"{kind}\n", "ascii")
        found = kind
    if found not in STORE_KINDS:
        raise Refused("store_corrupt", f"{kind_file} can't be read")
    if found != kind:
        raise Refused("store_of_other_kind", f"{folder} holds {found}, not {kind}")
    # Imported here: each brings a large library, and one of the two may have no wheel.
    if kind == "leveldb":
        from node.store.leveldb import LevelStore

        return LevelStore(folder / kind)
    from node.store.rocksdb import RocksStore

    return RocksStore(folder / kind)
